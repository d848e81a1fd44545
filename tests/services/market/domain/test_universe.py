"""Which markets are looked at, and what is said of those the venue leaves out."""

from decimal import Decimal
from math import isnan

from services.market.domain.universe import Ticker, choose, tickers_observed
from shared.contracts.columns import unpack
from shared.contracts.market import Instrument


def instrument(base: str, quote: str = "USDT") -> Instrument:
    return Instrument(
        symbol=f"{base}/{quote}:{quote}",
        base=base,
        quote=quote,
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        quantity_min=Decimal("0.001"),
        notional_min_usd=Decimal(5),
    )


LISTED = [
    instrument("ADA"),
    instrument("BTC"),
    instrument("ETH"),
    instrument("BTC", "USDC"),
    instrument("XRP"),
]
TICKERS = {
    "ADA/USDT:USDT": Ticker(volume_24h_usd=9e9),
    "BTC/USDT:USDT": Ticker(volume_24h_usd=1.0),
    "ETH/USDT:USDT": Ticker(volume_24h_usd=5e9),
}


def bases(symbols_max: int, quotes: list[str]) -> list[str]:
    return [each.symbol for each in choose(LISTED, TICKERS, quotes=quotes, symbols_max=symbols_max)]


def test_btc_leads_and_the_rest_follows_by_turnover() -> None:
    assert bases(0, ["USDT"]) == ["BTC/USDT:USDT", "ADA/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"]


def test_at_most_so_many_are_chosen() -> None:
    assert bases(2, ["USDT"]) == ["BTC/USDT:USDT", "ADA/USDT:USDT"]


def test_quote_currencies_are_chosen() -> None:
    assert bases(0, ["USDC"]) == ["BTC/USDC:USDC"]
    assert bases(0, ["EUR"]) == []


def test_what_the_venue_leaves_out_is_nan() -> None:
    event = tickers_observed(["ETH/USDT:USDT", "NEW/USDT:USDT"], TICKERS)
    assert unpack(event.volume_24h_usd)[0] == 5e9
    assert isnan(unpack(event.volume_24h_usd)[1])
    assert isnan(unpack(event.last)[0])
