"""Reaches the venue through ccxt and the log through its port; decides nothing that `domain` can decide."""
