"""Answer Bybit's public market endpoints."""

from collections.abc import Callable

from services.simulator.adapters.exchange import Exchange
from services.simulator.adapters.render_market import (
    INTERVALS_MS,
    Scale,
    instrument_row,
    kline_rows,
    ticker,
    trade_rows,
)
from services.simulator.adapters.wire import (
    BAD_PARAMETER,
    Json,
    Params,
    WireError,
    linear_only,
    optional_int,
    required,
)
from services.simulator.domain.market import FUNDING_MS, SymbolMarket

_OPEN_INTEREST_MS = {
    "5min": 300_000,
    "15min": 900_000,
    "30min": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
Route = Callable[[Params], Json]


class MarketRoutes:
    """Public endpoints over the exchange's markets."""

    def __init__(self, exchange: Exchange, launched_ms: int) -> None:
        self._exchange = exchange
        self._launched_ms = launched_ms
        self.scales = {symbol: Scale(market.instrument) for symbol, market in exchange.markets.items()}

    def table(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/v5/market/time"): self.time,
            ("GET", "/v5/market/instruments-info"): self.instruments,
            ("GET", "/v5/market/tickers"): self.tickers,
            ("GET", "/v5/market/kline"): self.kline,
            ("GET", "/v5/market/orderbook"): self.orderbook,
            ("GET", "/v5/market/recent-trade"): self.recent_trades,
            ("GET", "/v5/market/open-interest"): self.open_interest,
            ("GET", "/v5/market/funding/history"): self.funding_history,
        }

    def time(self, _: Params) -> Json:
        now_ms = self._exchange.now()
        return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}

    def instruments(self, params: Params) -> Json:
        linear_only(params)
        listed = self._chosen(params) if params.get("status", "Trading") == "Trading" else []
        rows = [instrument_row(market.instrument, self._launched_ms) for market in listed]
        return {"category": "linear", "list": rows, "nextPageCursor": ""}

    def tickers(self, params: Params) -> Json:
        linear_only(params)
        now_ms = self._exchange.now()
        rows = [ticker(market, self.scales[market.symbol], now_ms) for market in self._chosen(params)]
        return {"category": "linear", "list": rows}

    def kline(self, params: Params) -> Json:
        linear_only(params)
        market, now_ms = self._market(params), self._exchange.now()
        interval_ms = _known(INTERVALS_MS, required(params, "interval"), "interval")
        limit = min(max(optional_int(params, "limit", 200), 1), 1000)
        start_ms, end_ms = optional_int(params, "start", 0), optional_int(params, "end", now_ms)
        newest = min(end_ms, now_ms) // interval_ms * interval_ms
        if not start_ms:
            start_ms = newest - (limit - 1) * interval_ms
        else:
            newest = min(newest, (-(-start_ms // interval_ms) + limit - 1) * interval_ms)
        bars = market.candles(interval_ms, start_ms, newest + 1, now_ms)
        rows = kline_rows(bars, self.scales[market.symbol], market.tick)
        return {"category": "linear", "symbol": market.symbol, "list": rows[::-1]}

    def orderbook(self, params: Params) -> Json:
        linear_only(params)
        market, now_ms = self._market(params), self._exchange.now()
        count = min(max(optional_int(params, "limit", 25), 1), 500)
        depth, scale = market.depth(now_ms), self.scales[market.symbol]
        return {
            "s": market.symbol,
            "b": scale.levels(depth.bid_ticks, depth.bid_lots, count),
            "a": scale.levels(depth.ask_ticks, depth.ask_lots, count),
            "ts": now_ms,
            "u": now_ms,
            "seq": now_ms,
            "cts": now_ms,
        }

    def recent_trades(self, params: Params) -> Json:
        linear_only(params)
        market, now_ms = self._market(params), self._exchange.now()
        count = min(max(optional_int(params, "limit", 500), 1), 1000)
        rows = trade_rows(market, self.scales[market.symbol], market.recent_trades(count, now_ms))
        listed = [
            {
                "execId": row["i"],
                "symbol": row["s"],
                "price": row["p"],
                "size": row["v"],
                "side": row["S"],
                "time": str(row["T"]),
                "isBlockTrade": False,
            }
            for row in reversed(rows)
        ]
        return {"category": "linear", "list": listed}

    def open_interest(self, params: Params) -> Json:
        linear_only(params)
        market, now_ms = self._market(params), self._exchange.now()
        interval_ms = _known(_OPEN_INTEREST_MS, required(params, "intervalTime"), "intervalTime")
        limit = min(max(optional_int(params, "limit", 50), 1), 200)
        newest = min(optional_int(params, "endTime", now_ms), now_ms) // interval_ms * interval_ms
        oldest = optional_int(params, "startTime", 0)
        times = [newest - row * interval_ms for row in range(limit)]
        scale = self.scales[market.symbol]
        rows = [
            {"openInterest": scale.volume(market.open_interest(at_ms)), "timestamp": str(at_ms)}
            for at_ms in times
            if at_ms >= oldest
        ]
        return {"category": "linear", "symbol": market.symbol, "list": rows, "nextPageCursor": ""}

    def funding_history(self, params: Params) -> Json:
        linear_only(params)
        market, now_ms = self._market(params), self._exchange.now()
        limit = min(max(optional_int(params, "limit", 200), 1), 200)
        newest = min(optional_int(params, "endTime", now_ms), now_ms) // FUNDING_MS * FUNDING_MS
        oldest = optional_int(params, "startTime", 0)
        rows = [
            {
                "symbol": market.symbol,
                "fundingRate": f"{market.funding_rate(at_ms):.8f}",
                "fundingRateTimestamp": str(at_ms),
            }
            for at_ms in range(newest, newest - limit * FUNDING_MS, -FUNDING_MS)
            if at_ms >= oldest
        ]
        return {"category": "linear", "list": rows}

    def _market(self, params: Params) -> SymbolMarket:
        symbol = required(params, "symbol")
        market = self._exchange.markets.get(symbol)
        if market is None:
            raise WireError(BAD_PARAMETER, f"params error: symbol {symbol} is invalid")
        return market

    def _chosen(self, params: Params) -> list[SymbolMarket]:
        """Return the markets a listing asks for: one symbol, one base coin, or all."""
        if params.get("symbol"):
            return [self._market(params)]
        base = params.get("baseCoin")
        listed = self._exchange.markets.values()
        return [market for market in listed if not base or market.instrument.base == base]


def _known(table: dict[str, int], key: str, name: str) -> int:
    if key not in table:
        raise WireError(BAD_PARAMETER, f"params error: {name} {key!r} is not supported")
    return table[key]
