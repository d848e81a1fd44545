"""Silence: said once, taken back once, and not before the bars are complete."""

from services.market.domain.staleness import Silence
from shared.contracts.market import FeedChannel, FeedRestored, FeedStale

BARS, BOOKS = FeedChannel.BARS, FeedChannel.BOOKS


def silence() -> Silence:
    heard = Silence({BARS: 1000, BOOKS: 200})
    heard.expect(BARS, ["A", "B"], 0)
    return heard


def test_silence_is_recorded_once_when_it_is_too_long() -> None:
    heard = silence()
    heard.hear(BARS, "A", 600)
    assert heard.fall_silent(1000) == []
    assert heard.fall_silent(1001) == [FeedStale(channel=BARS, symbols=("B",), silent_ms=1001)]
    assert heard.fall_silent(1500) == []
    assert heard.fall_silent(1700) == [FeedStale(channel=BARS, symbols=("A",), silent_ms=1100)]


def test_channels_have_their_own_patience() -> None:
    heard = silence()
    heard.expect(BOOKS, ["A"], 0)
    assert [event.channel for event in heard.fall_silent(500)] == [BOOKS]


def test_a_stale_symbol_is_restored_when_heard_and_only_once() -> None:
    heard = silence()
    heard.fall_silent(2000)
    assert heard.recover(behind=()) == []
    heard.hear(BARS, "B", 2100)
    assert heard.recover(behind=()) == [FeedRestored(channel=BARS, symbols=("B",))]
    assert heard.recover(behind=()) == []


def test_bars_are_not_restored_while_some_are_missing() -> None:
    heard = silence()
    heard.fall_silent(2000)
    heard.hear_all(BARS, 2100)
    assert heard.recover(behind=("B",)) == [FeedRestored(channel=BARS, symbols=("A",))]
    assert heard.recover(behind=()) == [FeedRestored(channel=BARS, symbols=("B",))]


def test_silence_after_a_sign_of_life_is_recorded_again() -> None:
    heard = silence()
    heard.fall_silent(2000)
    heard.hear_all(BARS, 2100)
    assert heard.fall_silent(3200) == [FeedStale(channel=BARS, symbols=("A", "B"), silent_ms=1100)]
    assert heard.recover(behind=()) == []


def test_what_the_log_says_is_stale_is_restored_after_a_restart() -> None:
    heard = silence()
    heard.suppose_stale(BARS, ["B"])
    assert heard.recover(behind=()) == []
    heard.hear_all(BARS, 10)
    assert heard.recover(behind=()) == [FeedRestored(channel=BARS, symbols=("B",))]


def test_a_symbol_no_longer_expected_stays_stale_until_it_is_heard_again() -> None:
    heard = silence()
    heard.expect(BOOKS, ["A"], 0)
    heard.fall_silent(900)
    heard.expect(BOOKS, [], 950)
    heard.hear(BOOKS, "A", 960)
    assert heard.recover(behind=()) == []
    heard.expect(BOOKS, ["A"], 1000)
    heard.hear(BOOKS, "A", 1010)
    assert heard.recover(behind=()) == [FeedRestored(channel=BOOKS, symbols=("A",))]


def test_patience_with_a_symbol_starts_when_it_is_first_expected() -> None:
    heard = silence()
    heard.expect(BOOKS, ["A"], 5000)
    heard.expect(BOOKS, ["A", "B"], 5150)
    assert heard.fall_silent(5201) == [
        FeedStale(channel=BARS, symbols=("A", "B"), silent_ms=5201),
        FeedStale(channel=BOOKS, symbols=("A",), silent_ms=201),
    ]
