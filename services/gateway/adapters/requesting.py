"""Turns a person's request into a `CommandRequested`, and the engine's answer into a response.

An `Idempotency-Key` names the command: the same key gives the same command id, so a request sent
twice is one command with one answer, whichever replica of the gateway it meets.
"""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.adapters.follower import Follower
from services.gateway.adapters.responses import ProblemError, answer, problem
from services.gateway.domain.commands import Outcome
from shared.contracts.desk import DeskOpened, Source
from shared.contracts.engine import CommandName, CommandRefused, CommandRequested
from shared.contracts.preset import (
    Preset,
    PresetError,
    PresetInvalid,
    PresetNotFound,
    load_preset,
)
from shared.log.port import LogUnavailable
from shared.log.writer import SharedWriter

KEY_CHARACTERS_MAX = 255
NEEDS_PRESET = frozenset({CommandName.START, CommandName.RELOAD})


class CommandBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a person asks for. `mode` is accepted only as a check: a desk has one mode for ever."""

    command: CommandName
    reason: str = ""
    preset: str | None = None
    mode: str | None = None


class ShortBody(msgspec.Struct, forbid_unknown_fields=True):
    """The same where the path names the command."""

    reason: str = ""
    preset: str | None = None
    mode: str | None = None


class Commands:
    """People's way to the engine."""

    def __init__(
        self, follower: Follower, opened: DeskOpened, *, presets: Path | None, timeout_s: float
    ) -> None:
        """Write to the desk's log, and read presets from that folder."""
        self._follower = follower
        self._opened = opened
        self._presets = presets
        self._timeout_s = timeout_s
        self._writer = SharedWriter(follower.log, Source.COMMANDS)

    async def submit(self, request: Request, command: CommandName | None = None) -> Response:
        """Serve a request: `command` from the path, or from the body.

        Raises:
            ProblemError: the request cannot be understood, or nobody answers it.
        """
        body = await _body(request, command)
        if body.mode is not None and body.mode != self._opened.mode:
            raise ProblemError(400, f"this desk's mode is {self._opened.mode} and cannot be {body.mode}")
        if len(body.reason) > 1_000:
            raise ProblemError(422, "reason: at most 1000 characters are allowed")
        wanted = CommandRequested(
            command_id=self._command_id(request),
            command=body.command,
            requested_by="gateway",
            reason=body.reason,
            preset=await self._preset(body),
        )
        if not self._follower.caught_up:
            raise ProblemError(503, "the gateway is still reading the log")
        return _response(await self._ask(wanted), self._follower)

    def _command_id(self, request: Request) -> str:
        key = request.headers.get("idempotency-key")
        if key is None:
            return str(uuid4())
        if not 0 < len(key) <= KEY_CHARACTERS_MAX:
            raise ProblemError(422, f"Idempotency-Key: 1 to {KEY_CHARACTERS_MAX} characters are allowed")
        return str(uuid5(UUID(self._opened.desk_id), f"command/{key}"))

    async def _preset(self, body: CommandBody) -> Preset | None:
        """Return the preset to put into the command; `reload` without a name reads the one in force."""
        name = body.preset
        if body.command not in NEEDS_PRESET:
            if name is not None:
                raise ProblemError(422, f"preset: {body.command} takes none")
            return None
        if name is None:
            name = self._follower.views.engine.preset
        if name is None:
            raise ProblemError(422, f"preset: {body.command} needs one")
        return await asyncio.to_thread(_load, name, self._presets)

    async def _ask(self, wanted: CommandRequested) -> Outcome:
        known = self._follower.views.commands.requested.get(wanted.command_id)
        if known is None:
            try:
                await self._writer.append([wanted], time_ns=self._follower.now_ns())
            except LogUnavailable as error:
                raise ProblemError(503, f"the log does not take the command: {error}") from error
        elif known != wanted:
            raise ProblemError(422, "this Idempotency-Key has been used for another command")
        try:
            return await self._follower.outcome(wanted.command_id, timeout_s=self._timeout_s)
        except TimeoutError as error:
            raise ProblemError(
                504,
                "the command is recorded and the engine has not answered; kill_switch and panic_exit are "
                "carried out without it",
                command_id=wanted.command_id,
            ) from error


async def _body(request: Request, command: CommandName | None) -> CommandBody:
    raw = await request.body()
    if raw and request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ProblemError(415, "a body of application/json is expected")
    try:
        if command is None:
            return msgspec.json.decode(raw, type=CommandBody)
        short = msgspec.json.decode(raw, type=ShortBody) if raw else ShortBody()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProblemError(422, str(error)) from error
    return CommandBody(command=command, reason=short.reason, preset=short.preset, mode=short.mode)


def _load(name: str, directory: Path | None) -> Preset:
    try:
        return load_preset(name, directory)
    except PresetNotFound as error:
        raise ProblemError(400, f"no preset {name!r}", available=list(error.available)) from error
    except PresetInvalid as error:
        raise ProblemError(
            400,
            f"the preset {name!r} is not valid",
            problems=[{"path": each.path, "message": each.message} for each in error.problems],
        ) from error
    except PresetError as error:
        raise ProblemError(400, str(error)) from error


def _response(outcome: Outcome, follower: Follower) -> Response:
    engine = follower.views.engine
    if isinstance(outcome, CommandRefused):
        return problem(
            409,
            outcome.reason,
            success=False,
            command=outcome.command,
            command_id=outcome.command_id,
            state=outcome.state,
            allowed=outcome.allowed,
        )
    waits = engine.pause_due and outcome.command is CommandName.PAUSE
    return answer(
        {
            "success": True,
            "message": f"{outcome.command} accepted" + (": done at the end of this phase" if waits else ""),
            "command": outcome.command,
            "command_id": outcome.command_id,
            "state": engine.state,
            "timestamp": follower.views.desk_time_ms,
        }
    )
