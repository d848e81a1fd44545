"""Judges a partition's markets at one time: universe, features, filters, score and levels in one pass."""

from typing import NamedTuple

import numpy as np

from services.scanner.domain.features import Features, measure
from services.scanner.domain.filters import checks, filters
from services.scanner.domain.folding import Owns
from services.scanner.domain.levels import build_levels
from services.scanner.domain.observed import Observed
from services.scanner.domain.observing import observe, turnovers
from services.scanner.domain.score import components, scores, summands
from services.scanner.domain.state import ScannerState
from services.scanner.domain.universe import reference_of, select
from shared.contracts.preset import Preset
from shared.contracts.scan import Level, MarketScore
from shared.market.bars import Bars
from shared.market.columns import Ints
from shared.market.window import BarWindow

# A symbol without any bar among the last of these is no longer traded.
RECENT_BARS = 12


class Scan(NamedTuple):
    """What a scan says: every market, best first, and the levels, strongest first per symbol."""

    markets: tuple[MarketScore, ...]
    levels: tuple[Level, ...]


def scan(state: ScannerState, preset: Preset, time_ms: int, owns: Owns) -> Scan:
    """Judge all markets of the partition that the preset admits; those without any price are left out."""
    chosen = select(state.bases, turnovers(state.tickers), preset.scanner_config)
    symbols = tuple(symbol for symbol in chosen if owns(symbol))
    if not symbols:
        return Scan((), ())
    btc = reference_of(state.bases)
    columns = symbols if btc is None or btc in symbols else (*symbols, btc)
    times, bars = lined_up(state.window, columns)
    with_btc = measure(times, bars, None if btc is None else columns.index(btc))
    features = Features(*(field[: len(symbols)] for field in with_btc))
    own = Bars(*(field[:, : len(symbols)] for field in bars))
    return Scan(
        _markets(symbols, features, observe(state, symbols, time_ms), preset),
        tuple(build_levels(times, own, symbols, features.atr_5m, preset.levels_rules)),
    )


def lined_up(window: BarWindow, symbols: tuple[str, ...]) -> tuple[Ints, Bars]:
    """Return times and bars `[rows, symbols]` up to the newest row that most traded symbols have reached.

    The bars of one moment arrive in several records. A symbol that is not in the window has missing bars only.
    """
    if window.last_open_time_ms is None:
        return np.empty(0, dtype=np.int64), Bars(*(np.empty((0, len(symbols))) for _ in Bars._fields))
    known = [i for i, symbol in enumerate(symbols) if symbol in window.column_of]
    columns = [window.column_of[symbols[i]] for i in known]
    bars = Bars(*(np.take(field, columns, axis=1) for field in window.bars))
    if len(known) < len(symbols):
        filled = np.full((len(Bars._fields), window.capacity, len(symbols)), np.nan)
        filled[:, :, known] = np.stack(bars)
        bars = Bars(*filled)
    recent = bars.rows(-RECENT_BARS).present
    reached = recent.sum(axis=1) * 2 >= recent.any(axis=0).sum()
    # argmax from the end: the number of newest rows that too few have reached.
    behind = int(reached[::-1].argmax()) if reached.any() else 0
    stop = window.capacity - behind
    return window.open_time_ms[:stop], bars.rows(0, stop)


def _markets(
    symbols: tuple[str, ...], features: Features, observed: Observed, preset: Preset
) -> tuple[MarketScore, ...]:
    weights = preset.scanner_config.score_weights
    values = components(features, observed, weights)
    total = scores(values, weights, len(symbols)).tolist()
    parts = summands(values, weights, len(symbols))
    verdicts, passed = checks(filters(features, observed, preset))
    price = np.where(np.isnan(features.price), observed.last_px, features.price).tolist()
    correlation = features.btc_correlation.tolist()
    found = [
        MarketScore(
            symbol=symbol,
            score=total[i],
            passed=bool(passed[i]),
            price=price[i],
            btc_correlation=None if np.isnan(correlation[i]) else correlation[i],
            filters=verdicts[i],
            components=parts[i],
        )
        for i, symbol in enumerate(symbols)
        if not np.isnan(price[i])
    ]
    return tuple(sorted(found, key=lambda market: (-market.score, market.symbol)))
