"""Name the units of preset fields once, with the bounds that every field of that unit shares.

Bounds keep out what no trader means (a negative spread, 40 % slippage typed as 40);
they reach the reader, its messages and the JSON Schema from here. SPEC sections 4.3, 5, 9.2.
"""

from typing import Annotated

from msgspec import Meta

Share = Annotated[float, Meta(gt=0, le=1, extra_json_schema={"x-unit": "fraction"})]
ShareOrZero = Annotated[float, Meta(ge=0, le=1, extra_json_schema={"x-unit": "fraction"})]
# Offsets from a level: more than 5 % of price is percent typed where a fraction is compared.
SmallShare = Annotated[float, Meta(ge=0, le=0.05, extra_json_schema={"x-unit": "fraction"})]
Percent = Annotated[float, Meta(ge=0, le=100, extra_json_schema={"x-unit": "percent"})]
Bps = Annotated[float, Meta(ge=0, le=10_000, extra_json_schema={"x-unit": "bps"})]
Usd = Annotated[float, Meta(gt=0, le=1e12, extra_json_schema={"x-unit": "USD"})]
RMultiple = Annotated[float, Meta(gt=0, le=100, extra_json_schema={"x-unit": "R"})]
AtrMultiple = Annotated[float, Meta(gt=0, le=100, extra_json_schema={"x-unit": "ATR"})]
Multiple = Annotated[float, Meta(ge=0, le=1_000, extra_json_schema={"x-unit": "multiple"})]
Weight = Annotated[float, Meta(ge=-1, le=1, extra_json_schema={"x-unit": "weight"})]
PerMinute = Annotated[float, Meta(ge=0, le=1e6, extra_json_schema={"x-unit": "1/min"})]
Milliseconds = Annotated[int, Meta(gt=0, le=86_400_000, extra_json_schema={"x-unit": "ms"})]
Seconds = Annotated[float, Meta(gt=0, le=86_400, extra_json_schema={"x-unit": "s"})]
Minutes = Annotated[float, Meta(gt=0, le=43_200, extra_json_schema={"x-unit": "min"})]
MinutesOrZero = Annotated[float, Meta(ge=0, le=1_440, extra_json_schema={"x-unit": "min"})]
Hours = Annotated[float, Meta(gt=0, le=8_760, extra_json_schema={"x-unit": "h"})]
Bars = Annotated[int, Meta(ge=1, le=1_000, extra_json_schema={"x-unit": "bars"})]
Count = Annotated[int, Meta(ge=1, le=10_000, extra_json_schema={"x-unit": "count"})]
# `title` is what a message calls the expected value: a pattern alone explains nothing.
Symbol = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9]{1,30}/[A-Z0-9]{1,15}(:[A-Z0-9]{1,15})?$",
        title="a symbol such as BTC/USDT:USDT",
    ),
]
PresetName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        title="a name of 1 to 64 letters, digits, `_` and `-`",
    ),
]


def doc(text: str) -> Meta:
    """Return the annotation that explains a field in the JSON Schema."""
    return Meta(description=text)
