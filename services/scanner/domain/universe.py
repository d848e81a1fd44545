"""Choose the markets that a scan judges: listed, wanted by the preset, large enough by turnover.

The choice needs the tickers of the whole venue, so every partition makes the same one and keeps its share.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isnan

import msgspec

from shared.contracts.preset import ScannerConfig

BTC_BASES = ("BTC", "XBT")
BTC_SYMBOL = "BTC/USDT:USDT"


class Turnover(msgspec.Struct, frozen=True, kw_only=True):
    """What the choice looks at; NaN where the venue does not tell."""

    volume_24h_usd: float
    change_24h_frac: float


UNKNOWN = Turnover(volume_24h_usd=float("nan"), change_24h_frac=float("nan"))


def canonical(symbol: str) -> str:
    """Return the name under which spellings of a market are the same: BTCUSDT and BTC/USDT:USDT."""
    return symbol.partition(":")[0].replace("/", "").replace("-", "").replace("_", "").upper()


def reference_of(bases: Mapping[str, str]) -> str | None:
    """Return the symbol of the BTC market among `symbol: base`, the USDT perpetual first; None without one."""
    found = [symbol for symbol, base in bases.items() if base in BTC_BASES]
    return min(found, key=lambda symbol: (symbol != BTC_SYMBOL, ":" not in symbol, symbol), default=None)


def select(listed: Iterable[str], tickers: Mapping[str, Turnover], config: ScannerConfig) -> tuple[str, ...]:
    """Return the symbols to judge, sorted by name.

    Whitelist, blacklist, the largest by 24 h turnover, then the gates for risers and fallers (specification 2.2).
    A market whose turnover or change is unknown ranks last and passes no gate.
    """
    symbols = sorted(listed)
    if config.symbol_whitelist is not None:
        wanted = {canonical(symbol) for symbol in config.symbol_whitelist}
        symbols = [symbol for symbol in symbols if canonical(symbol) in wanted]
    banned = {canonical(symbol) for symbol in config.symbol_blacklist or ()}
    symbols = [symbol for symbol in symbols if canonical(symbol) not in banned]
    symbols = _largest(symbols, lambda s: tickers.get(s, UNKNOWN).volume_24h_usd, config.top_n_by_volume)
    return tuple(sorted(_gated(symbols, tickers, config)))


def _gated(symbols: list[str], tickers: Mapping[str, Turnover], config: ScannerConfig) -> list[str]:
    def change_pct(symbol: str) -> float:
        return 100.0 * tickers.get(symbol, UNKNOWN).change_24h_frac

    risers, fallers = config.gainers_filter, config.losers_filter
    if risers is not None and risers.enabled:
        risen = [s for s in symbols if change_pct(s) >= risers.min_24h_change_pct]
        symbols = _largest(risen, change_pct, risers.top_n_gainers)
    if fallers is not None and fallers.enabled:
        fallen = [s for s in symbols if change_pct(s) <= fallers.max_24h_change_pct]
        symbols = _largest(fallen, lambda s: -change_pct(s), fallers.top_n_losers)
    return symbols


def _largest(symbols: list[str], size: Callable[[str], float], count: int | None) -> list[str]:
    if count is None:
        return symbols

    def rank(symbol: str) -> tuple[bool, float, str]:
        value = size(symbol)
        return (isnan(value), 0.0 if isnan(value) else -value, symbol)

    return sorted(symbols, key=rank)[:count]
