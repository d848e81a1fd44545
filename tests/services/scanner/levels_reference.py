"""Levels of one market by plain loops over its bars: specification 2.6, sentence by sentence."""

from itertools import pairwise

from services.scanner.domain.levels import LEVELS_KEPT
from shared.contracts.scan import Level, LevelKind
from shared.market.bars import Bars

Series = list[float]


def levels(symbol: str, times: list[int], bars: Bars, atr: float, touches_min: int) -> list[Level]:
    """`bars` are `[rows]` without holes."""
    _, high, low, close, volume = (field.tolist() for field in bars)
    atr = atr if atr > 0 else 0.01 * max(close)
    found = []
    for kind, extremes in ((LevelKind.RESISTANCE, high), (LevelKind.SUPPORT, low)):
        sign = 1 if kind is LevelKind.RESISTANCE else -1
        prices = merged(candidates([sign * x for x in extremes], volume), 0.5 * atr, sign)
        built = [
            level
            for price in prices
            if (level := judged(symbol, kind, price, times, bars, 0.5 * atr)).touches >= touches_min
        ]
        kept: list[Level] = []
        for level in sorted(built, key=lambda each: (-each.strength, each.price)):
            if all(abs(level.price - other.price) >= 2 * atr for other in kept):
                kept.append(level)
        found += kept[:LEVELS_KEPT]
    return sorted(found, key=lambda each: (-each.strength, each.kind, each.price))[:LEVELS_KEPT]


def candidates(high: Series, volume: Series) -> set[float]:
    last = len(high) - 1
    found = {
        max(high[end - period + 1 : end + 1])
        for period in (10, 15, 20, 30)
        for end in range(last - 9, last + 1)
        if end - period + 1 >= 0
    }
    found |= {
        high[t]
        for t in range(2, last - 1)
        if high[t] > max(high[t - 2], high[t - 1], high[t + 1], high[t + 2])
    }
    heavy = quantile(volume, 0.85)
    return found | {x for x, v in zip(high, volume, strict=True) if v >= heavy}


def quantile(values: Series, q: float) -> float:
    ordered = sorted(values)
    place = (len(values) - 1) * q
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def merged(prices: set[float], tolerance: float, sign: int) -> Series:
    groups: list[Series] = []
    for price in sorted(sign * x for x in prices):
        if groups and price <= groups[-1][0] + tolerance:
            groups[-1].append(price)
        else:
            groups.append([price])
    return [sum(group) / len(group) for group in groups]


def judged(  # noqa: PLR0917
    symbol: str, kind: LevelKind, price: float, times: list[int], bars: Bars, tolerance: float
) -> Level:
    _, high, low, close, volume = (field.tolist() for field in bars)
    extremes = high if kind is LevelKind.RESISTANCE else low
    touching = [t for t, x in enumerate(extremes) if price - tolerance <= x <= price + tolerance]
    if not touching:
        return Level(
            symbol=symbol, kind=kind, price=price, touches=0, strength=0, first_touch_ms=0, last_touch_ms=0
        )
    first, last = times[touching[0]], times[touching[-1]]
    at_touches = sum(volume[t] for t in touching) / len(touching)
    if kind is LevelKind.RESISTANCE:
        pierced = sum(c > price * 1.002 for c in close)
        lows = [x for x in low[-20:] if x < 0.95 * price]
        base = price - max(lows) if lows else None
    else:
        pierced = sum(c < price * 0.998 for c in close)
        highs = [x for x in high[-20:] if x > 1.05 * price]
        base = min(highs) - price if highs else None
    strength = (
        0.4 * min(1, len(touching) / 5)
        + 0.2 * min(1, (last - first) / 3_600_000 / 168)
        + 0.2 * min(1, at_touches / (sum(volume) / len(volume)))
        + 0.2 * (1 - min(1, 5 * pierced / len(close)))
    )
    return Level(
        symbol=symbol,
        kind=kind,
        price=price,
        touches=len(touching),
        strength=round(min(1.0, max(0.0, strength)), 9),
        first_touch_ms=first,
        last_touch_ms=last,
        base_height=base,
    )


def ladder_is_apart(levels_of_kind: list[Level], distance: float) -> bool:
    prices = sorted(level.price for level in levels_of_kind)
    return all(upper - lower >= distance for lower, upper in pairwise(prices))
