"""The connection to NATS JetStream: streams, publishing, pulling."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RawStreamMsg,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError
from tenacity import (
    AsyncRetrying,
    before_sleep_log,
    retry_if_exception_type,
    wait_random_exponential,
)

from chassis.bus.envelope import Envelope
from chassis.bus.subjects import DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECTS, event_streams

CONNECT_TIMEOUT_SECONDS = 2
RECONNECT_WAIT_SECONDS = 0.2
REPLY_TIMEOUT_SECONDS = 10
# A reader that has not asked for so long is gone.
FORGOTTEN_AFTER_SECONDS = 60
EVENT_STREAM_AGE_SECONDS_MAX = 14 * 24 * 3600
DEAD_LETTER_AGE_SECONDS_MAX = 35 * 24 * 3600
# A message published twice within this time is stored once.
DUPLICATE_WINDOW_SECONDS = 120
WAIT_SECONDS_MAX = 5.0

# What the broker or the network may do for a while.
BROKER_ERRORS = (NatsError, OSError, TimeoutError)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the broker is and how safely it keeps messages."""

    url: str
    client_name: str
    replicas: int = 1
    credentials_file: Path | None = None


@dataclass(frozen=True, slots=True)
class StreamExtent:
    """Which stream it is, as another time of creation is another stream, and where it ends."""

    create_time: datetime
    last_sequence: int


class Broker:
    """One connection, kept for the life of the process; it reconnects by itself."""

    def __init__(self, client: Client, settings: BrokerSettings) -> None:
        self._client = client
        self._settings = settings
        self.stream: JetStreamContext = client.jetstream(timeout=REPLY_TIMEOUT_SECONDS)

    @property
    def is_connected(self) -> bool:
        """Whether the broker answers at this moment."""
        return self._client.is_connected

    @property
    def reconnect_count(self) -> int:
        """How often the connection was lost and made again; what was on its way then is lost."""
        return int(self._client.stats["reconnects"])

    async def create_streams(self) -> None:
        """Create what is missing; streams that exist are left as operators tuned them."""
        for name, subjects in event_streams().items():
            await self._create_stream(name, subjects, EVENT_STREAM_AGE_SECONDS_MAX)
        await self._create_stream(
            DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECTS, DEAD_LETTER_AGE_SECONDS_MAX
        )

    async def _create_stream(self, name: str, subjects: str, age_seconds: int) -> None:
        try:
            await self.stream.stream_info(name)
        except NotFoundError:
            await self.stream.add_stream(
                StreamConfig(
                    name=name,
                    subjects=[subjects],
                    storage=StorageType.FILE,
                    retention=RetentionPolicy.LIMITS,
                    discard=DiscardPolicy.OLD,
                    max_age=age_seconds,
                    duplicate_window=DUPLICATE_WINDOW_SECONDS,
                    num_replicas=self._settings.replicas,
                )
            )

    async def publish_in_order(
        self, envelopes: Sequence[Envelope], headers: Sequence[dict[str, str]]
    ) -> int:
        """Publish one after the other; return how many of the first ones the broker has stored.

        An event leaves when the one before it is stored. Of events sent together a later one may
        be stored where an earlier one is refused, and would overtake it for good.
        """
        for stored, (envelope, header) in enumerate(zip(envelopes, headers, strict=True)):
            try:
                await self.publish(envelope.subject, envelope.body, header)
            except BROKER_ERRORS as error:
                _logger.warning("the broker did not take %s: %r", envelope.event_id, error)
                return stored
        return len(envelopes)

    async def publish(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """Publish one message and wait for the broker to have stored it."""
        await self.stream.publish(subject, body, headers=headers)

    async def last_message(self, stream: str, subject: str) -> RawStreamMsg | None:
        """Return the newest message of a subject, wildcards allowed."""
        try:
            return await self.stream.get_last_msg(stream, subject)
        except NotFoundError:
            return None

    async def stream_extent(self, stream: str) -> StreamExtent:
        """Return which stream it is and where it ends."""
        info = await self.stream.stream_info(stream)
        assert info.created is not None, "servers since 2.2 tell it"
        return StreamExtent(info.created, info.state.last_seq)

    async def pull_from(
        self, stream: str, first_sequence: int, subjects: list[str]
    ) -> JetStreamContext.PullSubscription:
        """Read a stream in order from a place on; the broker forgets about it when we are gone."""
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first_sequence,
            ack_policy=AckPolicy.NONE,
            filter_subjects=subjects,
            inactive_threshold=FORGOTTEN_AFTER_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        consumer = await self.stream.add_consumer(stream, config)
        return await self.stream.pull_subscribe_bind(consumer=consumer.name, stream=stream)

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        with contextlib.suppress(*BROKER_ERRORS):
            await asyncio.wait_for(self._client.drain(), REPLY_TIMEOUT_SECONDS)


@contextlib.asynccontextmanager
async def connected(settings: BrokerSettings) -> AsyncIterator[Broker]:
    """Connect, waiting as long as the broker takes to come up."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(BROKER_ERRORS),
        wait=wait_random_exponential(multiplier=0.1, max=WAIT_SECONDS_MAX),
        before_sleep=before_sleep_log(_logger, logging.WARNING),
    ):
        with attempt:
            client = await nats.connect(
                settings.url.split(","),
                name=settings.client_name,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                reconnect_time_wait=RECONNECT_WAIT_SECONDS,
                max_reconnect_attempts=-1,
                error_cb=_log_error,
                user_credentials=settings.credentials_file,
            )
    broker = Broker(client, settings)
    try:
        yield broker
    finally:
        await broker.close()


async def _log_error(error: Exception) -> None:
    _logger.warning("broker: %r", error)


def message_headers(message: Msg | RawStreamMsg) -> dict[str, str]:
    """Return a message's headers, empty when it has none."""
    return dict(message.headers or {})
