"""Packets in and out: decoded only when they are whole and signed with the client's secret."""

import hashlib

from pyrad.dictionary import Dictionary
from pyrad.packet import (
    AccessReject,
    AccessRequest,
    AccountingRequest,
    AcctPacket,
    AuthPacket,
    Packet,
    PacketError,
    StatusServer,
)

from services.rating.api.radius.answers import Reply
from services.rating.api.radius.clients import RadiusClient

# RFC 2865, section 3.
HEADER_BYTES = 20
PACKET_BYTES_MAX = 4_096
ATTRIBUTE_BYTES_MIN = 2
VALUE_BYTES_MAX = 253
MESSAGE_AUTHENTICATOR = 80

AUTHENTICATION_CODES = frozenset({AccessRequest, StatusServer})
ACCOUNTING_CODES = frozenset({AccountingRequest, StatusServer})


class BadPacketError(Exception):
    """A packet that is discarded silently, as RFC 2865 wants it; the text says why to operators."""


def decode(
    data: bytes, client: RadiusClient, dictionary: Dictionary, codes: frozenset[int]
) -> Packet:
    """The packet of a client. Raises BadPacketError: malformed, unexpected, unsigned, forged."""
    content = _whole(data)
    if content[0] not in codes:
        raise BadPacketError("unexpected_code")
    kind = AcctPacket if AccountingRequest in codes else AuthPacket
    try:
        packet = kind(packet=content, secret=client.secret, dict=dictionary)
    except PacketError:
        raise BadPacketError("malformed") from None
    _check_signature(packet, client)
    return packet


def encode(request: Packet, reply: Reply) -> bytes:
    """The bytes of a reply, signed; Proxy-State comes back as it was (RFC 2865, section 5.33).

    What answers an Access-Request has a Message-Authenticator, in the first place, against
    CVE-2024-3596 (BlastRADIUS).
    """
    packet = request.CreateReply()
    if reply.is_reject:
        packet.code = AccessReject
    for name, value in reply.attributes:
        packet.AddAttribute(name, value[:VALUE_BYTES_MAX] if isinstance(value, str) else value)
    content: bytes = packet.ReplyPacket()
    return content


def _whole(data: bytes) -> bytes:
    """The packet without padding. Raises BadPacketError unless every length in it is right."""
    length = int.from_bytes(data[2:4])
    if not HEADER_BYTES <= length <= min(len(data), PACKET_BYTES_MAX):
        raise BadPacketError("malformed")
    position = HEADER_BYTES
    while position < length:
        size = data[position + 1] if position + 1 < length else 0
        if size < ATTRIBUTE_BYTES_MIN or position + size > length:
            raise BadPacketError("malformed")
        position += size
    return data[:length]


def _check_signature(packet: Packet, client: RadiusClient) -> None:
    """Raise BadPacketError unless the packet was made with the secret.

    An Accounting-Request is signed as a whole (RFC 2866, section 3); an Access-Request only by a
    Message-Authenticator (RFC 3579, section 3.2), which a Status-Server must have (RFC 5997).
    """
    if packet.code == AccountingRequest and not packet.VerifyAcctRequest():
        raise BadPacketError("wrong_secret")
    if MESSAGE_AUTHENTICATOR in packet:
        if not packet.verify_message_authenticator():
            raise BadPacketError("wrong_secret")
        return
    is_signed = packet.code == AccountingRequest
    if packet.code == StatusServer or (client.require_message_authenticator and not is_signed):
        raise BadPacketError("unsigned")


def fingerprint(data: bytes) -> bytes:
    """What is the same in a retransmission, and in nothing else: all of it."""
    return hashlib.sha256(data).digest()
