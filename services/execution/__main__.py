"""Starts the execution service: `python -m services.execution`."""

from services.execution.service import main

main()
