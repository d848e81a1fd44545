"""Recorded candles: replayed exactly, gaps and all, and refused by name when they are broken."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.simulator.adapters.candles import open_recorded
from services.simulator.adapters.failures import DataError
from services.simulator.settings import Settings
from tests.services.simulator.process import run, simulator

FIVE, HOUR, DAY = 300_000, 3_600_000, 86_400_000
START = 1_700_000_100_000 // FIVE * FIVE
SEED = 5


def recorded(rows: int = 1500) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.003, rows))), 2)
    opened = np.concatenate(([100.0], close[:-1]))
    high = np.round(np.maximum(opened, close) * 1.002, 2)
    low = np.round(np.minimum(opened, close) * 0.998, 2)
    ts = START + FIVE * np.arange(rows, dtype=np.int64)
    return {
        "ts": ts,
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": rng.uniform(10, 99, rows),
    }


def write(folder: Path, name: str, **columns: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


def settings(folder: Path, **values: Any) -> Settings:
    return Settings(state="unused", data=str(folder), seed=SEED, **values)


def test_candles_come_back_as_recorded_and_gaps_stay_gaps(tmp_path: Path) -> None:
    columns = recorded()
    keep = np.ones(1500, bool)
    keep[900:907] = False
    cut = {name: column[keep] for name, column in columns.items()}
    markets, start_ms = open_recorded(settings(write(tmp_path / "set", "ETHUSDT", **cut)))
    assert start_ms == START + 48 * HOUR
    market = markets["ETHUSDT"]
    now = START + 1400 * FIVE
    bars = market.candles(FIVE, START, now, now)
    assert np.array_equal(bars.ts, cut["ts"][: bars.ts.size])
    for name in ("open", "high", "low", "close"):
        assert getattr(bars, name) * market.tick == pytest.approx(cut[name][: bars.ts.size], abs=1e-9)
    assert market.last_ticks(START + 903 * FIVE) == bars.close[899]
    assert market.trades(START + 901 * FIVE, START + 905 * FIVE).times.size == 0


def test_minutes_cut_from_five_minute_candles_add_up_to_them(tmp_path: Path) -> None:
    markets, _ = open_recorded(settings(write(tmp_path / "set", "ETHUSDT", **recorded())))
    market, now = markets["ETHUSDT"], START + 1000 * FIVE
    fine = market.candles(60_000, now - 20 * FIVE, now, now)
    coarse = market.candles(FIVE, now - 20 * FIVE, now, now)
    assert fine.ts.size == 100
    assert np.array_equal(fine.high.reshape(20, 5).max(axis=1), coarse.high)
    assert np.array_equal(fine.low.reshape(20, 5).min(axis=1), coarse.low)
    assert np.array_equal(fine.open[::5], coarse.open)
    assert np.array_equal(fine.close[4::5], coarse.close)
    assert fine.volume.reshape(20, 5).sum(axis=1) == pytest.approx(coarse.volume)


def test_other_quotes_are_listed_as_usdt_because_the_account_holds_usdt(tmp_path: Path) -> None:
    markets, _ = open_recorded(settings(write(tmp_path / "set", "kPEPEUSDC", **recorded())))
    instrument = markets["kPEPEUSDT"].instrument
    assert (instrument.base, instrument.quote, str(instrument.tick_size)) == ("kPEPE", "USDT", "0.01")


def shifted(name: str, row: int, value: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(columns: dict[str, Any]) -> dict[str, Any]:
        changed = columns[name].copy()
        changed[row] = value
        return columns | {name: changed}

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: {n: v for n, v in c.items() if n != "volume"}, "volume"),
        (lambda c: {n: v[:0] for n, v in c.items()}, "0 candles"),
        (shifted("high", 700, 1.0), "low <= open, close <= high"),
        (shifted("close", 700, float("nan")), "not a finite number"),
        (shifted("volume", 700, -1.0), "negative volume"),
        (shifted("ts", 700, START), "strictly increasing"),
        (lambda c: c | {"ts": c["ts"].astype(float)}, "not an integer"),
        (lambda c: c | {"open": [*[str(v) for v in c["open"]][:-1], "x"]}, "not numeric"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], reason: str
) -> None:
    folder = write(tmp_path / "set", "ETHUSDT", **change(recorded()))
    with pytest.raises(DataError, match=rf"ETHUSDT\.parquet.*{reason}"):
        open_recorded(settings(folder))


def test_a_missing_empty_or_garbled_folder_ends_the_program_with_code_2(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "garbled").mkdir()
    (tmp_path / "garbled" / "ETHUSDT.parquet").write_bytes(b"PAR1 but not really")
    reasons = {"absent": "no such folder", "empty": "no *.parquet", "garbled": "ETHUSDT.parquet"}
    started = {name: run(tmp_path / "state", "--data", str(tmp_path / name)) for name in reasons}
    for name, process in started.items():
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 2
        assert reasons[name] in errors
    assert not (tmp_path / "state").exists()


def data_set(name: str) -> Path:
    """A recorded set, where the machine has it."""
    root = Path(os.environ.get("BREAKOUT_DATA") or Path(__file__).parents[4] / "shared/data/candles")
    folder = root / name if (root / name).is_dir() else root / "candles" / name
    if not folder.is_dir():
        pytest.skip(f"no recorded set {name}; BREAKOUT_DATA names their folder")
    return folder


@pytest.mark.parametrize("name", ["binance_um_1m_2025", "hyperliquid_perp_5m_2025", "binance_um_1h"])
async def test_a_recorded_set_is_served(tmp_path: Path, name: str) -> None:
    arguments = ("--data", str(data_set(name)), "--symbols", "4", "--speed", "120")
    with simulator(tmp_path / "state", *arguments) as process:
        rows = (await process.get("/v5/market/tickers?category=linear"))["result"]["list"]
        assert len(rows) == 4
        for row in rows:
            path = f"/v5/market/kline?category=linear&symbol={row['symbol']}&interval=60&limit=40"
            assert len((await process.get(path))["result"]["list"]) == 40
            book = await process.get(f"/v5/market/orderbook?category=linear&symbol={row['symbol']}&limit=50")
            assert len(book["result"]["b"]) == len(book["result"]["a"]) == 50
