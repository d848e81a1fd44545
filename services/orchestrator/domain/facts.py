"""Gathers what others have said; with `engine.Engine` it is all that a decision sees."""

import msgspec

from services.orchestrator.domain.health import Health
from services.orchestrator.domain.ranking import Answers
from services.orchestrator.domain.trades import Trades
from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked
from shared.contracts.engine import CommandName, CommandRequested
from shared.contracts.risk import KillSwitchCleared, KillSwitchTripped
from shared.contracts.scan import LevelsBuilt, MarketsScored


class Facts(msgspec.Struct, kw_only=True):
    """What the orchestrator has been told."""

    # Ticks seen: wall seconds, for bounds that desk time is too fast for.
    tick: int = 0
    # Why entries are closed until a person clears it; empty when they are not.
    kill_switch: str = ""
    health: Health = msgspec.field(default_factory=Health)
    trades: Trades = msgspec.field(default_factory=Trades)
    answers: Answers = msgspec.field(default_factory=Answers)

    def fold(self, event: Event, time_ms: int) -> None:
        """Take in one event of somebody else."""
        match event:
            case ClockTicked():
                self.tick += 1
                self.trades.expire(time_ms)
            case KillSwitchTripped():
                self.kill_switch = f"{event.limit} {event.value} against {event.threshold}"
            case KillSwitchCleared():
                self.kill_switch = ""
            case CommandRequested() if event.command is CommandName.KILL_SWITCH:
                self.kill_switch = event.reason or "pulled by hand"
            case MarketsScored() | LevelsBuilt():
                self.answers.fold(event)
            case _:
                self.health.fold(event, self.tick)
                self.trades.fold(event)
