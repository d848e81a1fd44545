"""Starts the signal service: `python -m services.signals`."""

from services.signals.service import main

if __name__ == "__main__":
    main()
