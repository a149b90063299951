"""The attributes of a RADIUS packet as texts by name, however the switch wraps them."""

from collections.abc import Iterator, Mapping

from pyrad.packet import Packet

Attributes = Mapping[str, str]
"""Names in small letters, because dictionaries differ in capitals; the first value of each."""

NUMBER_TYPES = {"integer", "date", "short", "byte", "integer64"}
NUMBER_BYTES = {1, 2, 4, 8}
# `Cisco-AVPair = "h323-credit-time=300"`: the value has a name of its own.
PAIR_SUFFIX = "-avpair"


def read_attributes(packet: Packet) -> dict[str, str]:
    """Every attribute that the dictionary knows."""
    texts: dict[str, str] = {}
    for name, value in _named_values(packet):
        texts.setdefault(name.lower(), _without_name(name, value))
        if name.lower().endswith(PAIR_SUFFIX) and "=" in value:
            inner_name, _, inner_value = value.partition("=")
            texts.setdefault(inner_name.strip().lower(), inner_value.strip())
    return texts


def _named_values(packet: Packet) -> Iterator[tuple[str, str]]:
    for name in packet.keys():  # noqa: SIM118  pyrad gives names here, codes when iterated
        attribute = packet.dict.attributes.get(name) if isinstance(name, str) else None
        if attribute is None or attribute.type == "tlv":
            continue
        code = (packet.dict.vendors.GetForward(attribute.vendor), attribute.code)
        # The bytes themselves: what pyrad makes of them depends on the VALUEs of dictionaries.
        for raw in packet[code if attribute.vendor else attribute.code]:
            yield name, _text(attribute.type, raw)


def _text(kind: str, raw: bytes) -> str:
    if kind in NUMBER_TYPES and len(raw) in NUMBER_BYTES:
        return str(int.from_bytes(raw))
    return raw.decode(errors="replace")


def _without_name(name: str, value: str) -> str:
    """Cisco writes `h323-credit-time=300` as the value of h323-credit-time; others only `300`."""
    prefix = name + "="
    return value[len(prefix) :] if value.lower().startswith(prefix.lower()) else value
