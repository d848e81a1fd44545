"""Runs the smallest service there is, as a process of its own: it accepts every command."""

import asyncio
from collections.abc import Sequence

import msgspec

from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, DeskOpened, Source
from shared.contracts.engine import CommandAccepted, CommandRequested
from shared.contracts.processor import Context
from shared.log.writer import Writer
from shared.runtime.edge import Desk
from shared.runtime.service import Parts, run_service
from shared.runtime.settings import Settings


class Accepted(msgspec.Struct):
    """How many commands have been accepted."""

    count: int = 0


class Accepting:
    """Accepts every command once; one with the reason `poison` makes it raise."""

    source = Source.ORCHESTRATOR
    partition = 0
    reads = frozenset({Source.COMMANDS, Source.CLOCK})
    state_type = Accepted

    def initial(self) -> Accepted:
        return Accepted()

    def evolve(self, state: Accepted, event: Event, _ctx: Context) -> None:
        state.count += isinstance(event, CommandAccepted)

    def decide(self, _state: Accepted, event: Event, _ctx: Context) -> Sequence[Event]:
        if not isinstance(event, CommandRequested):
            return []
        if event.reason == "poison":
            raise ValueError("this command cannot be decided")
        return [CommandAccepted(command_id=event.command_id, command=event.command)]


class Ticking:
    """Writes a tick ten times a second, while its service leads."""

    async def run(self, desk: Desk) -> None:
        writer = await Writer.open(desk.log, Source.CLOCK)
        number = 0
        while True:
            number += 1
            await writer.append([ClockTicked(number=number)], time_ns=desk.clock.now_ns())
            await asyncio.sleep(0.1)


def build(settings: Settings, opened: DeskOpened) -> Parts:
    return Parts(processor=Accepting(), edges=(Ticking(),))


if __name__ == "__main__":
    run_service("tiny", Settings, build)
