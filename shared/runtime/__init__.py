"""Runs processors and edges: the one loop, the service shell, settings, logging, snapshots."""
