"""Owns the judgement of markets: which of them pass the preset's filters, their scores and their levels.

Reads the market edge's observations and the orchestrator's preset and scans. Writes `MarketsScored` and
`LevelsBuilt`, once per scan and partition.

It exists apart from the market edge so that a judgement is a function of the log, and apart from the signals so
that it can be partitioned and repeated without touching trades.
"""
