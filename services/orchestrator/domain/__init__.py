"""Decides the engine's state, one file per concept; pure, so every file replays."""
