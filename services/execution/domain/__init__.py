"""Decides everything about orders and positions, purely: the same inputs give the same intents.

`processor.py` is the door. Each rule works on a `Turn`, a working copy of the state that every
decided event is folded into at once, so that a rule sees what the rules before it have decided.
"""
