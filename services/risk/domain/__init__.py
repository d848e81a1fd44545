"""Decides how much each signal may risk, or why not: pure rules over one account's book."""
