"""The files of a deck import, as they come in pieces."""

import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from services.rating.domain.errors import invalid_field
from tollbook.rating.v1 import rating_service_pb2 as messages

FILE_BYTES_MAX = 128 * 1024 * 1024


@dataclass(slots=True)
class UploadedDeck:
    """What a client has sent: the same files again are the same request."""

    header: messages.ImportRateDeckHeader
    request_id: str
    # These hand out what they hold without a copy.
    rates: io.BytesIO = field(default_factory=io.BytesIO)
    destinations: io.BytesIO = field(default_factory=io.BytesIO)

    def SerializeToString(self, *, deterministic: bool = True) -> bytes:
        """What makes this request the same one again: the header and the content of the files."""
        files = (hashlib.sha256(file.getvalue()).digest() for file in self._files())
        return self.header.SerializeToString(deterministic=deterministic) + b"".join(files)

    def append(self, piece: messages.ImportRateDeckRequest) -> None:
        """Take the next bytes of one of the files."""
        if piece.WhichOneof("piece") == "rates_content":
            _append(self.rates, piece.rates_content, "rates_content")
        else:
            _append(self.destinations, piece.destinations_content, "destinations_content")

    def _files(self) -> tuple[io.BytesIO, io.BytesIO]:
        return self.rates, self.destinations


async def receive_upload(pieces: AsyncIterator[messages.ImportRateDeckRequest]) -> UploadedDeck:
    """The whole upload: a header first, then the files in pieces.

    Raises:
        DomainError: HEADER_MISPLACED, FILE_TOO_LARGE.
    """
    upload: UploadedDeck | None = None
    async for piece in pieces:
        if piece.HasField("header") is not (upload is None):
            raise _header_misplaced()
        if upload is None:
            upload = UploadedDeck(piece.header, piece.header.request_id)
        else:
            upload.append(piece)
    if upload is None:
        raise _header_misplaced()
    return upload


def _append(file: io.BytesIO, piece: bytes, field_name: str) -> None:
    if file.tell() + len(piece) > FILE_BYTES_MAX:
        raise invalid_field(
            "FILE_TOO_LARGE", field_name, f"a file has at most {FILE_BYTES_MAX} bytes; split it"
        )
    file.write(piece)


def _header_misplaced() -> Exception:
    return invalid_field("HEADER_MISPLACED", "header", "send it first, and once")
