"""Who may come in, how much they may bring, and one form for every error."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from services.gateway.adapters.edge import GatewayEdge, PortInUseError
from services.gateway.adapters.guard import GUESSES_MAX
from services.gateway.settings import GatewaySection, check
from shared.runtime.settings import SettingsInvalid
from tests.services.gateway.conftest import House, until

TOKEN = "t" * 43


def is_problem(response: httpx.Response, status: int) -> bool:
    body = response.json()
    return (
        response.status_code == status
        and response.headers["content-type"] == "application/problem+json"
        and body["status"] == status
        and bool(body["title"])
        and bool(body["detail"])
    )


async def test_every_error_is_a_problem(house: House) -> None:
    await house.open_gateway()
    for method, path, status in [
        ("GET", "/api/invalid", 404),
        ("GET", "/", 404),
        ("GET", "/api/positions/none", 404),
        ("DELETE", "/api/engine/status", 405),
        ("GET", "/api/engine/command", 405),
        ("POST", "/api/health", 405),
        ("GET", "/api/orders?limit=x", 422),
        ("GET", "/api/orders?status=lost", 422),
        ("GET", "/api/positions?limit=0", 422),
        ("POST", "/api/engine/command", 422),
    ]:
        assert is_problem(await house.http.request(method, path), status), path


async def test_an_error_of_our_own_is_a_problem_that_tells_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.open_gateway()
    monkeypatch.setattr(
        "services.gateway.domain.views.Views.engine_status",
        lambda _: (_ for _ in ()).throw(OSError("secret")),
    )
    response = await house.http.get("/api/engine/status")
    assert is_problem(response, 500)
    assert "secret" not in response.text


async def test_a_body_that_is_not_json_is_refused_because_forms_are_not_asked_about(house: House) -> None:
    await house.open_gateway()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = await house.http.post(
            "/api/engine/command", content=b'{"command":"stop"}', headers={"Content-Type": content_type}
        )
        assert is_problem(response, 415), content_type


async def test_a_body_over_64_kib_is_refused_announced_or_not(house: House) -> None:
    await house.open_gateway()
    headers = {"Content-Type": "application/json"}
    announced = await house.http.post("/api/engine/command", content=b"x" * 65_537, headers=headers)
    assert is_problem(announced, 413)

    async def chunks() -> Any:
        for _ in range(17):
            yield b"x" * 4_096

    chunked = await house.http.post("/api/engine/command", content=chunks(), headers=headers)
    assert is_problem(chunked, 413)


async def test_malformed_json_is_a_problem(house: House) -> None:
    await house.open_gateway()
    headers = {"Content-Type": "application/json"}
    for body in (b"{", b"\xff\xfe", b"null", b'{"command":NaN}', b'{"command":"stop","command":'):
        response = await house.http.post("/api/engine/command", content=body, headers=headers)
        assert is_problem(response, 422), body


async def test_answers_carry_security_headers(house: House) -> None:
    await house.open_gateway()
    for response in (await house.http.get("/api/health"), await house.http.get("/nowhere")):
        assert response.headers["content-security-policy"].startswith("default-src 'self'")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert "server" not in response.headers


async def test_other_origins_are_refused_everywhere(house: House) -> None:
    await house.open_gateway(origins="https://desk.example")
    evil = {"Origin": "https://evil.example"}
    assert is_problem(await house.http.post("/api/engine/kill-switch", headers=evil), 403)
    assert len(house.log.records) == 1
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket(origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403

    for good in ("https://desk.example", f"http://{house.base}"):
        assert (await house.http.get("/api/health", headers={"Origin": good})).status_code == 200
        async with house.socket(origin=good):
            pass


async def test_a_foreign_host_name_is_refused(house: House) -> None:
    await house.open_gateway()
    assert is_problem(await house.http.get("/api/health", headers={"Host": "evil.example"}), 421)
    assert (await house.http.get("/api/health", headers={"Host": "localhost:80"})).status_code == 200


async def test_with_a_token_every_route_asks_for_it_but_the_two_for_machines(house: House) -> None:
    await house.open_gateway(token=TOKEN)
    openapi = await house.http.get("/api/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
    paths = openapi.json()["paths"]
    assert len(paths) > 20
    for path, methods in paths.items():
        for method in methods:
            response = await house.http.request(method, path.replace("{position_id}", "x"))
            assert response.status_code == (200 if path in {"/ready", "/api/health"} else 401), path
    refused = await house.http.get("/api/trades")
    assert is_problem(refused, 401)
    assert refused.headers["www-authenticate"] == "Bearer"
    with pytest.raises(InvalidStatus) as no_stream:
        async with house.socket():
            pass
    assert no_stream.value.response.status_code == 401

    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert (await house.http.get("/api/trades", headers=bearer)).status_code == 200
    async with house.socket(additional_headers=bearer):
        pass
    assert (await house.http.get("/api/trades?token=" + TOKEN)).status_code == 401


async def test_guessing_tokens_is_stopped(house: House) -> None:
    await house.open_gateway(token=TOKEN)
    for _ in range(GUESSES_MAX):
        response = await house.http.get("/api/trades", headers={"Authorization": "Bearer guess"})
        assert response.status_code == 401
    response = await house.http.get("/api/trades", headers={"Authorization": "Bearer guess"})
    assert is_problem(response, 429)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "desk.example", ""])
def test_an_address_that_others_reach_needs_a_token(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="TOKEN"):
        check(GatewaySection(host=host))
    check(GatewaySection(host=host, token=TOKEN))


def test_a_short_token_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="32"):
        check(GatewaySection(token="short"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    check(GatewaySection(host=host))


def test_a_port_in_use_is_a_clear_message() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(PortInUseError, match="cannot listen"),
    ):
        GatewayEdge(GatewaySection(port=taken.getsockname()[1]))


async def test_ready_only_after_the_past_is_read(house: House) -> None:
    gate = asyncio.Event()
    read = house.log.read

    async def gated(*arguments: Any, **options: Any) -> Any:
        await gate.wait()
        async for delivery in read(*arguments, **options):
            yield delivery

    house.log.read = gated  # type: ignore[method-assign]
    opening = asyncio.create_task(house.open_gateway())

    async def listening() -> bool:
        with suppress(httpx.ConnectError, AttributeError):
            return (await house.http.get("/ready")).status_code == 503
        return False

    await until(listening)
    assert is_problem(await house.http.get("/ready"), 503)
    assert is_problem(await house.http.post("/api/engine/kill-switch"), 503)
    assert (await house.http.get("/api/health")).json()["status"] == "unhealthy"
    with pytest.raises(InvalidStatus):
        async with house.socket():
            pass
    gate.set()
    await opening


async def test_an_answer_does_not_wait_for_the_kernel_to_fill_a_packet(house: House) -> None:
    await house.open_gateway()
    loop = asyncio.get_running_loop()
    quickest = 1.0
    for _ in range(20):
        began = loop.time()
        await house.http.get("/ready")
        quickest = min(quickest, loop.time() - began)
    assert quickest < 0.03, "40 ms is what Nagle and a delayed acknowledgement cost"
