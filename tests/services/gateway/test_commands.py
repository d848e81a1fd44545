"""Commands go into the log and come back with the engine's own answer."""

import asyncio
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from services.gateway.domain.commands import allowed
from services.gateway.domain.engine import EngineView
from services.orchestrator.domain import commands as engine_commands
from services.orchestrator.domain.engine import Engine
from services.orchestrator.domain.facts import Facts
from services.orchestrator.domain.moves import Moves
from shared.contracts.desk import Source
from shared.contracts.engine import CommandAccepted, CommandName, CommandRequested, EngineState
from shared.contracts.preset import default_presets_dir
from shared.contracts.processor import Context
from tests.deciding import DESK_ID
from tests.services.gateway.conftest import House

WRONG: list[tuple[object, int, str]] = [
    ({"command": "start", "preset": "nope"}, 400, "nope"),
    ({"command": "start", "preset": "../../etc/passwd"}, 400, "no preset name"),
    ({"command": "start"}, 422, "preset"),
    ({"command": "stop", "preset": "demo"}, 422, "takes none"),
    ({"command": "start", "preset": "demo", "mode": "live"}, 400, "mode"),
    ({"command": "dance"}, 422, "dance"),
    ({"command": "stop", "reson": "typo"}, 422, "reson"),
    ({"command": 7}, 422, "command"),
    ({}, 422, "command"),
    ([], 422, "object"),
    ({"command": "stop", "reason": "x" * 1_001}, 422, "reason"),
]


def requests(house: House) -> list[CommandRequested]:
    return [
        event
        for record in house.log.records
        for event in record.events
        if isinstance(event, CommandRequested)
    ]


async def post(house: House, path: str, body: object = None, **headers: str) -> Any:
    return await house.http.post(f"/api/engine/{path}", json=body, headers=headers)


async def test_a_start_puts_the_named_preset_into_the_command_and_is_answered(house: House) -> None:
    await house.open_engine()
    await house.open_gateway()
    response = await post(house, "start", {"preset": "demo"})
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["success"] is True
    assert body["state"] == "initializing"
    (request,) = requests(house)
    assert request.preset is not None
    assert request.preset.name == "demo"
    assert (await house.show("/api/engine/status"))["preset"] == "demo"

    stopped = await post(house, "command", {"command": "stop", "reason": "enough"})
    assert stopped.json()["state"] == "stopped"
    assert (await house.show("/api/engine/status"))["reason"] == "enough"


async def test_a_refused_command_is_a_409_with_the_reason_and_what_is_allowed(house: House) -> None:
    await house.open_engine()
    await house.open_gateway()
    response = await post(house, "pause")
    assert response.status_code == 409
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body["success"] is False
    assert body["state"] == "idle"
    assert "pause" in body["detail"]
    assert "start" in body["allowed"]


async def test_every_command_has_a_path_and_reaches_the_engine(house: House) -> None:
    await house.open_engine()
    await house.open_gateway()
    for command in CommandName:
        body = {"preset": "demo"} if command in {"start", "reload"} else None
        response = await post(house, command.replace("_", "-"), body)
        assert response.status_code in {200, 409}, command
        assert requests(house)[-1].command is command


async def test_the_same_idempotency_key_is_one_command_with_one_answer(house: House) -> None:
    await house.open_engine()
    await house.open_gateway()
    send = [post(house, "start", {"preset": "demo"}, **{"Idempotency-Key": "k1"}) for _ in range(5)]
    answers = await asyncio.gather(*send)
    again = await post(house, "start", {"preset": "demo"}, **{"Idempotency-Key": "k1"})
    assert {answer.status_code for answer in [*answers, again]} == {200}
    assert len({answer.json()["command_id"] for answer in [*answers, again]}) == 1
    accepted = [
        event for record in house.log.records for event in record.events if isinstance(event, CommandAccepted)
    ]
    assert len(accepted) == 1

    first = house.http
    await house.open_gateway()
    assert house.http is not first
    other_replica = await post(house, "start", {"preset": "demo"}, **{"Idempotency-Key": "k1"})
    assert other_replica.json()["command_id"] == again.json()["command_id"]


