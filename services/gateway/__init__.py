"""Shows a desk to people and takes their commands: HTTP, WebSocket.

Reads everything and folds it into read models that are never written to and always rebuildable, so
any number of replicas may run. Writes `CommandRequested` alone, on a subject that it shares with the
command line. It holds no lease and decides nothing.
"""
