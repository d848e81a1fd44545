"""Holds everything that touches the world: the wire, the ledger file, the recorded candles."""
