"""Dead letters: events that a consumer gave up on, kept with the reason until sent again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from chassis.bus.broker import Broker
from chassis.bus.envelope import (
    DEAD_DELIVERIES,
    DEAD_MESSAGE,
    DEAD_REASON,
    DEAD_TIME,
    MESSAGE_ID,
    ONLY_CONSUMER,
    Envelope,
    read_envelope,
)
from chassis.bus.subjects import DEAD_LETTER_STREAM, dead_letter_subject
from kernel.clock import from_micros, to_micros, utc_now
from kernel.errors import DomainError, ErrorKind

MESSAGE_CHARACTERS_MAX = 500
# Headers carry ASCII only; the rest is written as CloudEvents does, by percent signs.
PLAIN_IN_HEADERS = "".join(map(chr, range(32, 127))).replace("%", "")
LISTED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a consumer gave up on."""

    dead_letter_id: int
    envelope: Envelope
    reason: str
    message: str
    delivery_count: int
    dead_time: datetime


class DeadLetters:
    """The dead letters of one consuming service."""

    def __init__(self, broker: Broker, consumer: str) -> None:
        self._broker = broker
        self._consumer = consumer

    async def add(
        self, envelope: Envelope, stream_sequence: int, error: Exception, delivery_count: int
    ) -> None:
        """Keep an event with the reason; the broker has it when this returns.

        The place in the stream tells a replayed event that died again from the first letter.
        """
        reason = error.reason if isinstance(error, DomainError) else type(error).__name__
        headers = envelope.headers(f"{envelope.event_id}.dead.{self._consumer}.{stream_sequence}")
        headers |= {
            DEAD_REASON: reason,
            DEAD_MESSAGE: quote(_shortened(str(error)) or reason, safe=PLAIN_IN_HEADERS),
            DEAD_DELIVERIES: str(delivery_count),
            DEAD_TIME: str(to_micros(utc_now())),
        }
        subject = dead_letter_subject(self._consumer, envelope.partition)
        await self._broker.publish(subject, envelope.body, headers)

    async def list_after(self, dead_letter_id: int, limit: int) -> list[DeadLetter]:
        """Return the next dead letters after an id, oldest first."""
        found: list[DeadLetter] = []
        while len(found) < limit and (letter := await self._next(dead_letter_id)) is not None:
            found.append(letter)
            dead_letter_id = letter.dead_letter_id
        return found

    async def replay(self, dead_letter_ids: list[int], message_id: Callable[[int], str]) -> int:
        """Send dead letters to their consumer again and take them off the list.

        Raises:
            DomainError: DEAD_LETTER_NOT_FOUND; letters named before it were sent.
        """
        letters = [await self._get(dead_letter_id) for dead_letter_id in dead_letter_ids]
        if not dead_letter_ids:
            letters = await self.list_after(0, LISTED_MAX)
        for letter in letters:
            headers = letter.envelope.headers(message_id(letter.dead_letter_id))
            headers[ONLY_CONSUMER] = self._consumer
            await self._broker.publish(letter.envelope.subject, letter.envelope.body, headers)
            await self._broker.stream.delete_msg(DEAD_LETTER_STREAM, letter.dead_letter_id)
        return len(letters)

    async def _get(self, dead_letter_id: int) -> DeadLetter:
        letter = await self._next(dead_letter_id - 1)
        if letter is None or letter.dead_letter_id != dead_letter_id:
            raise DomainError(
                ErrorKind.NOT_FOUND,
                "DEAD_LETTER_NOT_FOUND",
                f"{self._consumer} has no dead letter {dead_letter_id}; it may have been replayed",
                {"dead_letter_id": str(dead_letter_id)},
            )
        return letter

    async def _next(self, dead_letter_id: int) -> DeadLetter | None:
        try:
            message = await self._broker.stream.get_msg(
                DEAD_LETTER_STREAM,
                seq=dead_letter_id + 1,
                subject=f"dead.{self._consumer}.>",
                next=True,
            )
        except NotFoundError:
            return None
        return _dead_letter(message)


def _dead_letter(message: RawStreamMsg) -> DeadLetter:
    headers = dict(message.headers or {})
    headers.pop(MESSAGE_ID, None)
    return DeadLetter(
        dead_letter_id=message.seq or 0,
        envelope=read_envelope(headers, message.data or b""),
        reason=headers[DEAD_REASON],
        message=unquote(headers[DEAD_MESSAGE]),
        delivery_count=int(headers[DEAD_DELIVERIES]),
        dead_time=from_micros(int(headers[DEAD_TIME])),
    )


def _shortened(text: str) -> str:
    return " ".join(text.split())[:MESSAGE_CHARACTERS_MAX]
