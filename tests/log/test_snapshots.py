"""Check snapshots: kept and found again, ignored when of another shape, arrays as they were."""

import contextlib
from collections.abc import AsyncIterator

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.log.connection import connect
from shared.log.port import Tail
from shared.log.server import PrivateServer
from shared.log.snapshots import JetStreamSnapshots, MemorySnapshots, Snapshots
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint


class Inner(msgspec.Struct):
    price: float = 0.0


class Counted(msgspec.Struct):
    count: int = 0
    names: dict[str, Inner] = {}
    window: np.ndarray = msgspec.field(default_factory=lambda: np.zeros(0))


class SameNamesOtherTypes(msgspec.Struct):
    count: float = 0
    names: dict[str, Inner] = {}
    window: np.ndarray = msgspec.field(default_factory=lambda: np.zeros(0))


def taken(state: object) -> bytes:
    return encode_snapshot(
        Snapshot(fingerprint=fingerprint(type(state)), position=7, tail=Tail(5, "digest"), state=state)
    )


class SnapshotsBehaviour:
    """What a store of snapshots does, wherever it keeps them."""

    async def test_what_was_never_saved_is_not_there(self, snapshots: Snapshots) -> None:
        assert await snapshots.load("risk.0") is None

    async def test_the_last_one_saved_is_loaded(self, snapshots: Snapshots) -> None:
        for content in (b"first", b"x" * 600_000, b"last"):
            assert await snapshots.save("risk.0", content)
            assert await snapshots.load("risk.0") == content

    async def test_names_are_kept_apart(self, snapshots: Snapshots) -> None:
        assert await snapshots.save("scanner.0", b"zero")
        assert await snapshots.save("scanner.1", b"one")
        assert await snapshots.load("scanner.0") == b"zero"
        assert await snapshots.load("scanner.1") == b"one"


class TestMemorySnapshots(SnapshotsBehaviour):
    @pytest.fixture
    def snapshots(self) -> Snapshots:
        return MemorySnapshots()


class TestJetStreamSnapshots(SnapshotsBehaviour):
    @pytest.fixture
    async def snapshots(self, server: PrivateServer) -> AsyncIterator[Snapshots]:
        connection = await connect(server.url, name="test")
        yield JetStreamSnapshots(connection, "main")
        await connection.close()

    async def test_they_outlive_the_broker(self, snapshots: Snapshots, server: PrivateServer) -> None:
        assert await snapshots.save("risk.0", b"kept")
        await server.kill()
        await server.start()
        connection = await connect(server.url, name="test")
        assert await JetStreamSnapshots(connection, "main").load("risk.0") == b"kept"
        await connection.close()

    async def test_a_broker_that_is_away_is_no_error(
        self, server: PrivateServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection = await connect(server.url, name="test")
        monkeypatch.setattr("shared.log.snapshots.REQUEST_TIMEOUT_S", 0.2)
        impatient = JetStreamSnapshots(connection, "main")
        await server.kill()
        assert not await impatient.save("risk.0", b"lost")
        assert await impatient.load("risk.0") is None
        with contextlib.suppress(OSError):
            await connection.close()


def test_a_state_is_restored_as_it_was() -> None:
    window = np.arange(12, dtype=np.float32).reshape(3, 4)
    window[0, 0] = np.nan
    found = decode_snapshot(taken(Counted(3, {"a": Inner(1.5)}, window)), Counted)
    assert found is not None
    assert (found.position, found.tail) == (7, Tail(5, "digest"))
    assert (found.state.count, found.state.names) == (3, {"a": Inner(1.5)})
    assert found.state.window.dtype == np.float32
    np.testing.assert_array_equal(found.state.window, window)
    # The state goes on changing, so its arrays must not be views of the bytes read.
    found.state.window[1, 1] = 9


def test_arrays_with_declared_types_travel_too() -> None:
    class Declared(msgspec.Struct):
        floats: NDArray[np.float64]
        flags: NDArray[np.bool_]

    state = Declared(np.array([1.0, 2.0]), np.array([[True], [False]]))
    found = decode_snapshot(taken(state), Declared)
    assert found is not None
    np.testing.assert_array_equal(found.state.floats, state.floats)
    np.testing.assert_array_equal(found.state.flags, state.flags)


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", taken(SameNamesOtherTypes()), taken(Inner()), taken(Counted())[:-3]]
)
def test_a_snapshot_of_another_shape_is_ignored(raw: bytes) -> None:
    assert decode_snapshot(raw, Counted) is None


def test_the_shape_of_a_state_has_a_name_that_changes_with_it() -> None:
    assert fingerprint(Counted) == fingerprint(Counted)
    assert fingerprint(Counted) != fingerprint(SameNamesOtherTypes)

    def shape(inner: type) -> str:
        return fingerprint(msgspec.defstruct("State", [("parts", dict[str, inner])]))  # type: ignore[valid-type]

    one = msgspec.defstruct("Part", [("price", float)])
    other = msgspec.defstruct("Part", [("price", float), ("size", float, 0.0)])
    assert shape(one) != shape(other)


def test_what_cannot_be_restored_is_refused_when_saved() -> None:
    class Odd(msgspec.Struct):
        thing: object

    with pytest.raises(NotImplementedError, match="a state cannot hold a object"):
        taken(Odd(object()))
