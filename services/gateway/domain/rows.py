"""Defines the root of what the gateway shows: rows whose fields are camelCase on the wire.

Money, prices and quantities are Decimal and travel as strings. What is not known is null.
"""

from typing import TypeVar

import msgspec

Kept = TypeVar("Kept")


class Row(msgspec.Struct, kw_only=True, rename="camel"):
    """One thing on a page; a fold may change it as the log goes on."""


def keep_last(kept: dict[str, Kept], count: int) -> None:
    """Forget the oldest entries beyond `count`, in place."""
    for key in list(kept)[: max(0, len(kept) - count)]:
        del kept[key]
