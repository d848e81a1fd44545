"""Every formula of specification 2.5 at its corners."""

from math import e, log

import numpy as np
import pytest

from services.scanner.domain import score
from shared.market.columns import Floats
from tests.services.scanner.scenario import (
    NAN,
    SYMBOLS,
    closed,
    desk,
    preset,
    scanned,
    three_markets,
    tickers,
)


def of(*values: float) -> Floats:
    return np.array(values)


@pytest.mark.parametrize(
    ("atr_frac", "expected"),
    [
        (0.025, 2.5),
        (0.015, 0.0),
        (0.035, 0.0),
        (0.020, 1.25),
        (0.0149, 2.466667),
        (0.0075, 0.0),
        (0.0, -2.5),
        (0.0525, 0.0),
        (0.1, -2.5),
    ],
)
def test_atr_quality_is_computed_for_real(atr_frac: float, expected: float) -> None:
    """W-D3: best at 2.5 % of price, worst far outside the band; never a constant."""
    assert score.atr_quality(of(atr_frac))[0] == pytest.approx(expected, abs=1e-5)


def test_atr_quality_differs_between_markets() -> None:
    """W-D3, through the whole scan."""
    markets, _ = scanned(desk(closed(three_markets(), *SYMBOLS)))
    found = {
        part.value for market in markets.values() for part in market.components if part.name == "atr_quality"
    }
    assert len(found) == 3


def test_volume_surge_is_clipped_to_three() -> None:
    surge = score.vol_surge(of(2.0, 100.0, 0.0, NAN), of(3.0, 100.0, 0.0, 1.0))
    np.testing.assert_allclose(surge, [0.9, 3.0, -1.5, NAN])


def test_open_interest_counts_in_steps_of_five_per_cent_either_way() -> None:
    np.testing.assert_allclose(score.oi_delta(of(0.05, -0.1, 0.5, NAN)), [1.0, 2.0, 3.0, NAN])


@pytest.mark.parametrize(
    ("correlation", "expected"), [(0.0, 1.0), (0.3, 0.5), (-0.15, 0.75), (0.5, 1.0), (0.7, 1.0), (1.0, -0.5)]
)
def test_moderate_correlation_is_best(correlation: float, expected: float) -> None:
    assert score.moderate_correlation(of(correlation))[0] == pytest.approx(expected)


def test_activity_is_a_logarithm_and_silence_is_worst() -> None:
    np.testing.assert_allclose(
        score.activity(of(e**2, e**4, 1e9, 0.0, NAN)), [0.0, 2.0, 3.0, -3.0, NAN], atol=1e-12
    )


def test_momentum_adds_the_move_and_the_growth_of_volume() -> None:
    found = score.momentum(of(0.5, -1.0, 9.0, NAN), of(2.0, 1.0, 1.0, 1.0))
    np.testing.assert_allclose(found, [0.5 + log(2), -1.0, 3.0, NAN])


def test_an_unknown_component_weighs_nothing() -> None:
    markets, _ = scanned(desk(closed(three_markets(), *SYMBOLS)))
    values = {part.name: part.value for part in next(iter(markets.values())).components}
    assert values["oi_delta"] == 0.0
    assert values["trades_per_minute"] == 0.0
    assert values["vol_surge"] != 0.0


@pytest.mark.parametrize("name", ["smallcap_top_losers", "smallcap_top_gainers", "top_losers_reversal"])
def test_the_weights_of_a_preset_are_those_of_the_components(name: str) -> None:
    rules = preset(name, scanner_config={"losers_filter": None, "gainers_filter": None})
    given = desk(closed(three_markets(), *SYMBOLS), rules=rules)
    markets, _ = scanned(given.given(tickers(*SYMBOLS, change=-0.1)))
    for market in markets.values():
        assert len(market.components) == 6
        for part in market.components:
            assert part.weight == getattr(rules.scanner_config.score_weights, part.name)
        assert all(part.value != 0 for part in market.components if part.name.startswith(("losers", "gain")))


def test_a_market_that_has_not_fallen_shows_no_reversal() -> None:
    rules = preset("top_losers_reversal", scanner_config={"losers_filter": None})
    given = desk(closed(three_markets(), *SYMBOLS), rules=rules)
    markets, _ = scanned(given.given(tickers(*SYMBOLS, change=0.1)))
    for market in markets.values():
        assert {part.name: part.value for part in market.components}["losers_reversal"] == 0.0
