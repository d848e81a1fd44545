"""Carry WebSocket clients: their topics, a bounded queue each, and one writer per connection.

A client that does not read is disconnected when its queue is full; nobody else waits for it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec

from services.simulator.adapters.auth import Credentials, check_socket
from services.simulator.adapters.wire import Json

Send = Callable[[dict[str, Any]], Any]
Receive = Callable[[], Any]
PRIVATE_TOPICS = frozenset({"order", "execution", "position", "wallet"})
_QUEUE_LENGTH = 20_000


class Connection:
    """One client's socket: what waits to be written, and what it subscribed to."""

    def __init__(self, number: int, *, private: bool) -> None:
        self.name = f"sim-{number}"
        self.private = private
        self.authorised = not private
        self.topics: set[str] = set()
        self._closed = False
        self._queue: asyncio.Queue[str] = asyncio.Queue(_QUEUE_LENGTH)

    def put(self, text: str) -> None:
        """Queue a message; a full queue marks the connection for closing."""
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self._closed = True

    def close(self) -> None:
        """Let the writer close the socket instead of writing on."""
        self._closed = True
        self.put("")

    async def write(self, send: Send) -> None:
        """Write what is queued until the connection is marked for closing, then close it."""
        while True:
            text = await self._queue.get()
            if self._closed:
                break
            await send({"type": "websocket.send", "text": text})
        await send({"type": "websocket.close", "code": 1013})


class Hub:
    """All connections and who subscribed to what; `snapshot` gives a topic's first message."""

    def __init__(
        self, credentials: Credentials, wall_ms: Callable[[], int], snapshot: Callable[[str], Json | None]
    ) -> None:
        self.subscribers: defaultdict[str, set[Connection]] = defaultdict(set)
        self._credentials = credentials
        self._wall_ms = wall_ms
        self._snapshot = snapshot
        self._count = 0
        self._connections: set[Connection] = set()

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Run one WebSocket until either side closes it."""
        await receive()
        await send({"type": "websocket.accept"})
        self._count += 1
        connection = Connection(self._count, private=scope["path"] == "/v5/private")
        self._connections.add(connection)
        writer = asyncio.create_task(connection.write(send))
        try:
            while not writer.done():
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    break
                self._handle(connection, message.get("text") or message.get("bytes") or "")
        finally:
            self._connections.discard(connection)
            for topic in connection.topics:
                self.subscribers[topic].discard(connection)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def drop_all(self) -> int:
        """Close every socket, as an outage of the streams would; returns how many."""
        for connection in self._connections:
            connection.close()
        return len(self._connections)

    def broadcast(self, topic: str, message: Json) -> None:
        """Send one message to all subscribers of a topic, encoded once."""
        if self.subscribers.get(topic):
            self.broadcast_text(topic, msgspec.json.encode(message).decode())

    def broadcast_text(self, topic: str, text: str) -> None:
        """Send an encoded message to all subscribers of a topic."""
        for connection in self.subscribers.get(topic, ()):
            connection.put(text)

    def active(self, prefix: str) -> list[str]:
        """Return the subscribed topics that start with a prefix."""
        return [topic for topic, who in self.subscribers.items() if who and topic.startswith(prefix)]

    def _handle(self, connection: Connection, raw: str | bytes) -> None:
        try:
            request = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError:
            connection.put(_answer(connection, {}, "error:bad json", success=False))
            return
        operation = request.get("op")
        arguments = list(request.get("args") or [])
        if operation == "ping":
            connection.put(_pong(connection, request, self._wall_ms()))
        elif operation == "auth":
            fault = check_socket(self._credentials, arguments, self._wall_ms())
            connection.authorised = fault is None
            connection.put(_answer(connection, request, fault or "", success=fault is None))
        elif operation in ("subscribe", "unsubscribe"):
            self._change(connection, request, [str(topic) for topic in arguments])
        else:
            connection.put(_answer(connection, request, f"error:invalid op {operation}", success=False))

    def _change(self, connection: Connection, request: Json, topics: list[str]) -> None:
        if connection.private and not connection.authorised:
            connection.put(_answer(connection, request, "error:request not authorized", success=False))
            return
        unknown = [topic for topic in topics if not self._offers(connection, topic)]
        if unknown:
            detail = f"error:handler not found,topic:{unknown[0]}"
            connection.put(_answer(connection, request, detail, success=False))
            return
        connection.put(_answer(connection, request, "", success=True))
        for topic in topics:
            if request["op"] == "unsubscribe":
                connection.topics.discard(topic)
                self.subscribers[topic].discard(connection)
                continue
            connection.topics.add(topic)
            self.subscribers[topic].add(connection)
            first = None if connection.private else self._snapshot(topic)
            if first:
                connection.put(msgspec.json.encode(first).decode())

    def _offers(self, connection: Connection, topic: str) -> bool:
        if connection.private:
            return topic.split(".", maxsplit=1)[0] in PRIVATE_TOPICS
        return self._snapshot(topic) is not None


def _answer(connection: Connection, request: Json, text: str, *, success: bool) -> str:
    body = {
        "success": success,
        "ret_msg": text,
        "conn_id": connection.name,
        "req_id": str(request.get("req_id", "")),
        "op": request.get("op", ""),
    }
    if not success:
        body["request"] = {"op": request.get("op", ""), "args": request.get("args")}
    return msgspec.json.encode(body).decode()


def _pong(connection: Connection, request: Json, wall_ms: int) -> str:
    req_id = str(request.get("req_id", ""))
    if connection.private:
        body: Json = {"req_id": req_id, "op": "pong", "args": [str(wall_ms)], "conn_id": connection.name}
    else:
        body = {
            "success": True,
            "ret_msg": "pong",
            "conn_id": connection.name,
            "req_id": req_id,
            "op": "ping",
        }
    return msgspec.json.encode(body).decode()
