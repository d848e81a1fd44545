"""Decides what is recorded of a venue's data: pure, fed by the adapters, blind to clocks and sockets."""
