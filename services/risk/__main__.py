"""Starts the risk service: `python -m services.risk`."""

from services.risk.service import main

if __name__ == "__main__":
    main()
