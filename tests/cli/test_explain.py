import json
from pathlib import Path

import pytest

from research.subject import unified_symbol
from tests.cli.conftest import Run
from tests.cli.sessions import BTC
from tests.cli.trade import DENIED_ID, POSITION_ID, REFUSED_ID, SIGNAL_ID


def test_a_trade_is_explained_from_its_bar_to_its_exit_with_the_numbers(run: Run, traded_home: Path) -> None:
    result = run("explain", POSITION_ID, "--home", traded_home)
    assert result.exit_code == 0, result.output
    told = result.stdout
    steps = (
        "long momentum: closed +1.375 R",
        "open 99 high 100.6005 low 98.901 close 100.5",
        "passed, score 2.5, rank 1 of 3 (vol_surge 2.5 x 1)",
        "ok   max_spread 2 (needs <= 5)",
        "resistance 99.5, 4 touches, strength 0.80",
        "entry 101 stop 99 targets 104 (1.5 R, 50%) confidence 0.75",
        "ok   volume_surge 2.5 (needs >= 1.5)",
        "quantity 2, notional 202 USD, risk 4 USD of equity 1000 USD, stop 99; bounded by risk, depth",
        "entry: buy 2 market",
        "accepted",
        "entry buy 2 at 101, fee 0.25 USD (taker)",
        "1 R is 2 per unit",
        "stop: sell 2 stop_market triggered at 99, reduce-only",
        "99 -> 101 (break_even)",
        "trailing_stop: 2 from 101 to 104; gross 6 - fees 0.5 - funding 0 = 5.5 USD, +1.375 R",
    )
    places = [told.find(step) for step in steps]
    assert -1 not in places, steps[places.index(-1)]
    assert places == sorted(places)


@pytest.mark.parametrize("query", [POSITION_ID, POSITION_ID[:8], SIGNAL_ID, SIGNAL_ID[:8].upper()])
def test_a_position_or_a_signal_is_found_by_its_id_or_the_beginning_of_it(
    run: Run, traded_home: Path, query: str
) -> None:
    found = json.loads(run("explain", query, "--json", "--home", traded_home).stdout)
    (opportunity,) = found["opportunities"]
    assert (opportunity["signal_id"], opportunity["position_id"]) == (SIGNAL_ID, POSITION_ID)


@pytest.mark.parametrize("query", ["BTC/USDT:USDT", "BTC/USDT", "BTCUSDT", "btcusdt", "BTC"])
def test_a_symbol_is_understood_however_it_is_written(run: Run, traded_home: Path, query: str) -> None:
    found = json.loads(run("explain", query, "--json", "--home", traded_home).stdout)
    assert found["symbol"] == BTC
    outcomes = {each["signal_id"]: each["outcome"] for each in found["opportunities"]}
    assert outcomes == {SIGNAL_ID: "closed", DENIED_ID: "denied", REFUSED_ID: "refused"}


def test_every_step_names_the_record_it_answers(run: Run, traded_home: Path) -> None:
    found = json.loads(run("explain", POSITION_ID, "--json", "--home", traded_home).stdout)
    (opportunity,) = found["opportunities"]
    signal, approval, entry = opportunity["steps"][:3]
    assert signal["cause"] == opportunity["bar"]["seq"]
    assert approval["cause"] == signal["seq"]
    assert entry["cause"] == approval["seq"]
    assert opportunity["scan"]["scan_id"] == signal["event"]["scan_id"]


def test_a_denied_signal_is_explained_with_its_reasons_and_numbers(run: Run, traded_home: Path) -> None:
    told = run("explain", DENIED_ID, "--home", traded_home).stdout
    assert "long momentum: denied" in told
    assert "positions_max 3 (limit 3)" in told


def test_an_entry_refused_at_the_last_hop_is_explained_with_its_reasons(run: Run, traded_home: Path) -> None:
    told = run("explain", REFUSED_ID, "--home", traded_home).stdout
    assert "long momentum: refused" in told
    assert "order_rate 6 (limit 6)" in told


def test_a_near_miss_is_explained_with_the_failing_condition(run: Run, traded_home: Path) -> None:
    told = run("explain", "ETHUSDT", "--home", traded_home).stdout
    assert "near misses: 1" in told
    assert "FAIL volume_surge 0.9 (needs >= 1.5)" in told
    assert "body_ratio" not in told


def test_a_market_that_did_not_pass_is_explained_with_its_failing_filters(
    run: Run, traded_home: Path
) -> None:
    told = run("explain", "SOL", "--home", traded_home).stdout
    assert "passed 0 of 1 scans" in told
    assert "did not pass, score 0.5, rank 3 of 3" in told
    assert "FAIL max_spread 12.5 (needs <= 5)" in told
    assert "no level found" in told


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("BTX", "did you mean"),
        ("ffff0000", "is in no scan"),
        ("not an id!", "no position or signal has an id"),
        ("5161", "begins the ids of 3 opportunities"),
    ],
)
def test_what_is_not_known_is_said_with_what_is(run: Run, traded_home: Path, query: str, answer: str) -> None:
    result = run("explain", query, "--home", traded_home)
    assert result.exit_code == 2
    assert answer in result.stderr


@pytest.mark.parametrize("text", ["", "/", "BTC USDT", "../x", "é"])
def test_what_is_no_symbol_is_none(text: str) -> None:
    assert unified_symbol(text) is None


def test_a_session_of_real_deciders_explains_every_symbol(run: Run, decided_home: Path) -> None:
    for symbol in ("BTC", "ETH", "SOL"):
        result = run("explain", symbol, "--home", decided_home)
        assert result.exit_code == 0, result.output
        assert "scans" in result.stdout
