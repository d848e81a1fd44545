"""Checks an approval again at the last hop before the venue, and lists every reason against it.

What risk knew may have changed on the way, and a mistake in risk must not reach the venue: engine,
books, price, symbol, quantity and the rate of entries are looked at here once more (RELIABILITY R10).
"""

from collections.abc import Iterator
from decimal import Decimal

from services.execution.domain.grid import floor_to_lot
from services.execution.domain.turn import Turn
from shared.contracts.engine import TRADING_ACTIVE
from shared.contracts.risk import Denial, DenialReason, SignalApproved
from shared.contracts.signal import PositionSide

# Faster than this is a runaway and no trading (desk time).
ENTRIES_PER_MINUTE_MAX = 10
ENTRIES_PER_SYMBOL_HOUR_MAX = 6
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def refusals(turn: Turn, approval: SignalApproved) -> Iterator[Denial]:
    """Yield every reason why this approval must not become an order; none if it may."""
    yield from _closed(turn)
    if turn.now_ms > approval.expires_at_ms:
        yield Denial(
            reason=DenialReason.SIGNAL_EXPIRED,
            value=Decimal(turn.now_ms),
            limit=Decimal(approval.expires_at_ms),
        )
    yield from _in_use(turn, approval.symbol)
    yield from _rate(turn, approval.symbol)
    yield from _quantity(turn, approval)
    if not stop_ahead(turn, approval):
        yield Denial(
            reason=DenialReason.INVALID_STOP, value=approval.stop_px, limit=turn.last_px(approval.symbol)
        )


def entries_open(turn: Turn) -> bool:
    """Tell whether anything may be entered: the engine trades, the books equal the venue's, nobody flattens."""
    return next(_closed(turn), None) is None


def stop_ahead(turn: Turn, approval: SignalApproved) -> bool:
    """Tell whether the stop still lies beyond the price; an unknown price says nothing against it."""
    last_px = turn.last_px(approval.symbol)
    if last_px is None:
        return True
    return last_px > approval.stop_px if approval.side is PositionSide.LONG else last_px < approval.stop_px


def _closed(turn: Turn) -> Iterator[Denial]:
    state = turn.state
    if state.engine not in TRADING_ACTIVE or not state.entries_allowed or state.halted:
        yield Denial(reason=DenialReason.ENGINE_NOT_TRADING)
    if state.flattening is not None:
        yield Denial(reason=DenialReason.FLATTENING)
    if state.kill_switch:
        yield Denial(reason=DenialReason.KILL_SWITCH)
    if not state.connected or not state.reconciled:
        yield Denial(reason=DenialReason.NOT_RECONCILED)


def _in_use(turn: Turn, symbol: str) -> Iterator[Denial]:
    orders = turn.state.orders_of(symbol)
    if orders or symbol in turn.state.positions:
        yield Denial(reason=DenialReason.SYMBOL_IN_USE)
    if any(order.unknown for order in orders):
        yield Denial(reason=DenialReason.UNRESOLVED_ORDER)


def _rate(turn: Turn, symbol: str) -> Iterator[Denial]:
    sent = turn.state.entries_sent
    last_minute = sum(1 for time_ms, _ in sent if turn.now_ms - time_ms < MINUTE_MS)
    same_symbol = sum(1 for time_ms, where in sent if where == symbol and turn.now_ms - time_ms < HOUR_MS)
    for count, limit in ((last_minute, ENTRIES_PER_MINUTE_MAX), (same_symbol, ENTRIES_PER_SYMBOL_HOUR_MAX)):
        if count >= limit:
            yield Denial(reason=DenialReason.ORDER_RATE, value=Decimal(count), limit=Decimal(limit))


def _quantity(turn: Turn, approval: SignalApproved) -> Iterator[Denial]:
    """Yield what is wrong with the quantity; its limit is the lot that it must be a multiple of."""
    instrument = turn.instrument(approval.symbol)
    if instrument is None:
        yield Denial(reason=DenialReason.UNKNOWN_INSTRUMENT)
    elif approval.quantity <= 0 or approval.quantity != floor_to_lot(approval.quantity, instrument):
        yield Denial(reason=DenialReason.INVALID_QUANTITY, value=approval.quantity, limit=instrument.lot_size)
