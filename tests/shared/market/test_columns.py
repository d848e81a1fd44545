import numpy as np
import pytest

from shared.market.bars import Bars
from shared.market.columns import from_bytes, to_bytes


def test_a_column_survives_the_wire(holed: Bars) -> None:
    np.testing.assert_array_equal(from_bytes(to_bytes(holed.close), *holed.close.shape), holed.close)
    np.testing.assert_array_equal(from_bytes(to_bytes(holed.close.T), 7, 160), holed.close.T)


def test_a_column_is_little_endian_float64_row_by_row() -> None:
    assert to_bytes(np.array([[1.0], [-2.0]])) == bytes.fromhex("000000000000f03f00000000000000c0")


def test_a_column_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 rows x 3 symbols need 48"):
        from_bytes(b"\0" * 40, 2, 3)
