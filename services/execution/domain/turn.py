"""Answers one input: rules emit events into a turn, which folds each at once into a working copy.

The loop folds what was decided only after a whole record has been decided on. So that the second
report of one record sees what the first has led to, a turn first repeats the earlier inputs of its
record on its copy; deciding is a pure function, so it repeats exactly what was answered. For the
same reason reports are folded by the turn, each before its own decision, and into the state only
when their whole record has been answered.
"""

from collections.abc import Sequence
from decimal import Decimal

from services.execution.domain.folding import fold_decided
from services.execution.domain.state import ExecutionState, Quote
from shared.contracts.base import Event
from shared.contracts.market import Instrument
from shared.contracts.processor import Context

# A price older than one bar of record is no price (desk time).
PRICE_AGE_MAX_MS = 300_000


class Turn:
    """What is being decided on one input; `state` is a working copy."""

    def __init__(self, state: ExecutionState, ctx: Context) -> None:
        """Start from a copy that this turn may change."""
        self.state = state
        self.ctx = ctx
        self.events: list[Event] = []

    @property
    def now_ms(self) -> int:
        return self.ctx.time_ms

    def emit(self, *events: Event) -> None:
        """Decide these events, in this order."""
        for event in events:
            self.events.append(event)
            fold_decided(self.state, event, self.ctx)

    def at(self, ctx: Context) -> None:
        """Go on to the next input of the same record."""
        self.ctx = ctx
        self.events = []

    def taken(self) -> Sequence[Event]:
        return self.events

    def instrument(self, symbol: str) -> Instrument | None:
        return self.state.instruments.get(symbol)

    def quote(self, symbol: str) -> Quote | None:
        """Return the latest prices of a symbol, None when there are none that are fresh."""
        quote = self.state.quotes.get(symbol)
        if quote is None or self.now_ms - quote.time_ms > PRICE_AGE_MAX_MS:
            return None
        return quote

    def last_px(self, symbol: str) -> Decimal | None:
        """Return the latest traded price, None when it is unknown or stale."""
        quote = self.quote(symbol)
        return None if quote is None else price_of(quote.last)


def price_of(value: float) -> Decimal | None:
    """Return an observed price as a decimal, None when it is missing."""
    # NaN is the only float that differs from itself.
    return Decimal(repr(value)) if value == value and value > 0 else None  # noqa: PLR0124
