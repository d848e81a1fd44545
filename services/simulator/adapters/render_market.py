"""Write a symbol's public data in Bybit's spelling."""

from typing import Any

from services.simulator.adapters.wire import Json, plain
from services.simulator.domain.bars import Bars, Ints
from services.simulator.domain.market import FUNDING_MS, SymbolMarket
from services.simulator.domain.tape import Tape
from shared.venue.ids import derive_id
from shared.venue.instrument import Instrument

INTERVALS_MS: dict[str, int] = {
    "1": 60_000,
    "3": 180_000,
    "5": 300_000,
    "15": 900_000,
    "30": 1_800_000,
    "60": 3_600_000,
    "120": 7_200_000,
    "240": 14_400_000,
    "360": 21_600_000,
    "720": 43_200_000,
    "D": 86_400_000,
}


class Scale:
    """Turn whole ticks and lots of one instrument into exact text, fast."""

    def __init__(self, instrument: Instrument) -> None:
        self._tick, self._lot = float(instrument.tick_size), float(instrument.lot_size)
        self._price_places = _places(plain(instrument.tick_size))
        self._size_places = _places(plain(instrument.lot_size))

    def price(self, ticks: int) -> str:
        return f"{ticks * self._tick:.{self._price_places}f}"

    def size(self, lots: int) -> str:
        return f"{lots * self._lot:.{self._size_places}f}"

    def volume(self, quantity: float) -> str:
        return self.size(round(quantity / self._lot))

    def levels(self, ticks: Ints, lots: Ints, count: int) -> list[tuple[str, str]]:
        return [
            (self.price(px), self.size(size))
            for px, size in zip(ticks[:count].tolist(), lots[:count].tolist(), strict=True)
        ]


def _places(text: str) -> int:
    return len(text.partition(".")[2])


def instrument_row(instrument: Instrument, launched_ms: int) -> Json:
    """Return a row of instruments-info."""
    highest = plain(instrument.tick_size * 19_999_998)
    return {
        "symbol": instrument.symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "settleCoin": instrument.quote,
        "launchTime": str(launched_ms),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(_places(plain(instrument.tick_size))),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": plain(instrument.max_leverage),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(instrument.tick_size),
            "maxPrice": highest,
            "tickSize": plain(instrument.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(instrument.max_quantity),
            "minOrderQty": plain(instrument.min_quantity),
            "qtyStep": plain(instrument.lot_size),
            "postOnlyMaxOrderQty": plain(instrument.max_quantity),
            "maxMktOrderQty": plain(instrument.max_market_quantity),
            "minNotionalValue": plain(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": FUNDING_MS // 60_000,
        "copyTrading": "none",
        "upperFundingRate": "0.00075",
        "lowerFundingRate": "-0.00075",
        "isPreListing": False,
        "preListingInfo": None,
    }


def ticker(market: SymbolMarket, scale: Scale, now_ms: int) -> Json:
    """Return the 24-hour ticker."""
    last = market.last_ticks(now_ms)
    stats = market.day_stats(now_ms)
    bid, bid_lots, ask, ask_lots = market.touch(now_ms)
    open_interest = market.open_interest(now_ms)
    next_funding_ms = now_ms // FUNDING_MS * FUNDING_MS + FUNDING_MS
    last_px = scale.price(last)
    return {
        "symbol": market.symbol,
        "lastPrice": last_px,
        "indexPrice": last_px,
        "markPrice": last_px,
        "prevPrice24h": scale.price(stats.open),
        "price24hPcnt": f"{last / stats.open - 1:.6f}",
        "highPrice24h": scale.price(stats.high),
        "lowPrice24h": scale.price(stats.low),
        "prevPrice1h": scale.price(stats.open_1h),
        "openInterest": scale.volume(open_interest),
        "openInterestValue": f"{open_interest * last * market.tick:.2f}",
        "turnover24h": f"{stats.turnover_usd:.4f}",
        "volume24h": scale.volume(stats.volume),
        "fundingRate": f"{market.funding_rate(next_funding_ms):.8f}",
        "nextFundingTime": str(next_funding_ms),
        "fundingIntervalHour": str(FUNDING_MS // 3_600_000),
        "bid1Price": scale.price(bid),
        "bid1Size": scale.size(bid_lots),
        "ask1Price": scale.price(ask),
        "ask1Size": scale.size(ask_lots),
    }


def kline_rows(bars: Bars, scale: Scale, tick: float) -> list[list[str]]:
    """Return kline rows, oldest first: start, open, high, low, close, volume, turnover."""
    columns = [column.tolist() for column in bars[:6]]
    return [
        [
            str(ts),
            *(scale.price(px) for px in (opened, high, low, closed)),
            scale.volume(volume),
            f"{volume * (opened + high + low + closed) / 4 * tick:.4f}",
        ]
        for ts, opened, high, low, closed, volume in zip(*columns, strict=True)
    ]


def kline_push(row: list[str], interval: str, now_ms: int, *, confirm: bool) -> Json:
    """Return one candle as the kline topic shows it."""
    start, opened, high, low, closed, volume, turnover = row
    return {
        "start": int(start),
        "end": int(start) + INTERVALS_MS[interval] - 1,
        "interval": interval,
        "open": opened,
        "close": closed,
        "high": high,
        "low": low,
        "volume": volume,
        "turnover": turnover,
        "confirm": confirm,
        "timestamp": now_ms,
    }


def trade_rows(market: SymbolMarket, scale: Scale, tape: Tape) -> list[dict[str, Any]]:
    """Return prints as the publicTrade topic shows them, oldest first."""
    columns = (tape.times.tolist(), tape.prices.tolist(), tape.lots.tolist(), tape.is_buy.tolist())
    return [
        {
            "T": time_ms,
            "s": market.symbol,
            "S": "Buy" if is_buy else "Sell",
            "v": scale.size(lots),
            "p": scale.price(ticks),
            "L": "ZeroTick",
            "i": derive_id(f"trade:{market.symbol}:{ticks}:{lots}:{row}", time_ms),
            "BT": False,
        }
        for row, (time_ms, ticks, lots, is_buy) in enumerate(zip(*columns, strict=True))
    ]
