"""Builds one decision: its events in order, each folded at once, every move of the engine legal."""

from services.orchestrator.domain.engine import Engine, fold
from services.orchestrator.domain.facts import Facts
from services.orchestrator.domain.transitions import is_legal, way
from shared.contracts.base import Event
from shared.contracts.engine import TRADING_ACTIVE, EngineState, EngineStateChanged
from shared.contracts.processor import Context


class Moves:
    """A decision in the making. `engine` is always as if its events had been recorded."""

    def __init__(self, engine: Engine, facts: Facts, ctx: Context, partitions: int) -> None:
        """Begin where the engine is; nothing is decided."""
        self.engine = engine
        self.facts = facts
        self.ctx = ctx
        self.partitions = partitions
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Decide an event."""
        self.engine = fold(self.engine, event, time_ms=self.ctx.time_ms, tick=self.facts.tick)
        self.events.append(event)

    def go(self, target: EngineState, trigger: str, reason: str = "") -> bool:
        """Move the engine by as many legal moves as it takes; False when no way leads there."""
        steps = way(self.engine.state, target)
        for step in steps:
            origin = self.engine.state
            assert is_legal(origin, step), f"{origin} to {step} is not in the table"
            self.emit(
                EngineStateChanged(
                    from_state=origin,
                    to_state=step,
                    trigger=trigger,
                    reason=reason,
                    entries_allowed=step in TRADING_ACTIVE and not self.facts.kill_switch,
                )
            )
        return bool(steps)

    @property
    def slots_free(self) -> bool:
        """Whether another position may be opened."""
        preset = self.engine.preset
        return preset is not None and len(self.facts.trades.positions) < preset.risk.max_concurrent_positions
