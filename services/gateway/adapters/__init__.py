"""Touches the world for the gateway: the log, HTTP and WebSockets."""
