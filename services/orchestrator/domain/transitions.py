"""Defines which moves of the engine are legal, and finds legal ways that take several moves.

The table is the specification's (section 1.2), whole. Every `EngineStateChanged` in a log is one of
its entries, so nobody needs to know more than this file to check a session.
"""

from shared.contracts.engine import TRADING_ACTIVE, EngineState

TRANSITIONS: dict[EngineState, tuple[EngineState, ...]] = {
    EngineState.IDLE: (
        EngineState.INITIALIZING,
        EngineState.SCANNING,
        EngineState.STOPPED,
        EngineState.ERROR,
    ),
    EngineState.INITIALIZING: (
        EngineState.SCANNING,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.SCANNING: (
        EngineState.LEVEL_BUILDING,
        EngineState.MANAGING,
        EngineState.PAUSED,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.LEVEL_BUILDING: (
        EngineState.SIGNAL_WAIT,
        EngineState.SCANNING,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.SIGNAL_WAIT: (
        EngineState.SIZING,
        EngineState.MANAGING,
        EngineState.SCANNING,
        EngineState.PAUSED,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.SIZING: (
        EngineState.EXECUTION,
        EngineState.SCANNING,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.EXECUTION: (
        EngineState.MANAGING,
        EngineState.SCANNING,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.MANAGING: (
        EngineState.SCANNING,
        EngineState.MANAGING,
        EngineState.PAUSED,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.PAUSED: (
        EngineState.SCANNING,
        EngineState.MANAGING,
        EngineState.IDLE,
        EngineState.ERROR,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.ERROR: (
        EngineState.SCANNING,
        EngineState.MANAGING,
        EngineState.IDLE,
        EngineState.EMERGENCY,
        EngineState.STOPPED,
    ),
    EngineState.EMERGENCY: (EngineState.STOPPED, EngineState.IDLE),
    EngineState.STOPPED: (EngineState.IDLE, EngineState.INITIALIZING),
}

# States the engine may pass through on its way: trading phases, and idle on the way to a restart.
_PASSABLE = TRADING_ACTIVE | {EngineState.IDLE}


def is_legal(origin: EngineState, target: EngineState) -> bool:
    """Whether the table has the move."""
    return target in TRANSITIONS[origin]


def way(origin: EngineState, target: EngineState) -> tuple[EngineState, ...]:
    """Return the shortest legal way, without `origin`; empty when already there or there is none.

    Of several shortest ways it is the one whose moves come first in the table.
    """
    if origin is target:
        return ()
    ways: list[tuple[EngineState, ...]] = [(origin,)]
    seen = [origin]
    # Breadth first; the list grows while it is walked, by at most one entry per state.
    for path in ways:
        for step in TRANSITIONS[path[-1]]:
            if step is target:
                return (*path[1:], step)
            if step in _PASSABLE and step not in seen:
                seen.append(step)
                ways.append((*path, step))
    return ()


def mermaid() -> str:
    """Return the table as a Mermaid state diagram."""
    moves = [f"    {origin} --> {target}" for origin, targets in TRANSITIONS.items() for target in targets]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {EngineState.IDLE}", *moves])


def page() -> str:
    """Return `docs/state-machine.md`: the diagram and the table, generated from `TRANSITIONS`."""
    rows = [f"| {origin} | {', '.join(targets)} |" for origin, targets in TRANSITIONS.items()]
    return "\n".join(
        [
            "# The engine's states",
            "",
            "Generated from `services/orchestrator/domain/transitions.py` by",
            "`python -m services.orchestrator.state_machine_page`; a test fails when it is out of date.",
            "Entries are permitted in: " + ", ".join(s for s in TRANSITIONS if s in TRADING_ACTIVE) + ".",
            "",
            "```mermaid",
            mermaid(),
            "```",
            "",
            "| from | allowed targets |",
            "|---|---|",
            *rows,
            "",
        ]
    )
