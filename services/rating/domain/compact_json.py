"""JSON as receipts have it: without spaces, in the order of the keys, not escaped needlessly."""

import json
from functools import lru_cache
from typing import Any

QUOTED_TEXTS_MAX = 10_000

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


def json_text(value: Any) -> str:
    """A value as JSON."""
    return _ENCODER.encode(value)


@lru_cache(maxsize=QUOTED_TEXTS_MAX)
def quoted(text: str) -> str:
    """A text that comes again and again, as JSON."""
    return json_text(text)
