"""Plain loops over one column, the definitions that the column numerics must equal."""

import itertools
from collections.abc import Callable
from math import isnan, nan, sqrt

import numpy as np

from shared.market.columns import Floats

Series = list[float]


def each_column(function: Callable[..., Series], *arrays: Floats) -> Floats:
    columns = range(arrays[0].shape[1])
    return np.array([function(*(a[:, c].tolist() for a in arrays)) for c in columns]).T


def sma(x: Series, n: int) -> Series:
    return [nan if t + 1 < n else sum(x[t + 1 - n : t + 1]) / n for t in range(len(x))]


def ema(x: Series, n: int) -> Series:
    line, average, count = [], nan, 0
    for value in x:
        if isnan(value):
            line.append(nan)
            continue
        count += 1
        average = value if count == 1 else average + 2 / (n + 1) * (value - average)
        line.append(average if count >= n else nan)
    return line


def wilder(x: Series, n: int) -> Series:
    line: Series = []
    seed: Series = []
    average = nan
    for value in x:
        if isnan(value):
            line.append(nan)
            continue
        if len(seed) < n:
            seed.append(value)
            average = sum(seed) / n if len(seed) == n else nan
        else:
            average = (average * (n - 1) + value) / n
        line.append(average)
    return line


def true_range(high: Series, low: Series, close: Series) -> Series:
    line = []
    for t in range(len(close)):
        before = close[t] if t == 0 or isnan(close[t - 1]) else close[t - 1]
        line.append(max(high[t] - low[t], abs(high[t] - before), abs(low[t] - before)))
    return line


def deviation(x: Series, n: int) -> Series:
    line = []
    for t in range(len(x)):
        window = x[max(0, t + 1 - n) : t + 1]
        mean = sum(window) / len(window)
        spread = sqrt(sum((v - mean) ** 2 for v in window) / len(window))
        line.append(spread if len(window) == n else nan)
    return line


def highest(x: Series, n: int) -> Series:
    windows = (x[max(0, t + 1 - n) : t + 1] for t in range(len(x)))
    return [nan if len(w) < n or any(isnan(v) for v in w) else max(w) for w in windows]


def lowest(x: Series, n: int) -> Series:
    return [-v for v in highest([-v for v in x], n)]


def vwap(high: Series, low: Series, close: Series, volume: Series) -> Series:
    line, traded, total = [], 0.0, 0.0
    for h, lo, c, v in zip(high, low, close, volume, strict=True):
        if isnan(c):
            line.append(nan)
            continue
        traded += (h + lo + c) / 3 * v
        total += v
        line.append(traded / total if total > 0 else 0.0)
    return line


def obv(close: Series, volume: Series) -> Series:
    line, total = [], 0.0
    for t, value in enumerate(close):
        if isnan(value):
            line.append(nan)
            continue
        if t == 0:
            total = volume[0]
        elif close[t - 1] < value:
            total += volume[t]
        elif close[t - 1] > value:
            total -= volume[t]
        line.append(total)
    return line


def rsi(close: Series, n: int) -> Series:
    changes = [b - a for a, b in itertools.pairwise(close)]
    gains = wilder([nan if isnan(c) else max(c, 0.0) for c in changes], n)
    losses = wilder([nan if isnan(c) else max(-c, 0.0) for c in changes], n)
    return [nan] + [
        0.0 if gain + loss == 0 else 100 * gain / (gain + loss)
        for gain, loss in zip(gains, losses, strict=True)
    ]


def correlation(x: Series, y: Series, n: int, pairs_min: int) -> Series:
    line = []
    for t in range(len(x)):
        rows = range(max(0, t + 1 - n), t + 1)
        pairs = [(x[i], y[i]) for i in rows if not isnan(x[i]) and not isnan(y[i])]
        line.append(pearson(pairs) if t + 1 >= n and len(pairs) >= pairs_min else nan)
    return line


def pearson(pairs: list[tuple[float, float]]) -> float:
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    variances = sum((x - mean_x) ** 2 for x, _ in pairs) * sum((y - mean_y) ** 2 for _, y in pairs)
    return covariance / sqrt(variances) if variances > 0 else nan


def swing_highs(high: Series) -> list[bool]:
    return [
        1 < t < len(high) - 2 and all(high[t] > high[t + d] for d in (-2, -1, 1, 2)) for t in range(len(high))
    ]
