"""Defines the shape of a processor: a pure decider with state, run by the one loop in every mode.

No I/O, no clock, no randomness, no await: everything it knows is in the events it folds and in the
context of the record that carried them.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec

from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.ids import derive_id

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when an event stands in the log; the same in life, recovery and replay."""

    desk_id: UUID
    seq: int
    source: Source
    # Desk time, ns since the epoch.
    time_ns: int
    # Place of the event in its record, 0-based; two events of one record derive different ids.
    ordinal: int
    correlation: str

    @property
    def time_ms(self) -> int:
        """Desk time in ms since the epoch."""
        return self.time_ns // NS_PER_MS

    def derive(self, *names: str | int) -> str:
        """Return the id of a thing decided because of this event: a UUID as text, 36 characters."""
        return derive_id(self.desk_id, self.seq, self.ordinal, *names)


State = TypeVar("State")


class Processor(Protocol[State]):
    """A decider. The loop calls `evolve` for every event read, and `decide` for those of others.

    `evolve(input)` comes before `decide(input)`; the decided events are folded by `evolve` in
    their turn, with the context of the input that caused them. `decide` must not change the state.
    The state is any msgspec-encodable mutable type (see `shared.runtime.snapshot`).
    """

    source: Source
    partition: int
    # Whose records are inputs; the processor's own are folded besides.
    reads: frozenset[Source]
    state_type: type[State]

    def initial(self) -> State:
        """Return the state before the first record."""
        ...

    def evolve(self, state: State, event: Event, ctx: Context) -> None:
        """Fold any event into the state, in place."""
        ...

    def decide(self, state: State, event: Event, ctx: Context) -> Sequence[Event]:
        """Answer an input, which `evolve` has folded already, with the events decided."""
        ...
