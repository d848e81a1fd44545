"""Wires the market service: one edge, no processor."""

from services.market.adapters.market_edge import MarketEdge
from services.market.settings import MarketSettings
from shared.contracts.desk import DeskOpened
from shared.runtime.service import Parts, run_service


def build(settings: MarketSettings, _opened: DeskOpened) -> Parts:
    """Return what the market service consists of."""
    return Parts(edges=(MarketEdge(settings),))


def main() -> None:
    """Run the service until a signal ends it."""
    run_service("market", MarketSettings, build)
