"""Folds what everybody but execution says: market, scanner, engine, people, venue, and risk itself."""

from math import isfinite

from services.risk.domain.limits import clear_kill_switch
from services.risk.domain.state import Depth, Quote, RiskState
from services.risk.domain.trades import approved_trade
from shared.contracts.base import Event
from shared.contracts.columns import unpack
from shared.contracts.engine import (
    TRADING_ACTIVE,
    CommandName,
    CommandRequested,
    EngineState,
    EngineStateChanged,
    PresetActivated,
)
from shared.contracts.market import (
    BooksObserved,
    FeedRestored,
    FeedStale,
    InstrumentsListed,
    QuotesObserved,
    TickersObserved,
)
from shared.contracts.processor import Context
from shared.contracts.risk import (
    DenialReason,
    KillSwitchCleared,
    KillSwitchTripped,
    LimitBreached,
    SignalApproved,
    SignalDenied,
)
from shared.contracts.scan import MarketsScored
from shared.contracts.signal import SignalRaised
from shared.contracts.venue import VenueConnected, VenueDisconnected

ANSWERED_KEPT = 1_000
# Long after this nobody enters an approval any more, not even an execution that comes back late.
ENDED_KEPT_MS = 86_400_000


def fold_market(state: RiskState, event: Event, ctx: Context) -> None:
    """Fold prices, depths, instruments and silences."""
    match event:
        case QuotesObserved() | TickersObserved():
            _fold_quotes(state, event, ctx)
        case BooksObserved():
            _fold_books(state, event, ctx)
        case InstrumentsListed():
            state.instruments = {each.symbol: each for each in event.instruments}
        case FeedStale():
            state.stale.setdefault(event.channel, {}).update(dict.fromkeys(event.symbols, True))
        case FeedRestored():
            for symbol in event.symbols:
                state.stale.get(event.channel, {}).pop(symbol, None)
        case _:
            pass


def _fold_quotes(state: RiskState, event: QuotesObserved | TickersObserved, ctx: Context) -> None:
    columns = zip(event.symbols, unpack(event.bid), unpack(event.ask), unpack(event.last), strict=True)
    for symbol, bid, ask, last in columns:
        quote = Quote(bid=_price(bid), ask=_price(ask), last=_price(last), time_ms=ctx.time_ms)
        if quote.mark is not None:
            state.quotes[symbol] = quote


def _fold_books(state: RiskState, event: BooksObserved, ctx: Context) -> None:
    bids, asks = unpack(event.bid_depth_0_3pct_usd), unpack(event.ask_depth_0_3pct_usd)
    for symbol, bid_usd, ask_usd in zip(event.symbols, bids, asks, strict=True):
        if isfinite(bid_usd) and isfinite(ask_usd):
            state.depths[symbol] = Depth(bid_usd=bid_usd, ask_usd=ask_usd, time_ms=ctx.time_ms)


def _price(value: float) -> float | None:
    return value if isfinite(value) and value > 0 else None


def fold_scan(state: RiskState, event: Event) -> None:
    """Fold the latest correlation of every market, for the trades that are open there."""
    if isinstance(event, MarketsScored):
        for market in event.markets:
            if market.btc_correlation is not None:
                state.correlations[market.symbol] = market.btc_correlation


def fold_engine(state: RiskState, event: Event) -> None:
    """Fold the engine's state and the rules in force."""
    match event:
        case EngineStateChanged():
            state.entries_allowed = event.entries_allowed and event.to_state in TRADING_ACTIVE
            if event.to_state is EngineState.INITIALIZING:
                state.halted = False
        case PresetActivated():
            state.limits = event.preset.risk
        case _:
            pass


def fold_command(state: RiskState, event: Event) -> None:
    """Obey at once whoever wants out, also when the orchestrator is dead."""
    if not isinstance(event, CommandRequested):
        return
    if event.command is CommandName.KILL_SWITCH:
        state.killed = True
    elif event.command in {CommandName.PANIC_EXIT, CommandName.EMERGENCY_STOP}:
        state.halted = True


def fold_venue(state: RiskState, event: Event) -> None:
    """Trust the books again only after the account has been reconciled."""
    if isinstance(event, VenueConnected | VenueDisconnected):
        state.reconciled = False


def fold_signal(state: RiskState, event: Event, ctx: Context) -> None:
    """Queue a signal beside the others of its record."""
    if isinstance(event, SignalRaised):
        if state.asked_seq != ctx.seq:
            state.asked, state.asked_seq = [], ctx.seq
        state.asked.append(event)


def fold_decided(state: RiskState, event: Event) -> None:
    """Fold this service's own verdicts."""
    match event:
        case SignalApproved():
            correlation = next(
                (s.btc_correlation for s in state.asked if s.signal_id == event.signal_id), None
            )
            state.trades[event.signal_id] = approved_trade(event, correlation)
            _answer(state, event.signal_id)
        case SignalDenied():
            _answer(state, event.signal_id)
        case LimitBreached(limit=DenialReason.CONSECUTIVE_LOSSES):
            state.day.streak_breached = True
        case LimitBreached():
            state.day.loss_breached = True
        case KillSwitchTripped():
            state.killed = True
        case KillSwitchCleared():
            clear_kill_switch(state)
        case _:
            pass


def _answer(state: RiskState, signal_id: str) -> None:
    state.answered[signal_id] = True
    while len(state.answered) > ANSWERED_KEPT:
        del state.answered[next(iter(state.answered))]


def end_expired(state: RiskState, now_ms: int) -> None:
    """Free what approvals bound that nobody has entered in time."""
    for key, trade in list(state.trades.items()):
        if trade.submitted and not trade.ended:
            continue
        if now_ms > trade.expires_at_ms + ENDED_KEPT_MS:
            del state.trades[key]
        elif now_ms > trade.expires_at_ms:
            trade.ended = True
