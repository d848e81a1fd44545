"""Folds who is alive and what has failed, and says what keeps the engine from trading.

A service that its supervisor restarts within seconds is no failure: death counts only after
`DEAD_AFTER_TICKS`. Ticks are wall seconds; desk time may run a hundred times faster and is no
measure of a process.
"""

import msgspec

from shared.contracts.account import AccountReconciled, ReconciliationFailed
from shared.contracts.base import Event
from shared.contracts.desk import ProcessorFailed, ServiceSeen, Source
from shared.contracts.market import InstrumentsListed, TickersObserved
from shared.contracts.venue import VenueConnected

DEAD_AFTER_TICKS = 15


class Sighting(msgspec.Struct, frozen=True):
    """The last word on a service: whether somebody leads it, and since which tick."""

    alive: bool
    since_tick: int


class Health(msgspec.Struct, kw_only=True):
    """What is known of the services and of the account."""

    instruments_listed: bool = False
    tickers_observed: bool = False
    reconciled: bool = False
    reconciliation_failed: str = ""
    # Both by "service.partition".
    sightings: dict[str, Sighting] = {}
    failed: dict[str, str] = {}

    def fold(self, event: Event, tick: int) -> None:
        """Take in one event about the health of the desk."""
        match event:
            case ServiceSeen():
                self._seen(event, tick)
            case ProcessorFailed():
                self.failed[f"{event.processor}.{event.partition}"] = (
                    f"stopped at record {event.poisonous_seq}: {event.error}"
                )
            case InstrumentsListed():
                self.instruments_listed = True
            case TickersObserved():
                self.tickers_observed = True
            case VenueConnected():
                self.reconciled = False
            case AccountReconciled():
                self.reconciled = True
                self.reconciliation_failed = ""
            case ReconciliationFailed():
                self.reconciled = False
                self.reconciliation_failed = f"{len(event.discrepancies)} differences to the venue's books"

    def _seen(self, event: ServiceSeen, tick: int) -> None:
        key = f"{event.service}.{event.partition}"
        known = self.sightings.get(key)
        if known is None or known.alive != event.alive:
            self.sightings[key] = Sighting(event.alive, tick)
        if event.alive:
            # Whoever leads from here on has started after the failure.
            self.failed.pop(key, None)

    def dead(self, partitions: int, tick: int, *, for_ticks: int = 0) -> list[str]:
        """Return the services needed for trading that nobody has led for that many ticks."""
        never = Sighting(alive=False, since_tick=0)
        seen = ((key, self.sightings.get(key, never)) for key in required(partitions))
        return [
            key for key, sighting in seen if not sighting.alive and tick - sighting.since_tick >= for_ticks
        ]

    def failures(self, partitions: int, tick: int) -> list[str]:
        """Return why a running engine must not go on; empty when it may."""
        dead = self.dead(partitions, tick, for_ticks=DEAD_AFTER_TICKS)
        return [f"{key}: nobody leads it" for key in dead] + self.reported()

    def problems(self, partitions: int, tick: int) -> list[str]:
        """Return why an engine in error must not return: stricter than `failures`."""
        return [f"{key}: nobody leads it" for key in self.dead(partitions, tick)] + self.reported()

    def missing(self, partitions: int, tick: int) -> list[str]:
        """Return what a starting engine still waits for; empty when it can trade."""
        waits = {
            "the list of instruments": self.instruments_listed,
            "tickers": self.tickers_observed,
            "the account's reconciliation": self.reconciled,
        }
        return [name for name, there in waits.items() if not there] + self.problems(partitions, tick)

    def reported(self) -> list[str]:
        """Return the failures that somebody has recorded, silence not among them."""
        failed = [f"{key}: {error}" for key, error in self.failed.items()]
        return (
            [*failed, f"execution.0: {self.reconciliation_failed}"] if self.reconciliation_failed else failed
        )


def required(partitions: int) -> list[str]:
    """Return the services without which no trade can be found, sized and entered."""
    per_partition = [
        f"{source}.{n}" for source in (Source.SCANNER, Source.SIGNALS) for n in range(partitions)
    ]
    return [f"{Source.MARKET}.0", *per_partition, f"{Source.RISK}.0", f"{Source.EXECUTION}.0"]
