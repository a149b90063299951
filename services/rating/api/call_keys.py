"""The kinds of call key that a switch can have, by the words of dial plans and of files."""

from services.rating.domain.charges.charge import OWN_KEY_KINDS
from tollbook.type.v1.call_pb2 import CallKeyKind

CALL_KEY_KINDS = {
    name.removeprefix("CALL_KEY_KIND_").lower(): number
    for name, number in CallKeyKind.items()
    if number not in OWN_KEY_KINDS
}