async def test_an_idempotency_key_cannot_be_used_for_another_command(house: House) -> None:
    await house.open_engine()
    await house.open_gateway()
    await post(house, "kill-switch", **{"Idempotency-Key": "k"})
    response = await post(house, "panic-exit", **{"Idempotency-Key": "k"})
    assert response.status_code == 422
    assert len(requests(house)) == 1


async def test_without_an_engine_the_command_is_recorded_and_the_answer_is_a_504(house: House) -> None:
    await house.open_gateway()
    response = await post(house, "kill-switch", {"reason": "drill"})
    assert response.status_code == 504
    assert response.json()["command_id"] == requests(house)[0].command_id
    status = await house.show("/api/engine/status")
    assert status["killSwitch"] == "drill", "risk and execution do not wait for the orchestrator"


async def test_a_pause_that_waits_is_not_called_done(house: House) -> None:
    await house.open_gateway()

    async def accept() -> None:
        async for delivery in house.log.read(frozenset({Source.COMMANDS})):
            for event in delivery.record.events if delivery.record else ():
                if isinstance(event, CommandRequested):
                    answer = CommandAccepted(command_id=event.command_id, command=event.command)
                    await house.write(Source.ORCHESTRATOR, answer)
                    return

    engine = asyncio.create_task(accept())
    response = await post(house, "pause")
    await engine
    assert "at the end of this phase" in response.json()["message"]


async def test_reload_without_a_name_reads_the_preset_in_force_again(house: House, tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    text = (default_presets_dir() / "demo.json").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    await house.open_engine()
    await house.open_gateway(presets_dir=str(tmp_path))
    await post(house, "start", {"preset": "demo"})
    await house.until_read()
    file.write_text(text.replace('"max_concurrent_positions": 3', '"max_concurrent_positions": 7'))
    assert (await post(house, "reload")).status_code == 200
    assert (await house.show("/api/engine/status"))["slots"] == 7


async def test_a_wrong_request_names_what_is_wrong_and_writes_nothing(house: House) -> None:
    await house.open_gateway()
    for body, status, told in WRONG:
        response = await post(house, "command", body)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        assert told in response.json()["detail"]
    assert requests(house) == []


async def test_an_invalid_preset_lists_all_of_its_problems(house: House, tmp_path: Path) -> None:
    text = (default_presets_dir() / "demo.json").read_text(encoding="utf-8")
    broken = text.replace('"risk_per_trade": 0.003', '"risk_per_trade": 7').replace('"tp1_r"', '"tp1r"')
    (tmp_path / "demo.json").write_text(broken, encoding="utf-8")
    await house.open_gateway(presets_dir=str(tmp_path))
    response = await post(house, "start", {"preset": "demo"})
    assert response.status_code == 400
    paths = [problem["path"] for problem in response.json()["problems"]]
    assert "risk.risk_per_trade" in paths
    assert len(paths) >= 2


@pytest.mark.parametrize(
    ("state", "killed", "pausing"), list(product(EngineState, ["", "drill"], [False, True]))
)
def test_the_gateway_lists_the_commands_that_the_engine_would_take(
    state: EngineState, killed: str, pausing: bool
) -> None:
    ctx = Context(desk_id=DESK_ID, seq=1, source=Source.COMMANDS, time_ns=1, ordinal=0, correlation="")
    moves = Moves(Engine(state=state, pause_due=pausing), Facts(kill_switch=killed), ctx, 1)
    shown = allowed(EngineView(state=state, kill_switch=killed or None, pause_due=pausing))
    assert shown == engine_commands.allowed(moves)


async def test_the_commands_route_lists_them(house: House) -> None:
    await house.open_gateway()
    listed = await house.show("/api/engine/commands")
    assert listed["current_state"] == "idle"
    assert listed["commands"] == ["start", "panic_exit", "kill_switch", "reload"]
