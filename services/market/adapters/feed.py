"""Takes the venue's messages as they arrive and sorts them to whom they concern; returns at once, always."""

import asyncio
from collections.abc import Callable, Iterable
from math import nan
from typing import Any

import structlog

from services.market.adapters.bybit_wire import BadAnswer, Raw, kline_push, last_price, trade_push
from services.market.domain.bars import BarSequence
from services.market.domain.staleness import Silence
from services.market.domain.trades import TradeWindow
from shared.contracts.market import FeedChannel, Instrument


class Feed:
    """The state that messages change and that the edge's tasks read; the listener of `CcxtMarket`."""

    def __init__(self, sequence: BarSequence, silence: Silence, trades: TradeWindow) -> None:
        """Start deaf: no symbol is listened to before `listen_to`."""
        self.sequence = sequence
        self.silence = silence
        self.trades = trades
        self.lost = asyncio.Event()
        self.gapped = asyncio.Event()
        self.moved: dict[str, None] = {}
        self.last_px: dict[str, float] = {}
        self.heard_at_s = 0.0
        # Called with the venue's time in ms, and when a bar has become ready to go out.
        self.on_time: Callable[[int], None] = lambda _: None
        self.on_ready: Callable[[], None] = lambda: None
        self._symbols: dict[str, str] = {}
        self._contract_sizes: dict[str, float] = {}
        self._logger = structlog.get_logger("market.feed")

    def listen_to(self, instruments: Iterable[Instrument], symbol_ids: dict[str, str]) -> None:
        """Hear these markets, known to the venue by these ids."""
        self._contract_sizes = {each.symbol: float(each.contract_size) for each in instruments}
        self._symbols = {
            market_id: symbol for market_id, symbol in symbol_ids.items() if symbol in self._contract_sizes
        }

    def hear(self, kind: str, market_id: str, message: Any) -> None:
        """See `Listener.hear`; a broken message is logged and changes nothing."""
        self.heard_at_s = now_s()
        symbol = self._symbols.get(market_id)
        if symbol is None:
            return
        try:
            if kind == "kline":
                self._hear_bar(symbol, message)
            elif kind == "orderbook":
                self._hear_book(symbol, message)
            elif kind == "publicTrade":
                self._hear_trades(symbol, message)
        except ValueError as error:
            self._logger.warning("message_skipped", symbol=symbol, error=str(error))

    def lose(self, reason: str) -> None:
        """See `Listener.lose`."""
        if not self.lost.is_set():
            self._logger.warning("connection_lost", reason=reason)
        self.lost.set()

    def forget(self, symbols: Iterable[str]) -> None:
        """Drop the books and trades of symbols that are no longer watched."""
        for symbol in symbols:
            self.trades.ignore(symbol)
            self.moved.pop(symbol, None)
            self.last_px.pop(symbol, None)

    def _hear_bar(self, symbol: str, message: Raw) -> None:
        push = kline_push(message)
        if push.open_time_ms % self.sequence.step_ms:
            raise BadAnswer(f"kline: {push.open_time_ms} is not a multiple of {self.sequence.step_ms}")
        self.on_time(push.time_ms)
        self.silence.hear(FeedChannel.BARS, symbol, now_ms())
        self.sequence.begin(symbol, push.open_time_ms)
        if push.closed is not None and self.sequence.close(symbol, push.closed):
            self.on_ready()
        if self.sequence.gap(symbol) is not None:
            self.gapped.set()

    def _hear_book(self, symbol: str, message: Raw) -> None:
        try:
            time_ms = int(message["ts"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BadAnswer(f"orderbook: {error!r}") from error
        self.on_time(time_ms)
        # Books are asked for after trades: when one is there, the trades are streaming too.
        self.trades.begin(symbol, time_ms)
        self.silence.hear(FeedChannel.BOOKS, symbol, now_ms())
        self.moved[symbol] = None

    def _hear_trades(self, symbol: str, message: Raw) -> None:
        trades = trade_push(message, self._contract_sizes[symbol])
        self.last_px[symbol] = last_price(message) if trades else self.last_px.get(symbol, nan)
        for trade in trades:
            self.trades.add(symbol, trade)


def now_s() -> float:
    """Return the wall's monotonic seconds, the clock of every silence."""
    return asyncio.get_running_loop().time()


def now_ms() -> int:
    """Return the wall's monotonic milliseconds."""
    return int(now_s() * 1000)
