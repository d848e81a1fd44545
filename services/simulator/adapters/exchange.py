"""Bind the market, the matching core and the ledger into one exchange, one call at a time.

Every public call runs to its end without awaiting: it brings the symbol's market up to date, lets
the matching core act, commits to the ledger, and only then publishes and returns.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from services.simulator.adapters.failures import DataError
from services.simulator.adapters.ledger import Ledger
from services.simulator.domain.market import FUNDING_MS, SymbolMarket
from services.simulator.domain.path import STEP_MS
from services.simulator.domain.quotes import book_at, nearest_events, trades_between
from services.simulator.domain.shocks import Shock
from shared.venue.account import Account
from shared.venue.events import Execution, FundingPaid, LeverageChanged, OrderFilled, Refused, VenueEvent
from shared.venue.market import MarketUpdate
from shared.venue.order import AmendRequest, Order, OrderRequest
from shared.venue.venue import Venue

Publish = Callable[[list[VenueEvent]], None]


class Exchange:
    """The running exchange; `now` returns market time in ms and never goes back."""

    def __init__(
        self, markets: dict[str, SymbolMarket], ledger: Ledger, account: Account, now: Callable[[], int]
    ) -> None:
        self.markets = markets
        self.ledger = ledger
        self.now = now
        self.account = account
        self.venue = Venue({symbol: market.instrument for symbol, market in markets.items()}, account)
        unlisted = account.held_symbols() - markets.keys()
        if unlisted:
            raise DataError(f"the ledger has orders or positions in unlisted symbols: {sorted(unlisted)}")
        self.publish: Publish = lambda _: None
        self.executions: list[Execution] = ledger.executions()
        self._seen_ms: dict[str, int] = {}
        self._quiet: dict[str, tuple[int, int]] = {}
        for symbol, shock in ledger.shocks():
            if symbol in markets:
                markets[symbol].shock(shock)

    def create(self, request: OrderRequest) -> list[VenueEvent]:
        """Submit an order; a refused duplicate of a client id is counted too."""
        now_ms = self.refresh(request.symbol)
        self.refresh_marks()
        events = self.venue.submit(request, now_ms)
        accepted = not isinstance(events[0], Refused)
        client_id = (request.client_order_id, accepted) if request.client_order_id else None
        return self._commit(events, {request.symbol}, client_id)

    def amend(self, request: AmendRequest) -> list[VenueEvent]:
        now_ms = self.refresh(request.symbol)
        self.refresh_marks()
        return self._commit(self.venue.amend(request, now_ms), {request.symbol})

    def cancel(self, symbol: str, venue_order_id: str, client_order_id: str) -> list[VenueEvent]:
        now_ms = self.refresh(symbol)
        events = self.venue.cancel(
            symbol=symbol, venue_order_id=venue_order_id, client_order_id=client_order_id, now_ms=now_ms
        )
        return self._commit(events, {symbol})

    def cancel_all(self, symbol: str | None) -> list[VenueEvent]:
        self.advance()
        return self._commit(self.venue.cancel_all(symbol=symbol, now_ms=self.now()), ())

    def set_leverage(self, symbol: str, leverage: Decimal) -> list[VenueEvent]:
        return self._commit(self.venue.set_leverage(symbol, leverage), {symbol})

    def shock(self, symbol: str, move_frac: float) -> Shock:
        """Move a symbol's price by a permanent fraction from now on."""
        self.refresh(symbol)
        shock = Shock(self.now(), 1.0 + move_frac)
        self.ledger.add_shock(symbol, shock)
        self.markets[symbol].shock(shock)
        self._quiet.pop(symbol, None)
        self._pass(symbol, self.now(), force=True)
        return shock

    def start(self, processed_ms: int | None) -> None:
        """Continue after a restart: what happened since `processed_ms` still happens, in order."""
        if processed_ms is not None:
            self._seen_ms = dict.fromkeys(self.account.open_ids, processed_ms)
        funded = self.ledger.meta("funded_ms") or str(self.now() // FUNDING_MS * FUNDING_MS)
        self._funded_ms = int(funded)
        self.ledger.set_meta(funded_ms=funded)
        self.advance()

    def advance(self) -> None:
        """Let time pass in every market where the account has working orders, and pay funding."""
        now_ms = self.now()
        for symbol, ids in list(self.account.open_ids.items()):
            if ids:
                self._pass(symbol, now_ms)
        if now_ms >= self._funded_ms + FUNDING_MS:
            self._pay_funding(now_ms)

    def refresh(self, symbol: str) -> int:
        """Bring one symbol's market and book up to now, and return the time."""
        now_ms = self.now()
        if symbol in self.markets:
            self._pass(symbol, now_ms, force=True)
        return now_ms

    def refresh_marks(self) -> None:
        """Bring the marks of all open positions and orders up to now."""
        now_ms = self.now()
        for symbol in self.account.held_symbols():
            market = self.markets[symbol]
            self.account.marks[symbol] = market.instrument.tick_size * market.last_ticks(now_ms)

    def _pass(self, symbol: str, now_ms: int, *, force: bool = False) -> None:
        """Walk a symbol's path from where it was seen last to now, step by step."""
        market = self.markets[symbol]
        seen_ms = self._seen_ms.get(symbol, now_ms - 1)
        working = bool(self.account.open_ids.get(symbol))
        if not working:
            seen_ms = now_ms - 1
        first = (seen_ms // STEP_MS + 1) * STEP_MS
        for at_ms in (*range(first, now_ms, STEP_MS), now_ms):
            is_last = at_ms == now_ms
            if (force and is_last) or (working and self._is_near(market, at_ms)):
                self._observe(market, seen_ms, at_ms)
            else:
                self.account.marks[symbol] = market.instrument.tick_size * market.last_ticks(at_ms)
            seen_ms = at_ms
        self._seen_ms[symbol] = now_ms

    def _is_near(self, market: SymbolMarket, at_ms: int) -> bool:
        """Tell whether the price is where one of the working orders could trade or wake."""
        bounds = self._quiet.get(market.symbol)
        if bounds is None:
            orders = self.account.open_orders(market.symbol)
            bounds = self._quiet[market.symbol] = nearest_events(market, orders, at_ms)
        return not bounds[0] < market.last_ticks(at_ms) < bounds[1]

    def _observe(self, market: SymbolMarket, after_ms: int, at_ms: int) -> None:
        update = MarketUpdate(
            symbol=market.symbol,
            last_px=market.instrument.tick_size * market.last_ticks(at_ms),
            book=book_at(market, at_ms),
            trades=trades_between(market, after_ms, at_ms),
            now_ms=at_ms,
        )
        events = self.venue.observe(update)
        if events:
            self._commit(events, {market.symbol})

    def _pay_funding(self, now_ms: int) -> None:
        while self._funded_ms + FUNDING_MS <= now_ms:
            self._funded_ms += FUNDING_MS
            self.refresh_marks()
            held = [position.symbol for position in self.account.open_positions()]
            rates = {s: Decimal(str(self.markets[s].funding_rate(self._funded_ms))) for s in held}
            self._commit(self.venue.pay_funding(rates, self._funded_ms), held)
            self.ledger.set_meta(funded_ms=str(self._funded_ms))

    def _commit(
        self, events: list[VenueEvent], symbols: Iterable[str], client_id: tuple[str, bool] | None = None
    ) -> list[VenueEvent]:
        """Make the events durable, then publish and return them."""
        orders = {order.venue_order_id: order for order in map(_order_of, events) if order is not None}
        executions = [e.execution for e in events if isinstance(e, OrderFilled | FundingPaid)]
        touched = {*symbols, *(order.symbol for order in orders.values())}
        changed = any(not isinstance(event, Refused) for event in events)
        if changed or client_id is not None:
            latest = [self.account.orders[key] for key in orders]
            self.ledger.commit(
                self.account, orders=latest, executions=executions, symbols=touched, client_id=client_id
            )
        if changed:
            self.executions.extend(executions)
            for symbol in touched:
                self._quiet.pop(symbol, None)
            self.publish(events)
        return events


def _order_of(event: VenueEvent) -> Order | None:
    if isinstance(event, FundingPaid | LeverageChanged | Refused):
        return None
    return event.order
