"""Which fields of a resource an update is to change."""

from collections.abc import Set

from google.protobuf.field_mask_pb2 import FieldMask

from services.rating.domain.errors import invalid_field


def fields_to_change(mask: FieldMask, changeable: Set[str]) -> Set[str]:
    """The fields that a mask names, or all that can change if it is unset: INVALID_FIELD_MASK."""
    named = set(mask.paths)
    if not named <= changeable:
        fixed, free = ", ".join(sorted(named - changeable)), ", ".join(sorted(changeable))
        raise invalid_field(
            "INVALID_FIELD_MASK", "update_mask", f"{fixed} never changes; {free} do"
        )
    return named or changeable
