"""Check that a wrong preset is refused with every problem and the path of each."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.preset import PresetInvalid, StrategyPriority, default_presets_dir, parse_preset

Raw = dict[str, Any]


@pytest.fixture
def raw() -> Raw:
    decoded: Raw = json.loads((default_presets_dir() / "breakout_v1.json").read_text())
    return decoded


def _problems(raw: object) -> dict[str, str]:
    return _problems_of(json.dumps(raw).encode())


def _problems_of(content: bytes) -> dict[str, str]:
    with pytest.raises(PresetInvalid) as caught:
        parse_preset(content)
    return {problem.path: problem.message for problem in caught.value.problems}


def _put(raw: Raw, path: str, value: object) -> None:
    *parents, leaf = path.split(".")
    for key in parents:
        raw = raw.setdefault(key, {})
    raw[leaf] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("risk.risk_per_trade", float("nan"), "expected a number in (0, 1], got NaN"),
        ("risk.risk_per_trade", float("-inf"), "expected a number in (0, 1], got -Infinity"),
        ("risk.risk_per_trade", 0, "expected a number in (0, 1], got 0"),
        ("risk.risk_per_trade", 1.5, "expected a number in (0, 1], got 1.5"),
        ("risk.daily_risk_limit", -0.1, "expected a number in (0, 1], got -0.1"),
        ("risk.kill_switch_loss_limit", 18, "expected a number in (0, 1], got 18"),
        ("risk.correlation_limit", 1.01, "expected a number in [0, 1], got 1.01"),
        ("risk.max_concurrent_positions", 0, "expected a whole number in [1, 10], got 0"),
        ("risk.max_concurrent_positions", 11, "expected a whole number in [1, 10], got 11"),
        ("risk.max_concurrent_positions", 2.5, "expected a whole number in [1, 10], got 2.5"),
        ("risk.max_concurrent_positions", True, "expected a whole number in [1, 10], got true"),
        ("risk.max_consecutive_losses", 21, "expected a whole number in [1, 20], got 21"),
        ("risk.max_position_size_usd", "60k", 'expected a number in (0, 1000000000000] or null, got "60k"'),
        ("signal_config.l2_imbalance_threshold", 2.5, "expected a number in [0, 1], got 2.5"),
        ("signal_config.retest_pierce_tolerance", 0.2, "expected a number in [0, 0.05], got 0.2"),
        ("volatility_filters.bb_width_percentile_max", 0.9, "expected a number in [1, 100], got 0.9"),
        ("liquidity_filters.min_24h_volume_usd", None, "expected a number in (0, 1000000000000], got null"),
        ("position_config.add_on_enabled", "yes", 'expected true or false, got "yes"'),
        ("position_config.sl_mode", "trailing", 'expected one of fixed, chandelier, atr, got "trailing"'),
        ("position_config", 3, "expected an object, got 3"),
        ("risk", [1, 2], "expected an object, got a list of 2"),
        ("strategy_priority", "momentun", 'expected one of momentum, retest, got "momentun"'),
        ("description", "", 'expected text of 1 to 2000 characters, got ""'),
        ("description", "\ud800", 'expected text of 1 to 2000 characters, got "\\ud800"'),
        ("name", "../x", 'expected a name of 1 to 64 letters, digits, `_` and `-`, got "../x"'),
        ("notes", "text", 'expected a list of at most 50, got "text"'),
        ("execution_config.iceberg_min_notional", 0, "expected a number in (0, 1000000000000], got 0"),
        ("execution_config.twap_max_slices", 51, "expected a whole number in [1, 50], got 51"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    raw: Raw, path: str, value: object, message: str
) -> None:
    _put(raw, path, value)
    assert _problems(raw) == {path: message}


def _ladder(*rungs: tuple[float, float]) -> list[Raw]:
    return [
        {"level_name": f"TP{n}", "reward_multiple": r, "size_pct": size}
        for n, (r, size) in enumerate(rungs, 1)
    ]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        (
            {"volatility_filters.atr_range_max": 0.004},
            "volatility_filters.atr_range_max",
            "at least atr_range_min",
        ),
        ({"position_config.tp2_r": 1.5}, "position_config.tp2_r", "more than tp1_r (1.5), got 1.5"),
        ({"position_config.tp2_size_pct": 0.61}, "position_config.tp2_size_pct", "0.4 + 0.61 = 1.01"),
        ({"position_config.tp_levels": _ladder((1, 0.5))}, "position_config.tp_levels", "2 to 6 levels"),
        (
            {"position_config.tp_levels": _ladder(*[(n, 0.1) for n in range(1, 8)])},
            "position_config.tp_levels",
            "a list of at most 6, got a list of 7",
        ),
        (
            {"position_config.tp_levels": _ladder((1, 0.5), (1, 0.5))},
            "position_config.tp_levels",
            "strictly increasing reward_multiple, got 1, 1",
        ),
        (
            {"position_config.tp_levels": _ladder((1, 0.5), (2, 0.6))},
            "position_config.tp_levels",
            "sum to at most 1, got 1.1",
        ),
        (
            {"scanner_config.score_weights": {"vol_surge": 0.5}},
            "scanner_config.score_weights",
            "sum to 0.8 to 1.2, got 0.5",
        ),
        (
            {"scanner_config.score_weights": {"vol_surge": 0.9, "oi_delta": -0.4}},
            "scanner_config.score_weights",
            "got 1.3",
        ),
        (
            {"execution_config.twap_max_slices": 3},
            "execution_config.twap_max_slices",
            "at least twap_min_slices (4), got 3",
        ),
        (
            {"execution_config.deadman_timeout_ms": 7_500},
            "execution_config.deadman_timeout_ms",
            "(4 - 1) * 2.5 s = 7500 ms, got 7500 ms",
        ),
        (
            {"execution_config.twap_duration_seconds": 8},
            "execution_config.deadman_timeout_ms",
            "more than twap_duration_seconds (8000 ms)",
        ),
        (
            {"execution_config.twap_enabled": False},
            "execution_config.twap_enabled",
            "the value of enable_twap (true)",
        ),
        ({"execution_config.fill_or_kill": True}, "execution_config.fill_or_kill", "false with post_only"),
    ],
)
def test_a_broken_relation_between_fields_is_reported(
    raw: Raw, changes: Raw, path: str, message: str
) -> None:
    for field, value in changes.items():
        _put(raw, field, value)
    problems = _problems(raw)
    assert list(problems) == [path]
    assert message in problems[path]


def test_a_deadman_one_millisecond_longer_than_the_shortest_twap_is_enough(raw: Raw) -> None:
    raw["execution_config"]["deadman_timeout_ms"] = 7_501
    assert parse_preset(json.dumps(raw).encode()).execution_config.deadman_timeout_ms == 7_501


def test_shares_that_sum_to_one_but_for_rounding_are_accepted(raw: Raw) -> None:
    sizes = (0.2, 0.4, 0.3, 0.1)
    assert sum(sizes) > 1
    raw["position_config"]["tp_levels"] = _ladder(*enumerate(sizes, 1))
    assert len(parse_preset(json.dumps(raw).encode()).position_config.tp_levels) == 4


def test_an_unknown_field_is_refused_with_the_nearest_known_one(raw: Raw) -> None:
    raw["risk"]["risk_per_trad"] = 0.01
    raw["zzz"] = 1
    raw["bad\nkey"] = 1
    assert _problems(raw) == {
        "risk.risk_per_trad": "unknown field, did you mean risk_per_trade?",
        "zzz": "unknown field",
        '["bad\\nkey"]': "unknown field",
    }


def test_an_unknown_score_weight_is_refused(raw: Raw) -> None:
    raw["scanner_config"]["score_weights"]["volume"] = 0.1
    assert "scanner_config.score_weights.volume" in _problems(raw)


def test_a_missing_field_says_what_belongs_there(raw: Raw) -> None:
    del raw["risk"]["risk_per_trade"]
    del raw["scanner_config"]
    assert _problems(raw) == {
        "risk.risk_per_trade": "missing, expected a number in (0, 1]",
        "scanner_config": "missing, expected an object",
    }


def test_items_of_lists_have_paths_of_their_own(raw: Raw) -> None:
    raw["scanner_config"]["symbol_whitelist"] = ["BTC/USDT:USDT", "BTCUSDT", 5]
    raw["position_config"]["tp_levels"] = [*_ladder((1, 0.5), (2, 2)), "TP3"]
    assert _problems(raw) == {
        "position_config.tp_levels[1].size_pct": "expected a number in (0, 1], got 2",
        "position_config.tp_levels[2]": 'expected an object, got "TP3"',
        "scanner_config.symbol_whitelist[1]": 'expected a symbol such as BTC/USDT:USDT, got "BTCUSDT"',
        "scanner_config.symbol_whitelist[2]": "expected a symbol such as BTC/USDT:USDT, got 5",
    }


def test_all_problems_are_listed_at_once(raw: Raw) -> None:
    changes = {
        "risk.risk_per_trade": float("nan"),
        "risk.extra": 1,
        "liquidity_filters.max_spread_bps": -1,
        "position_config.tp1_r": 9,
        "position_config.chandelier_atr_mult": "far",
        "scanner_config.score_weights": {"vol_surge": 0.1},
        "execution_config.twap_interval_seconds": 100,
        "strategy_priority": None,
    }
    for path, value in changes.items():
        _put(raw, path, value)
    del raw["volatility_filters"]["atr_range_min"]
    with pytest.raises(PresetInvalid) as caught:
        parse_preset(json.dumps(raw).encode(), source="mine.json")
    assert {problem.path for problem in caught.value.problems} == {
        "risk.risk_per_trade",
        "risk.extra",
        "liquidity_filters.max_spread_bps",
        "position_config.tp2_r",
        "position_config.chandelier_atr_mult",
        "scanner_config.score_weights",
        "execution_config.deadman_timeout_ms",
        "strategy_priority",
        "volatility_filters.atr_range_min",
    }
    lines = str(caught.value).splitlines()
    assert lines[0] == "mine.json has 9 errors:"
    assert "  risk.risk_per_trade: expected a number in (0, 1], got NaN" in lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "broken JSON at line 1, column 1"),
        (b'{"name": "x",\n}', "broken JSON at line 2, column 1"),
        (b"\xff\xfe", "expected UTF-8 text, got byte 0xff at 0"),
        (b"\xef\xbb\xbf{}", "broken JSON"),
        (b"[" * 60_000, "nested too deeply"),
        (b"1" * 5_000, "broken JSON"),
        (b" " * 65_537, "expected at most 65536 bytes, got 65537"),
        (b"[]", "expected an object, got a list of 0"),
        (b"null", "expected an object, got null"),
        (b"NaN", "expected an object, got NaN"),
    ],
)
def test_a_document_that_is_no_object_of_json_is_refused(content: bytes, message: str) -> None:
    problems = _problems_of(content)
    assert list(problems) == ["$"]
    assert message in problems["$"]


def test_a_field_given_twice_is_refused(raw: Raw) -> None:
    text = json.dumps(raw).replace('"risk_per_trade"', '"risk_per_trade": 0.9, "risk_per_trade"', 1)
    assert _problems_of(text.encode()) == {"risk.risk_per_trade": "given more than once"}


def test_an_overflowing_number_is_an_infinity(raw: Raw) -> None:
    text = json.dumps(raw).replace('"risk_per_trade": 0.015', '"risk_per_trade": 1e999', 1)
    assert _problems_of(text.encode()) == {"risk.risk_per_trade": "expected a number in (0, 1], got Infinity"}


@pytest.mark.parametrize(
    ("alias", "priority"),
    [("breakout_momentum", StrategyPriority.MOMENTUM), ("breakout_retest", StrategyPriority.RETEST)],
)
def test_the_longer_strategy_names_are_read_as_synonyms(
    raw: Raw, alias: str, priority: StrategyPriority
) -> None:
    raw["strategy_priority"] = alias
    assert parse_preset(json.dumps(raw).encode()).strategy_priority is priority


@pytest.mark.parametrize("shorten", [lambda text: text[:-2], lambda text: text[: len(text) // 2]])
def test_a_truncated_file_is_broken_json(raw: Raw, shorten: Callable[[str], str]) -> None:
    assert "broken JSON" in _problems_of(shorten(json.dumps(raw)).encode())["$"]
