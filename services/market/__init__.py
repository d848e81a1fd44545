"""Turns a venue's public data into the desk's market records.

Owns the `market` subject: instruments, bars (back-fill and live), tickers, and quotes, books and trades
of watched symbols. Reads its own past, to resume, and what the others decide, to know whom to watch.
"""
