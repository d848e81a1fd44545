"""Starts the orchestrator: `python -m services.orchestrator`."""

from services.orchestrator.service import main

if __name__ == "__main__":
    main()
