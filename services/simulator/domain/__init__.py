"""Holds the market itself: its path, its books and its trades, as pure functions of seed and time."""
