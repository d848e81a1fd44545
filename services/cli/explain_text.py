"""Writes an explanation for people: one line per step of the chain, with the numbers seen at that time."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from research.explanation import Bar, Explanation, NearMiss, Opportunity, Outcome, ScanVerdict, Step
from services.cli.record_text import desk_time
from shared.contracts.base import Event
from shared.contracts.order import (
    AmendSubmitted,
    CancelSubmitted,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from shared.contracts.position import FundingPaid, PositionChanged, PositionClosed, PositionOpened, StopMoved
from shared.contracts.processor import NS_PER_MS
from shared.contracts.risk import Denial, EntryRefused, SignalApproved, SignalDenied
from shared.contracts.scan import Check, Level
from shared.contracts.signal import SignalExpired, SignalRaised, SignalSuppressed, Target

ID_SHOWN = 8
FIGURE_DIGITS = 9
# What repeats another event of the same record in other words.
REPEATED = (PositionChanged,)


class Line(NamedTuple):
    """A line and its style on a terminal."""

    text: str
    style: str = ""


def explanation_lines(found: Explanation) -> Iterator[Line]:
    """Yield the lines of an explanation, opportunities first, oldest first."""
    yield Line(f"{found.symbol}: passed {found.scans_passed} of {found.scans} scans", "bold")
    for opportunity in found.opportunities:
        yield Line("")
        yield from _opportunity(opportunity)
    if found.near_misses:
        yield Line("")
        yield Line(f"near misses: {found.near_misses_found}, the latest {len(found.near_misses)}:", "bold")
        for miss in found.near_misses:
            yield from _near_miss(miss)
    if not found.opportunities and found.last_scan is not None:
        yield Line("")
        yield Line("last scan:", "bold")
        yield from _scan(found.last_scan)


def _opportunity(found: Opportunity) -> Iterator[Line]:
    raised = found.steps[0].event
    assert isinstance(raised, SignalRaised), "an opportunity begins with its signal"
    closed = (step.event for step in found.steps if isinstance(step.event, PositionClosed))
    result = "".join(f" {event.pnl_r:+.3f} R" for event in closed)
    position = f", position {found.position_id}" if found.position_id else ""
    outcome = str(found.outcome).replace("_", " ")
    style = "bold red" if found.outcome in (Outcome.DENIED, Outcome.REFUSED) else "bold"
    title = f"{raised.side} {raised.strategy}: {outcome}{result}"
    yield Line(f"{title}  (signal {found.signal_id}{position})", style)
    yield _bar(found.bar)
    if found.scan is not None:
        yield from _scan(found.scan)
    yield Line(f"{'level':<10} {_level(raised.level)}")
    for step in found.steps:
        if not isinstance(step.event, REPEATED):
            yield from _step(step)


def _bar(bar: Bar | None) -> Line:
    if bar is None:
        return Line(f"{'bar':<10} expired with the market data")
    at = desk_time(bar.close_time_ms * NS_PER_MS)
    figures = (
        f"open {_figure(bar.open)} high {_figure(bar.high)} low {_figure(bar.low)} "
        f"close {_figure(bar.close)} volume {_figure(bar.volume)}"
    )
    return Line(f"{'bar':<10} {_place(bar.seq, 0)} closed {at}: {figures}")


def _scan(found: ScanVerdict) -> Iterator[Line]:
    market = found.market
    rank = f", rank {found.rank} of {found.scored}" if found.rank is not None else ""
    verdict = "passed" if market.passed else "did not pass"
    parts = ", ".join(f"{part.name} {part.value:.3g} x {part.weight:g}" for part in market.components)
    yield Line(
        f"{'scan':<10} {_place(found.seq, found.cause)} {_at(found.time_ms)} {verdict}, "
        f"score {market.score:.3g}{rank} ({parts})"
    )
    yield from _checks(market.filters)
    if not found.levels:
        yield Line(f"{'':<10} no level found in it")


def _near_miss(miss: NearMiss) -> Iterator[Line]:
    event = miss.step.event
    assert isinstance(event, SignalSuppressed), "a near miss is a suppressed signal"
    place = f"{_place(miss.step.seq, miss.step.cause)} {_at(miss.step.time_ms)}"
    yield Line(f"{'missed':<10} {place} {event.side} {event.strategy} at {_level(event.level)}")
    yield from _checks(check for check in event.checks if not check.passed)


def _step(step: Step) -> Iterator[Line]:
    name, text, style = _words(step.event)
    yield Line(f"{name:<10} {_place(step.seq, step.cause)} {_at(step.time_ms)} {text}", style)
    if isinstance(step.event, SignalRaised):
        yield from _checks(step.event.checks)
    if isinstance(step.event, SignalDenied | EntryRefused):
        for reason in step.event.reasons:
            yield Line(f"{'':<10}   {_denial(reason)}", "red")


def _words(event: Event) -> tuple[str, str, str]:  # noqa: C901, PLR0911, PLR0912  one line per type
    """Return what kind of step an event is, the step in words, and its style."""
    match event:
        case SignalRaised():
            text = (
                f"entry {event.entry_px} stop {event.stop_px} targets {_targets(event.targets)} "
                f"confidence {event.confidence:.2f} score {event.score:.3g}"
            )
            return "signal", text, "cyan"
        case SignalApproved():
            caps = ", ".join(event.caps)
            text = (
                f"quantity {event.quantity}, notional {event.notional_usd} USD, risk {event.risk_usd} USD of "
                f"equity {event.equity_usd} USD, stop {event.stop_px}; bounded by {caps or 'nothing'}"
            )
            return "sizing", text, "cyan"
        case SignalDenied():
            return "denied", f"for {len(event.reasons)} reasons:", "red"
        case EntryRefused():
            return "refused", f"at the last hop, for {len(event.reasons)} reasons:", "red"
        case SignalExpired():
            return "expired", "it has outlived its time", "red"
        case OrderSubmitted():
            return "order", _order(event), ""
        case OrderAccepted():
            return "accepted", f"{_short(event.client_order_id)} as {event.venue_order_id}", "dim"
        case OrderRejected():
            return "rejected", f"{_short(event.client_order_id)}: {event.code} {event.reason}", "red"
        case OrderFilled():
            text = (
                f"{event.purpose} {event.side} {event.last_qty} at {event.last_px}, fee {event.fee_usd} USD "
                f"({event.liquidity}); {event.cum_qty} in all at {_figure(event.avg_px)}, {event.leaves_qty} left"
            )
            return "fill", text, "green"
        case OrderCanceled():
            return "canceled", f"{_short(event.client_order_id)}: {event.reason or 'no reason'}", "dim"
        case CancelSubmitted():
            return "cancel", f"{_short(event.client_order_id)}: {event.reason}", "dim"
        case AmendSubmitted():
            return "amend", f"{_short(event.client_order_id)} to {event.trigger_price or event.price}", "dim"
        case OrderAmended():
            return "amended", _short(event.client_order_id), "dim"
        case PositionOpened():
            text = (
                f"{event.side} {event.quantity} at {_figure(event.entry_px)}, stop {event.stop_px}, "
                f"1 R is {event.risk_per_unit} per unit"
            )
            return "opened", text, "bold"
        case StopMoved():
            return "stop", f"{event.old_stop_px} -> {event.new_stop_px} ({event.reason})", "yellow"
        case FundingPaid():
            return "funding", f"{event.amount_usd} USD", "dim"
        case PositionClosed():
            return "exit", _exit(event), "bold"
        case _:
            return "event", type(event).__name__, "dim"


def _order(event: OrderSubmitted) -> str:
    price = f" at {event.price}" if event.price is not None else ""
    trigger = f" triggered at {event.trigger_price}" if event.trigger_price is not None else ""
    flags = "".join(
        f", {name}" for name, on in (("reduce-only", event.reduce_only), ("post-only", event.post_only)) if on
    )
    return (
        f"{event.purpose}: {event.side} {event.quantity} {event.order_type}{price}{trigger}{flags} "
        f"({_short(event.client_order_id)})"
    )


def _exit(event: PositionClosed) -> str:
    return (
        f"{event.exit_reason}: {event.quantity} from {_figure(event.entry_px)} to {_figure(event.exit_px)}; "
        f"gross {event.gross_pnl_usd} - fees {event.fees_usd} - funding {event.funding_usd} = "
        f"{event.pnl_usd} USD, {event.pnl_r:+.3f} R"
    )


def _checks(checks: Iterable[Check]) -> Iterator[Line]:
    for check in checks:
        mark = "ok  " if check.passed else "FAIL"
        value = "unknown" if check.value is None else f"{check.value:.6g}"
        low = "" if check.minimum is None else f" >= {check.minimum:.6g}"
        high = "" if check.maximum is None else f" <= {check.maximum:.6g}"
        bounds = f" (needs{low}{' and' if low and high else ''}{high})" if low or high else ""
        # A claim without numbers is told by its mark alone.
        figure = "" if check.value is None and not bounds else f" {value}{bounds}"
        yield Line(f"{'':<10}   {mark} {check.name}{figure}", "dim" if check.passed else "red")


def _denial(reason: Denial) -> str:
    value = "" if reason.value is None else f" {_figure(reason.value)}"
    limit = "" if reason.limit is None else f" (limit {reason.limit})"
    return f"{reason.reason}{value}{limit}"


def _level(level: Level) -> str:
    return f"{level.kind} {_figure(level.price)}, {level.touches} touches, strength {level.strength:.2f}"


def _targets(targets: tuple[Target, ...]) -> str:
    return (
        ", ".join(f"{each.price} ({each.reward_r:.3g} R, {each.size_frac:.0%})" for each in targets) or "none"
    )


def _place(seq: int, cause: int) -> str:
    return f"#{seq} <- #{cause}" if cause else f"#{seq}"


def _at(time_ms: int) -> str:
    return desk_time(time_ms * NS_PER_MS)


def _short(identifier: str) -> str:
    return identifier[:ID_SHOWN]


def _figure(price: Decimal | float) -> str:
    """Return a computed figure without the digits that only its computation has."""
    return f"{price:.{FIGURE_DIGITS}g}"
