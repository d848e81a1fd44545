"""Looks back at what a desk has recorded: replays sessions and explains trades.

It runs the services' own deciders on a log that is only read; nothing here is part of a running desk.
"""
