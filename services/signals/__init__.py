"""Owns setups: says when a market that passed the scan breaks a level, or comes back to a broken one.

Reads market data, the scanner's verdicts, the orchestrator's state and scan cycle, risk's answers
and the clock. Writes `SignalRaised`, `SignalSuppressed` and `SignalExpired`, one processor per
partition of the symbols. It sizes nothing and sends nothing.
"""
