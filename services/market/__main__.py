"""Starts the market service: `python -m services.market`."""

from services.market.service import main

main()
