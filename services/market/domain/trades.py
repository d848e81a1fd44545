"""Counts public trades over a rolling window of desk time.

A symbol is known only when the window lies entirely within the time it has been listened to: a count
over half a window would pass for a quiet market.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from shared.contracts.columns import pack
from shared.contracts.market import TradesObserved

# Far above the busiest market's minute; a bound so that a wrong clock cannot eat the memory.
TRADES_MAX = 50_000


class Trade(msgspec.Struct, frozen=True):
    """One public trade; `buy` when the taker bought."""

    trade_id: str
    time_ms: int
    notional_usd: float
    buy: bool


class TradeCount(msgspec.Struct, frozen=True):
    """The trades of one symbol within a window."""

    trades: int
    buy_usd: float
    sell_usd: float


class TradeWindow:
    """The last `window_s` seconds of trades of the symbols listened to, each trade once."""

    def __init__(self, *, window_s: int = 60) -> None:
        """Start with no symbol."""
        self.window_s = window_s
        # None: listened to, but the venue has not answered yet.
        self._since_ms: dict[str, int | None] = {}
        self._trades: dict[str, deque[Trade]] = {}
        self._ids: dict[str, set[str]] = {}

    def listen(self, symbol: str) -> None:
        """Count a symbol's trades from its next `begin` on; what was counted before a pause is void."""
        self._since_ms[symbol] = None
        self._trades[symbol] = deque()
        self._ids[symbol] = set()

    def begin(self, symbol: str, time_ms: int) -> None:
        """Take note that at that time every trade of the symbol is heard; only the first time counts."""
        if symbol in self._since_ms and self._since_ms[symbol] is None:
            self._since_ms[symbol] = time_ms

    def ignore(self, symbol: str) -> None:
        """Stop counting a symbol."""
        for known in (self._since_ms, self._trades, self._ids):
            known.pop(symbol, None)

    def add(self, symbol: str, trade: Trade) -> None:
        """Take a trade; one that is known by its id, or of a symbol not listened to, changes nothing."""
        ids = self._ids.get(symbol)
        if ids is None or trade.trade_id in ids:
            return
        trades = self._trades[symbol]
        if len(trades) >= TRADES_MAX:
            ids.discard(trades.popleft().trade_id)
        trades.append(trade)
        ids.add(trade.trade_id)

    def count(self, symbol: str, time_ms: int) -> TradeCount | None:
        """Return the trades in `(time_ms - window, time_ms]`, None when not all of that was listened to."""
        window_ms = self.window_s * 1000
        since_ms = self._since_ms.get(symbol)
        if since_ms is None or time_ms - since_ms < window_ms:
            return None
        trades, ids = self._trades[symbol], self._ids[symbol]
        while trades and trades[0].time_ms <= time_ms - window_ms:
            ids.discard(trades.popleft().trade_id)
        buys = sum(trade.notional_usd for trade in trades if trade.buy)
        sells = sum(trade.notional_usd for trade in trades if not trade.buy)
        return TradeCount(len(trades), buys, sells)

    def observe(self, symbols: Iterable[str], time_ms: int) -> TradesObserved | None:
        """Return the event with the counts of the known ones among `symbols`, None when there are none."""
        counts = {symbol: count for symbol in symbols if (count := self.count(symbol, time_ms))}
        if not counts:
            return None
        return TradesObserved(
            window_s=self.window_s,
            symbols=tuple(counts),
            trades=pack(float(count.trades) for count in counts.values()),
            buy_usd=pack(count.buy_usd for count in counts.values()),
            sell_usd=pack(count.sell_usd for count in counts.values()),
        )
