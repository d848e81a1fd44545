"""Defines the desk: one account on one venue, with its own log."""

from enum import StrEnum

from shared.contracts.base import Event


class Mode(StrEnum):
    """Where the edges lead; deciders never look at it."""

    DEMO = "demo"
    PAPER = "paper"
    LIVE = "live"


class Source(StrEnum):
    """Who writes; the third token of a record's subject."""

    DESK = "desk"
    CLOCK = "clock"
    MARKET = "market"
    SCANNER = "scanner"
    SIGNALS = "signals"
    RISK = "risk"
    EXECUTION = "execution"
    VENUE = "venue"
    ORCHESTRATOR = "orchestrator"
    COMMANDS = "commands"
    SHELL = "shell"


# Market data and ticks age; everything else is kept for ever.
AGEING_SOURCES = frozenset({Source.MARKET, Source.CLOCK})


class DeskOpened(Event, frozen=True, kw_only=True):
    """The first record of a log: who this desk is and how it is cut; said by whoever creates the log."""

    desk: str
    # The namespace of all derived ids: two desks never share a client order id.
    desk_id: str
    mode: Mode
    partitions: int


class ClockTicked(Event, frozen=True, kw_only=True):
    """A second of desk time has passed; said by the clock edge. The time is the record's."""

    number: int


class ProcessorFailed(Event, frozen=True, kw_only=True):
    """A decider raised and has stopped; said by its shell, for the operator and the engine."""

    processor: Source
    partition: int
    poisonous_seq: int
    error: str


class ServiceSeen(Event, frozen=True, kw_only=True):
    """A service has come to lead, or its lease has run out; said by the clock edge, on change only."""

    service: str
    partition: int
    alive: bool
    instance: str
