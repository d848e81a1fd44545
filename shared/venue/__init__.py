"""Matches one account's orders against a market: the pure core of simulator, paper and backtest.

It must never do I/O, read a clock or draw a random number: time, books and trades are arguments,
what happened is the return value. The same calls therefore give the same fills in every mode.
"""
