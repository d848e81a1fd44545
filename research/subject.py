"""Finds what a person means: a position, a signal or a symbol, by id, by a prefix of it, or by name."""

import re
from collections.abc import Iterable

import msgspec

from shared.contracts.position import PositionOpened
from shared.contracts.record import Record
from shared.contracts.signal import SignalRaised

QUOTES = ("USDT", "USDC")
PREFIX_MIN = 4
_ID = re.compile(r"[0-9a-f][0-9a-f-]*")
_PART = re.compile(r"[A-Z0-9]{1,20}")


class SubjectUnknown(Exception):
    """Nothing in the log goes by that name, or more than one thing does."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about; `signal_id` is empty when it is all of a symbol."""

    symbol: str
    signal_id: str = ""


def find_subject(query: str, records: Iterable[Record]) -> Subject:
    """Return what `query` names, given the records of signals and execution.

    Raises:
        SubjectUnknown: no such id, or a prefix of several.
    """
    wanted = query.strip().lower()
    matching: dict[str, Subject] = {}
    if _ID.fullmatch(wanted) and len(wanted) >= PREFIX_MIN:
        for record in records:
            for event in record.events:
                if isinstance(event, SignalRaised | PositionOpened):
                    position_id = getattr(event, "position_id", "")
                    if event.signal_id.startswith(wanted) or position_id.startswith(wanted):
                        matching[event.signal_id] = Subject(symbol=event.symbol, signal_id=event.signal_id)
    if len(matching) == 1:
        return next(iter(matching.values()))
    if matching:
        listed = ", ".join(sorted(matching))
        raise SubjectUnknown(f"{query!r} begins the ids of {len(matching)} opportunities: {listed}")
    symbol = unified_symbol(query)
    if symbol is None:
        raise SubjectUnknown(
            f"no position or signal has an id that begins with {query!r}; "
            "a symbol is written BTC/USDT:USDT, BTCUSDT or BTC"
        )
    return Subject(symbol=symbol)


def unified_symbol(text: str) -> str | None:
    """Return ccxt's unified name of a linear perpetual: of BTC/USDT:USDT, BTC/USDT, BTCUSDT or BTC."""
    name = text.strip().upper()
    base, slash, rest = name.partition("/")
    if slash:
        quote, _, settle = rest.partition(":")
        parts = (base, quote, settle or quote)
    else:
        quote = next((each for each in QUOTES if name.endswith(each) and name != each), QUOTES[0])
        parts = (name.removesuffix(quote) or name, quote, quote)
    if not all(_PART.fullmatch(part) for part in parts):
        return None
    return f"{parts[0]}/{parts[1]}:{parts[2]}"
