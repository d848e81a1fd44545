"""Hands every event to every connected client at once, and never waits for any of them."""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from services.gateway.adapters.responses import encode
from shared.contracts.codec import encode_event
from shared.contracts.processor import NS_PER_MS
from shared.contracts.record import Record

QUEUE_MESSAGES_MAX = 1_000
QUEUE_CHARACTERS_MAX = 16_000_000


class Message(msgspec.Struct, frozen=True):
    """One event as clients get it; a record of several events gives several, with the same seq."""

    seq: int
    text: str


class Client:
    """The queue of one client. When it is full the client is given up, not the others slowed."""

    def __init__(self, after_seq: int) -> None:
        """Take records after `after_seq`."""
        self.after_seq = after_seq
        self.overflowed = asyncio.Event()
        self._queue: deque[Message] = deque()
        self._characters = 0
        self._grown = asyncio.Event()

    def offer(self, seq: int, messages: tuple[Message, ...]) -> None:
        """Queue a record's messages, or give the client up."""
        if seq <= self.after_seq or self.overflowed.is_set():
            return
        self._characters += sum(len(message.text) for message in messages)
        if len(self._queue) + len(messages) > QUEUE_MESSAGES_MAX or self._characters > QUEUE_CHARACTERS_MAX:
            self.overflowed.set()
            return
        self._queue.extend(messages)
        self._grown.set()

    async def take(self) -> Message:
        """Return the next message, waiting for it; it stays first until `done`."""
        while not self._queue:
            self._grown.clear()
            await self._grown.wait()
        return self._queue[0]

    def done(self) -> None:
        """Forget the message that `take` returned: it is sent."""
        self._characters -= len(self._queue.popleft().text)

    def first_unsent(self) -> int | None:
        """Return the seq of the first message that was not sent."""
        return self._queue[0].seq if self._queue else None


class Hub:
    """The connected clients."""

    def __init__(self) -> None:
        """Start without any."""
        self.position = 0
        self._clients: list[Client] = []

    def __len__(self) -> int:
        """Return how many clients listen."""
        return len(self._clients)

    def publish(self, record: Record) -> None:
        """Give a record to everybody; encoded once, and only if somebody listens."""
        self.position = record.seq
        if self._clients:
            messages = messages_of(record)
            for client in self._clients:
                client.offer(record.seq, messages)

    def join(self, after_seq: int) -> tuple[Client, Callable[[], None]]:
        """Return a client that gets every record after `after_seq`, and how to remove it."""
        assert after_seq >= self.position, "records up to the hub's position are gone from here"
        client = Client(after_seq)
        self._clients.append(client)
        return client, lambda: self._clients.remove(client)


def messages_of(record: Record) -> tuple[Message, ...]:
    """Return the messages of a record: `{type, ts (ms), seq, source, data}` each."""
    return tuple(
        Message(
            record.seq,
            encode(
                {
                    "type": type(event).__name__,
                    "ts": record.time_ns // NS_PER_MS,
                    "seq": record.seq,
                    "source": record.source,
                    "data": msgspec.Raw(encode_event(event)),
                }
            ).decode(),
        )
        for event in record.events
    )
