"""Touches the world for the orchestrator: the wall clock and the leases."""
