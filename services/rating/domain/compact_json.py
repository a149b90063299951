"""JSON as receipts have it: without spaces, in the order of the keys, not escaped needlessly."""

import json
from functools import lru_cache
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from typing import Any

QUOTED_TEXTS_MAX = 10_000

# JSONEncoder makes this anew for each value, which takes longer than to encode most of ours.
# Unescaped, without spaces; keys stay as they are given, and nothing is looked for in itself.
_chunks = c_make_encoder(
    None, json.JSONEncoder().default, encode_basestring, None, ":", ",", False, False, True
)


def json_text(value: Any) -> str:
    """A value as JSON."""
    return "".join(_chunks(value, 0))


@lru_cache(maxsize=QUOTED_TEXTS_MAX)
def quoted(text: str) -> str:
    """A text that comes again and again, as JSON."""
    return json_text(text)
