"""Compute market statistics for all symbols at once, as columns.

Windows hold one float64 array per field, time-major `[rows, symbols]`; indicators are pure functions of such
arrays, so the scanner, the signals and a backtest share one definition of every number. A missing bar is NaN
and only ever affects its own column.

Only elementwise operations and sums along the time axis are used: their order of evaluation is fixed, so the
same inputs give the same bytes on every machine, which replay relies on.
"""
