"""Holds the processes of the system, one package each, and the command that composes them."""
