"""Assemble the listed markets of a generated or a recorded session."""

from collections.abc import Mapping

from services.simulator.domain.bars import BarSource
from services.simulator.domain.generated import GeneratedSource
from services.simulator.domain.market import SymbolMarket
from services.simulator.domain.universe import Traits, generated_traits, symbols

Markets = Mapping[str, SymbolMarket]


def generated_markets(seed: int, count: int) -> dict[str, SymbolMarket]:
    """Return `count` generated markets, BTC first: it is the factor that others follow."""
    listed: dict[str, SymbolMarket] = {}
    btc: GeneratedSource | None = None
    for symbol in symbols(count):
        traits = generated_traits(seed, symbol)
        source = GeneratedSource(seed, traits, btc)
        btc = btc or source
        listed[symbol] = SymbolMarket(seed, traits, source)
    return listed


def recorded_markets(seed: int, sources: Mapping[str, tuple[Traits, BarSource]]) -> dict[str, SymbolMarket]:
    """Return one market per recorded symbol."""
    return {symbol: SymbolMarket(seed, traits, source) for symbol, (traits, source) in sources.items()}
