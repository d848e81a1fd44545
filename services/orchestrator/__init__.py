"""Owns the engine's state machine, the scan cycle and the clock of a desk.

Reads everybody's outcomes, people's commands, who is alive, and processors that failed. Writes
`EngineStateChanged`, `CommandAccepted`/`CommandRefused`, `PresetActivated`, `ScanStarted` and
`ScanCompleted`; its clock edge writes `ClockTicked` and `ServiceSeen`.

The trade itself does not wait for it: it says which phase the engine is in and whether entries are
permitted at all. Whatever reduces exposure works without it.
"""
