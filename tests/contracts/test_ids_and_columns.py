"""Pin ids, partitions, columns and digests: logs that exist depend on every one of them."""

from hashlib import sha256
from math import isnan
from uuid import UUID

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from shared.contracts.columns import pack, require_length, unpack
from shared.contracts.desk import Source
from shared.contracts.ids import derive_id, partition_of
from shared.contracts.market import BarsClosed, TickersObserved
from shared.contracts.processor import Context
from shared.contracts.record import digest

DESK = UUID("6f1c9a52-2f6a-4f0e-9a3e-0d5f0c6a7b11")


def test_ids_are_the_same_for_ever() -> None:
    assert derive_id(DESK, 4711, 0, "entry") == "180ea64b-de9c-5774-9c11-39e9ce5fb295"
    assert derive_id(DESK, 4711, 1, "entry") == "b7203fce-4549-50a3-9b31-4e3f039e807b"


def test_a_context_derives_from_its_desk_its_record_and_its_place_there() -> None:
    ctx = Context(desk_id=DESK, seq=4711, source=Source.RISK, time_ns=1_999_999, ordinal=1, correlation="")
    assert ctx.derive("entry") == derive_id(DESK, 4711, 1, "entry")
    assert ctx.time_ms == 1


@seed(1)
@given(st.integers(min_value=0), st.integers(min_value=0), st.text(max_size=8), st.text(max_size=8))
def test_different_causes_and_names_give_different_ids(seq: int, ordinal: int, one: str, other: str) -> None:
    first = derive_id(DESK, seq, ordinal, one)
    assert first == derive_id(DESK, seq, ordinal, one)
    assert (first == derive_id(DESK, seq, ordinal, other)) == (one == other)
    assert first != derive_id(DESK, seq + 1, ordinal, one)
    assert first != derive_id(UUID(int=1), seq, ordinal, one)
    assert len(first) == 36


@pytest.mark.parametrize(
    ("symbol", "of_4", "of_16"),
    [("BTC/USDT:USDT", 3, 7), ("ETH/USDT:USDT", 3, 11), ("1000PEPE/USDT:USDT", 1, 13)],
)
def test_symbols_stay_in_their_partitions_for_ever(symbol: str, of_4: int, of_16: int) -> None:
    assert partition_of(symbol, 4) == of_4
    assert partition_of(symbol, 16) == of_16
    assert partition_of(symbol, 1) == 0


def test_partitions_share_the_universe_evenly() -> None:
    symbols = [f"COIN{number}/USDT:USDT" for number in range(1_000)]
    counts = [sum(partition_of(symbol, 4) == part for symbol in symbols) for part in range(4)]
    assert sum(counts) == 1_000
    assert min(counts) > 200


@seed(2)
@given(st.lists(st.floats()))
def test_a_column_returns_what_was_packed(values: list[float]) -> None:
    column = pack(values)
    assert len(column) == 8 * len(values)
    assert [v if not isnan(v) else None for v in unpack(column)] == [
        v if not isnan(v) else None for v in values
    ]


def test_a_column_is_little_endian_float64() -> None:
    assert pack([1.0, -2.0]).hex() == "000000000000f03f00000000000000c0"


def test_a_column_of_the_wrong_length_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="bytes length not a multiple of item size"):
        unpack(b"\0" * 9)
    with pytest.raises(ValueError, match=r"Owner\.bid: 2 float64 required, got 8 bytes"):
        require_length("Owner", {"ask": pack([1, 2]), "bid": pack([1])}, 2)
    one, two = pack([1]), pack([1, 2])
    with pytest.raises(ValueError, match=r"BarsClosed\.low: 2 float64 required"):
        BarsClosed(
            timeframe_s=300,
            open_time_ms=0,
            rows=2,
            symbols=("A",),
            open=two,
            high=two,
            low=one,
            close=two,
            volume=two,
        )
    with pytest.raises(ValueError, match=r"TickersObserved\.ask: 1 float64 required"):
        TickersObserved(
            symbols=("A",),
            last=one,
            bid=one,
            ask=two,
            volume_24h_usd=one,
            change_24h_frac=one,
            open_interest_usd=one,
        )


def test_bars_know_when_their_last_row_closes() -> None:
    three = pack([1, 2, 3])
    bars = BarsClosed(
        timeframe_s=300,
        open_time_ms=1_000,
        rows=3,
        symbols=("A",),
        open=three,
        high=three,
        low=three,
        close=three,
        volume=three,
    )
    assert bars.close_time_ms == 1_000 + 3 * 300_000


def test_a_digest_is_the_first_half_of_sha_256() -> None:
    assert digest(b"body") == sha256(b"body").hexdigest()[:32]
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb924"
