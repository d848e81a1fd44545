"""Which answers are certain, and which leave open whether the venue did it."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.execution.adapters.bybit_wire import (
    RowUnreadable,
    amend_params,
    create_params,
    execution,
    order_report,
    redirected,
    venue_position,
)
from services.execution.adapters.ccxt_venue import CcxtVenue
from services.execution.adapters.outcomes import (
    VenueBusy,
    VenueRefused,
    VenueTrouble,
    VenueUncertain,
    VenueUnusable,
    result_of,
    trouble,
)
from shared.contracts.order import (
    AmendSubmitted,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.venue import ExecutionKind
from shared.runtime.settings import VenueSection
from tests.services.execution.live import Simulator

D = Decimal


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('bybit {"retCode":110007,"retMsg":"ab not enough"}', VenueRefused),
        ('bybit {"retCode":110072,"retMsg":"OrderLinkedID is duplicate"}', VenueRefused),
        ('bybit {"retCode":10006,"retMsg":"Too many visits!"}', VenueBusy),
        ('bybit {"retCode":10000,"retMsg":"Server Timeout"}', VenueUncertain),
        ('bybit {"retCode":10016,"retMsg":"System error"}', VenueUncertain),
        ("bybit POST http://x/v5/order/create", VenueUncertain),
        ("bybit POST http://x/v5/order/create 502 Bad Gateway <html>", VenueUncertain),
        ("bybit POST http://x/v5/order/create 429 Too Many Requests", VenueUncertain),
        ("bybit POST http://x/v5/order/create 400 Bad Request", VenueUncertain),
    ],
)
def test_only_what_the_venue_itself_has_said_is_certain(text: str, kind: type[VenueTrouble]) -> None:
    assert type(trouble(RuntimeError(text))) is kind


@pytest.mark.parametrize(
    "answer", ["", "<html>", None, {}, {"retCode": 0}, [], {"retCode": 10000, "result": {}}]
)
def test_an_unreadable_body_is_uncertain(answer: object) -> None:
    with pytest.raises(VenueUncertain):
        result_of(answer)


ORDER = OrderSubmitted(
    client_order_id="id",
    symbol="AAA/USDT:USDT",
    side=OrderSide.SELL,
    order_type=OrderType.STOP_MARKET,
    quantity=D("0.10"),
    trigger_price=D("1E+2"),
    reduce_only=True,
    purpose=OrderPurpose.STOP,
    position_id="p",
    signal_id="s",
)


def test_a_stop_is_a_conditional_market_order_with_our_id_and_plain_numbers() -> None:
    params = create_params(ORDER, "AAAUSDT")
    assert params == {
        "category": "linear",
        "symbol": "AAAUSDT",
        "side": "Sell",
        "orderType": "Market",
        "qty": "0.10",
        "timeInForce": "IOC",
        "orderLinkId": "id",
        "reduceOnly": True,
        "positionIdx": 0,
        "triggerPrice": "100",
        "triggerDirection": 2,
        "triggerBy": "LastPrice",
    }


def test_a_change_names_only_what_changes() -> None:
    amend = AmendSubmitted(
        amend_id="a", client_order_id="id", symbol="AAA/USDT:USDT", trigger_price=D("99.5")
    )
    assert amend_params(amend, "AAAUSDT") == {
        "category": "linear",
        "symbol": "AAAUSDT",
        "orderLinkId": "id",
        "triggerPrice": "99.5",
    }


EXECUTION = {
    "execType": "Trade",
    "execId": "t",
    "orderLinkId": "id",
    "orderId": "v",
    "symbol": "AAAUSDT",
    "side": "Buy",
    "execQty": "0.30000000000000004",
    "execPrice": "100.10",
    "execFee": "0.00000001",
    "isMaker": True,
    "execTime": "7",
}


def test_numbers_are_exactly_the_venues_text() -> None:
    found = execution(EXECUTION, str.lower)
    assert found is not None
    assert (found.last_qty, found.fee_usd) == (D("0.30000000000000004"), D("0.00000001"))


def test_funding_belongs_to_no_order() -> None:
    found = execution({**EXECUTION, "execType": "Funding"}, str.lower)
    assert found is not None
    assert (found.kind, found.client_order_id) == (ExecutionKind.FUNDING, "")


def test_kinds_that_move_nothing_are_left_out() -> None:
    assert execution({**EXECUTION, "execType": "Settle"}, str.lower) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "abc"])
def test_a_number_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(RowUnreadable, match="execQty"):
        execution({**EXECUTION, "execQty": value}, str.lower)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Untriggered", OrderStatus.NEW),
        ("Triggered", OrderStatus.NEW),
        ("PartiallyFilledCanceled", OrderStatus.CANCELED),
        ("Deactivated", OrderStatus.CANCELED),
        ("Rejected", OrderStatus.REJECTED),
    ],
)
def test_every_status_of_the_venue_has_a_meaning(theirs: str, ours: OrderStatus) -> None:
    row = {"orderLinkId": "id", "orderId": "v", "symbol": "X", "orderStatus": theirs, "cumExecQty": "0"}
    assert order_report(row, str).status is ours


def test_an_unknown_status_is_refused_by_name() -> None:
    row = {"orderLinkId": "id", "orderId": "v", "symbol": "X", "orderStatus": "Odd", "cumExecQty": "0"}
    with pytest.raises(RowUnreadable, match="Odd"):
        order_report(row, str)


def test_a_flat_position_is_none() -> None:
    assert venue_position({"symbol": "X", "size": "0", "side": "", "avgPrice": "0"}, str) is None


def test_every_address_is_redirected_and_keeps_its_path() -> None:
    urls = {"private": "https://api.bybit.com", "ws": {"private": "wss://stream.bybit.com/v5/private"}}
    assert redirected(urls, "http://127.0.0.1:1") == {
        "private": "http://127.0.0.1:1",
        "ws": {"private": "ws://127.0.0.1:1/v5/private"},
    }


async def test_a_wrong_key_is_told_as_such(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "simulator")
    await simulator.start()
    section = VenueSection(
        base_url=f"http://127.0.0.1:{simulator.port}", api_key="demo-key", api_secret="wrong"
    )
    venue = CcxtVenue(section, recv_window_ms=3000, request_timeout_s=3.0, on_time=lambda _: None)
    try:
        with pytest.raises(VenueUnusable, match="api_key"):
            await venue.open()
    finally:
        await venue.close()
        await simulator.close()


async def test_a_clock_that_is_off_is_told_as_such(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "simulator")
    await simulator.start()
    section = VenueSection(
        base_url=f"http://127.0.0.1:{simulator.port}", api_key="demo-key", api_secret="demo-secret"
    )
    venue = CcxtVenue(section, recv_window_ms=3000, request_timeout_s=3.0, on_time=lambda _: None)
    # What goes over the wire is what a clock that is a minute slow would send.
    venue._exchange.options["timeDifference"] = 60_000
    try:
        with pytest.raises(VenueUnusable, match=r"10002.*check this machine's clock"):
            await venue.open()
    finally:
        await venue.close()
        await simulator.close()


async def test_a_venue_that_is_not_there_may_come_back() -> None:
    section = VenueSection(base_url="http://127.0.0.1:1", api_key="k", api_secret="s")
    venue = CcxtVenue(section, recv_window_ms=3000, request_timeout_s=1.0, on_time=lambda _: None)
    try:
        with pytest.raises(VenueUncertain):
            await venue.open()
    finally:
        await venue.close()


def test_a_venue_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(VenueUnusable, match="kraken"):
        CcxtVenue(
            VenueSection(exchange="kraken"), recv_window_ms=1, request_timeout_s=1.0, on_time=lambda _: None
        )
