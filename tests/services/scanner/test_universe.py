import pytest

from services.scanner.domain.universe import Turnover, canonical, reference_of, select
from shared.contracts.preset import GainersFilter, LosersFilter, ScannerConfig
from tests.services.scanner.scenario import BTC, ETH, NAN, SOL, SYMBOLS, preset

TICKERS = {
    BTC: Turnover(volume_24h_usd=3e9, change_24h_frac=0.01),
    ETH: Turnover(volume_24h_usd=2e9, change_24h_frac=0.12),
    SOL: Turnover(volume_24h_usd=1e9, change_24h_frac=-0.09),
}


def config(**fields: object) -> ScannerConfig:
    return preset(scanner_config={"top_n_by_volume": None, **fields}).scanner_config


@pytest.mark.parametrize("name", ["BTCUSDT", "BTC/USDT", "BTC/USDT:USDT", "btc-usdt", "BTC_USDT"])
def test_spellings_of_a_market_are_one_name(name: str) -> None:
    """W-D7: a whitelist may spell a market as its venue or as ccxt does."""
    assert canonical(name) == "BTCUSDT"
    assert select(SYMBOLS, TICKERS, config(symbol_whitelist=(name,))) == (BTC,)
    assert select(SYMBOLS, TICKERS, config(symbol_blacklist=(name,))) == (ETH, SOL)


def test_a_whitelist_of_unknown_markets_admits_none() -> None:
    assert select(SYMBOLS, TICKERS, config(symbol_whitelist=("DOGE/USDT:USDT",))) == ()


def test_the_largest_markets_are_kept_and_unknown_turnover_is_smallest() -> None:
    assert select(SYMBOLS, TICKERS, config(top_n_by_volume=2)) == (BTC, ETH)
    unknown = TICKERS | {BTC: Turnover(volume_24h_usd=NAN, change_24h_frac=NAN)}
    assert select(SYMBOLS, unknown, config(top_n_by_volume=2)) == (ETH, SOL)
    assert select(SYMBOLS, {}, config(top_n_by_volume=2)) == (BTC, ETH)


def test_gates_admit_the_strongest_risers_or_fallers() -> None:
    """W-D6: the gates of a preset are in force."""
    risers = GainersFilter(min_24h_change_pct=0.5, top_n_gainers=1)
    assert select(SYMBOLS, TICKERS, config(gainers_filter=risers)) == (ETH,)
    fallers = LosersFilter(max_24h_change_pct=-6.0, top_n_losers=5)
    assert select(SYMBOLS, TICKERS, config(losers_filter=fallers)) == (SOL,)
    disabled = LosersFilter(enabled=False, max_24h_change_pct=-6.0, top_n_losers=5)
    assert select(SYMBOLS, TICKERS, config(losers_filter=disabled)) == SYMBOLS
    assert select(SYMBOLS, {}, config(gainers_filter=risers)) == ()


def test_the_choice_does_not_depend_on_the_order_of_the_listing() -> None:
    rules = config(top_n_by_volume=2)
    assert select(SYMBOLS, {}, rules) == select(tuple(reversed(SYMBOLS)), {}, rules)


def test_the_reference_is_the_btc_market_in_usdt() -> None:
    assert reference_of({ETH: "ETH", "BTC/USDC:USDC": "BTC", BTC: "BTC", "BTC/USDT": "BTC"}) == BTC
    assert reference_of({"BTC/USDT": "BTC", ETH: "ETH"}) == "BTC/USDT"
    assert reference_of({ETH: "ETH"}) is None
