"""Folds who is alive and what has failed, as the clock edge and the shells have recorded it."""

import msgspec

from services.gateway.domain.rows import Row
from shared.contracts.account import AccountReconciled, ReconciliationFailed
from shared.contracts.base import Event
from shared.contracts.desk import ProcessorFailed, ServiceSeen
from shared.contracts.market import FeedChannel, FeedRestored, FeedStale
from shared.contracts.venue import VenueConnected, VenueDisconnected

FAILURES_MAX = 100


class Service(Row, kw_only=True):
    """One service and partition, by its last sighting."""

    service: str
    partition: int
    alive: bool
    instance: str | None
    since: int


class Failure(Row, kw_only=True):
    """A processor that has stopped at a record."""

    service: str
    partition: int
    poisonous_seq: int
    error: str
    timestamp: int


class ServicesView(msgspec.Struct, kw_only=True):
    """The desk's services, its venue connection and its feeds."""

    services: dict[str, Service] = {}
    failures: list[Failure] = []
    # None: nothing has been said yet.
    venue_connected: bool | None = None
    reconciled: bool | None = None
    stale: dict[FeedChannel, tuple[str, ...]] = {}

    def fold(self, event: Event, *, time_ms: int) -> None:
        """Take in one event about the desk's health."""
        match event:
            case ServiceSeen():
                self._seen(event, time_ms)
            case ProcessorFailed():
                failure = Failure(
                    service=event.processor,
                    partition=event.partition,
                    poisonous_seq=event.poisonous_seq,
                    error=event.error,
                    timestamp=time_ms,
                )
                self.failures = [*self.failures, failure][-FAILURES_MAX:]
            case VenueConnected():
                self.venue_connected, self.reconciled = True, False
            case VenueDisconnected():
                self.venue_connected = False
            case AccountReconciled():
                self.reconciled = True
            case ReconciliationFailed():
                self.reconciled = False
            case FeedStale():
                known = self.stale.get(event.channel, ())
                self.stale[event.channel] = tuple(dict.fromkeys((*known, *event.symbols)))
            case FeedRestored():
                left = [s for s in self.stale.get(event.channel, ()) if s not in event.symbols]
                self.stale[event.channel] = tuple(left)

    def issues(self) -> list[str]:
        """Return what is wrong, in words; empty when nothing is known to be."""
        dead = [f"{s.service}.{s.partition}: nobody leads it" for s in self.services.values() if not s.alive]
        if self.venue_connected is False:
            dead.append("execution: not connected to the venue")
        elif self.reconciled is False:
            dead.append("execution: the account is not reconciled")
        stale = [f"market: {channel} stale for {len(s)} symbols" for channel, s in self.stale.items() if s]
        return dead + stale

    def _seen(self, event: ServiceSeen, time_ms: int) -> None:
        self.services[f"{event.service}.{event.partition}"] = Service(
            service=event.service,
            partition=event.partition,
            alive=event.alive,
            instance=event.instance or None,
            since=time_ms,
        )
