"""Serves one WebSocket client: what it missed, then every event at once, and a heartbeat.

Three things run until the first ends: a reader that notices the disconnect, a writer, and a watch
over the client's queue. A client that does not keep up is closed with 1013 and told where to resume;
nobody else waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from services.gateway.adapters.follower import EVERY_SOURCE, Follower
from services.gateway.adapters.hub import Client, Message, messages_of
from services.gateway.adapters.responses import encode, problem
from shared.contracts.record import Record
from shared.log.port import LogError

HEARTBEAT_S = 30.0
# How long a client may leave a single message unread, and a closing client the close.
SEND_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 2.0
# Clients have nothing to say: a few messages are let pass, a flood is not.
INBOUND_MAX_PER_MINUTE = 60

TOO_SLOW = 1013
TOO_TALKATIVE = 1008
GOING_WRONG = 1011


class Stream:
    """One client's connection."""

    def __init__(self, socket: WebSocket, follower: Follower, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        """Serve that socket."""
        self._socket = socket
        self._follower = follower
        self._heartbeat_s = heartbeat_s
        # The first record that has not been sent completely.
        self._next_seq = 0
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Talk to the client until either side ends it."""
        if not self._follower.caught_up:
            await self._socket.send_denial_response(problem(503, "the gateway is still reading the log"))
            return
        try:
            from_seq = _from_seq(self._socket)
        except ValueError as error:
            await self._socket.send_denial_response(problem(422, str(error)))
            return
        await self._socket.accept()
        self._next_seq = from_seq if from_seq is not None else self._follower.hub.position + 1
        code, reason = await self._run_until_first_ends(self._read(), self._beat(), self._write())
        if code:
            with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._socket.close(code, reason)

    async def _run_until_first_ends(self, *works: Coroutine[Any, Any, tuple[int, str]]) -> tuple[int, str]:
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return _ending(done.pop())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> tuple[int, str]:
        """Notice the disconnect; what the client says is dropped."""
        minute, messages = 0.0, 0
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return 0, ""
            now = time.monotonic()
            if now - minute > 60:
                minute, messages = now, 0
            messages += 1
            if messages > INBOUND_MAX_PER_MINUTE:
                return TOO_TALKATIVE, "this stream is one-way"

    async def _beat(self) -> tuple[int, str]:
        while True:
            beat = {
                "type": "HEARTBEAT",
                "ts": time.time_ns() // 1_000_000,
                "seq": self._follower.hub.position,
                "source": "gateway",
                # Not measured: a round trip is the client's to take.
                "data": {"latencyMs": None},
            }
            await self._send(encode(beat).decode())
            await asyncio.sleep(self._heartbeat_s)

    async def _write(self) -> tuple[int, str]:
        """Send what was missed, then what comes."""
        client, leave = await self._catch_up()
        overflow = asyncio.create_task(client.overflowed.wait())
        forward = asyncio.create_task(self._forward(client))
        try:
            await asyncio.wait({overflow, forward}, return_when=asyncio.FIRST_COMPLETED)
            if forward.done():
                await forward
            return TOO_SLOW, f"too slow: resume with from_seq={self._next_seq}"
        finally:
            leave()
            overflow.cancel()
            forward.cancel()
            await asyncio.gather(overflow, forward, return_exceptions=True)

    async def _catch_up(self) -> tuple[Client, Callable[[], None]]:
        """Send from the log until the hub can go on without a gap, and join it there."""
        hub, log = self._follower.hub, self._follower.log
        while self._next_seq <= hub.position:
            covered = hub.position
            async for delivery in log.read(EVERY_SOURCE, after_seq=self._next_seq - 1, live=False):
                if delivery.record is not None:
                    await self._send_record(delivery.record)
            # What is not there any more has aged away.
            self._next_seq = max(self._next_seq, covered + 1)
        return hub.join(self._next_seq - 1)

    async def _send_record(self, record: Record) -> None:
        for message in messages_of(record):
            await self._send(message.text)
        self._next_seq = record.seq + 1

    async def _forward(self, client: Client) -> None:
        while True:
            message: Message = await client.take()
            self._next_seq = message.seq
            await self._send(message.text)
            client.done()
            if client.first_unsent() != message.seq:
                self._next_seq = message.seq + 1

    async def _send(self, text: str) -> None:
        async with self._sending, asyncio.timeout(SEND_TIMEOUT_S):
            await self._socket.send_text(text)


def _ending(task: asyncio.Task[tuple[int, str]]) -> tuple[int, str]:
    """Return how to close the connection after its first task has ended; 0: it is closed already."""
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, WebSocketDisconnect | RuntimeError):
        return 0, ""
    if isinstance(error, TimeoutError):
        return TOO_SLOW, "too slow"
    if isinstance(error, LogError):
        return GOING_WRONG, "the log cannot be read"
    raise error


def _from_seq(socket: WebSocket) -> int | None:
    """Return the first record the client wants; None: from here on.

    Raises:
        ValueError: it is no seq.
    """
    text = socket.query_params.get("from_seq")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) < 1:
        raise ValueError("from_seq: the seq of a record, 1 or more, is expected")
    return int(text)
