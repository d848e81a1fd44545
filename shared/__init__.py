"""Holds what every service stands on: contracts, the log, the one loop, numerics and the venue model."""
