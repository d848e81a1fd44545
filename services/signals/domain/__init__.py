"""Decides which setups are there: pure rules over folded bars, books, levels and scans."""
