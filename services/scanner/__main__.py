"""Starts a scanner: `python -m services.scanner`."""

from services.scanner.service import main

if __name__ == "__main__":
    main()
