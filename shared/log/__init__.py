"""Keeps the log of a desk: ordered, durable, one fenced writer per subject.

`port.py` says what a log is; `memory.py` and `jetstream.py` are the two that exist, held to one
behaviour suite. Only this package knows NATS.
"""
