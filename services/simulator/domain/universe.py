"""Decide which markets the generated exchange lists and what each is like.

Traits are drawn per symbol from the seed: price, tick, turnover, volatility, kinship with BTC.
"""

from decimal import Decimal
from math import exp, floor, log, log10

import msgspec

from services.simulator.domain.dice import dice
from shared.venue.instrument import Instrument

MAJORS = {"BTC": 64_000.0, "ETH": 3_100.0, "BNB": 590.0, "SOL": 148.0}
# fmt: off
BASES = [
    "BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "DOT", "AVAX", "LINK", "UNI", "LTC", "BCH",
    "ATOM", "NEAR", "APT", "ARB", "OP", "SUI", "INJ", "TIA", "SEI", "FIL", "ETC", "XLM", "TRX", "ICP",
    "HBAR", "VET", "ALGO", "AAVE", "MKR", "SNX", "CRV", "COMP", "LDO", "RUNE", "GRT", "SAND", "MANA",
    "AXS", "GALA", "IMX", "CHZ", "ENJ", "FLOW", "EGLD", "THETA", "FTM", "KAVA", "ZIL", "ONE", "CELO",
    "QTUM", "ZEC", "DASH", "XMR", "EOS", "NEO", "IOTA", "WAVES", "KSM", "YFI", "SUSHI", "1INCH", "BAT",
    "ZRX", "OCEAN", "FET", "AGIX", "RNDR", "WLD", "PEPE", "SHIB", "FLOKI", "BONK", "WIF", "ORDI", "STX",
    "JUP", "PYTH", "STRK", "DYM", "MANTA", "ALT", "JTO", "BLUR", "GMX", "DYDX", "PENDLE", "ENA", "W",
    "ETHFI", "TON", "NOT", "ZRO", "ZK", "IO", "LISTA", "BLAST", "RENDER", "POL", "KAS", "TAO", "AR",
    "MINA", "ROSE", "SKL", "ANKR", "LRC", "MASK", "API3", "BAND", "STORJ", "CTSI", "COTI",
]
# fmt: on


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol is like; fractions are of the price, turnover is USD per 24 hours."""

    instrument: Instrument
    price: float
    turnover_usd: float
    atr_frac: float
    btc_beta: float
    spread_bps: float
    trades_per_minute: float
    open_interest_usd: float
    phase_minutes: int


def symbols(count: int) -> tuple[str, ...]:
    """Return the first `count` listed symbols; numbered names follow when the real ones run out."""
    names = [*BASES, *(f"COIN{index}" for index in range(len(BASES), count))]
    return tuple(f"{name}USDT" for name in names[:count])


def generated_traits(seed: int, symbol: str) -> Traits:
    """Draw a symbol's traits; the four majors keep the magnitudes people expect."""
    rng = dice(seed, symbol, "traits")
    base = symbol.removesuffix("USDT")
    is_btc = base == "BTC"
    price = MAJORS.get(base) or exp(rng.uniform(log(0.02), log(400.0)))
    turnover = 2.4e9 if is_btc else exp(min(rng.normal(log(1.1e8), 0.9), log(1.6e9)))
    turnover = max(turnover, 2.2e7)
    return Traits(
        instrument=instrument_for(symbol, base, "USDT", price),
        price=price,
        turnover_usd=turnover,
        atr_frac=0.0028 if is_btc else float(rng.uniform(0.0038, 0.0082)),
        btc_beta=0.0 if is_btc else _beta(rng.random(), rng.random()),
        spread_bps=spread_for(turnover),
        trades_per_minute=trade_rate_for(turnover),
        open_interest_usd=turnover * float(rng.uniform(0.15, 0.5)),
        phase_minutes=5 * int(rng.integers(0, 288)),
    )


def instrument_for(
    symbol: str, base: str, quote: str, price: float, tick: Decimal | None = None
) -> Instrument:
    """Return the trading rules that suit a price: five digits of it, and lots of about five dollars."""
    tick_size = tick or Decimal(1).scaleb(floor(log10(price)) - 4)
    lot_exponent = min(floor(log10(5.0 / price)), 4)
    lot_size = Decimal(1).scaleb(max(lot_exponent, -4))
    largest = (Decimal(int(2_000_000 / price) + 1) // lot_size + 1) * lot_size
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=tick_size,
        lot_size=lot_size,
        min_quantity=lot_size,
        max_quantity=largest,
        max_market_quantity=(largest // 2 // lot_size + 1) * lot_size,
        min_notional=Decimal(5),
    )


def spread_for(turnover_usd: float) -> float:
    """Return the typical spread in basis points: about 1 for billions a day, 8 for twenty millions."""
    return min(max(8.0 * exp(-0.45 * log(turnover_usd / 2e7)), 0.6), 12.0)


def trade_rate_for(turnover_usd: float) -> float:
    """Return the typical number of prints per minute."""
    return min(max(10.0 * exp(0.35 * log(turnover_usd / 2e7)), 6.0), 60.0)


def _beta(kind: float, size: float) -> float:
    if kind < 0.55:
        return 0.08 * size
    if kind < 0.85:
        return 0.08 + 0.2 * size
    return 0.3 + 0.6 * size
