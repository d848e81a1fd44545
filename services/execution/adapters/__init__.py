"""Reaches the venue: recorded intents become requests, the venue's words become records.

`venue_edge.py` is the door; only `ccxt_venue.py` knows ccxt, only `bybit_wire.py` Bybit's spellings.
"""
