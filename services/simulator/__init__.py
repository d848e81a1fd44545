"""Runs an exchange on localhost that speaks Bybit v5 linear perpetuals.

Owns its markets (generated from a seed, or recorded candles) and one account's ledger. Reads and
writes nothing of the desk's log: the market and execution services reach it through unmodified ccxt.
"""
