"""Owns the account's risk: how much each signal may cost, or why it may not, and when to stop.

Reads signals, execution, the venue's connection, market marks and depths, the scanner's
correlations, the engine's state, people's commands and the clock. Writes `SignalApproved`,
`SignalDenied`, `LimitBreached`, `KillSwitchTripped` and `KillSwitchCleared`. It sends no order.
"""
