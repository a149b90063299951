"""How far into a producer's log something counts: services are compared while events flow."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, case, or_, true

Watermarks = Mapping[int, int]
"""The last sequence that counts, by partition; a partition that is not named counts whole."""


def is_counted(
    watermarks: Watermarks, partition: ColumnElement[int], sequence: ColumnElement[int]
) -> ColumnElement[bool]:
    """Whether the event at a stored place counts."""
    if not watermarks:
        return true()
    last = case(watermarks, value=partition, else_=None)
    return or_(last.is_(None), sequence <= last)
