"""Blocks: the refusal of an account's further calls."""

from dataclasses import dataclass
from datetime import datetime

from services.fraud.domain.errors import invalid_field

REASON_CHARACTERS_MAX = 500

# Who blocked when a rule did.
AUTOMATIC_ACTOR = "fraud"


@dataclass(frozen=True, slots=True)
class Block:
    """Why, by whom and since when an account takes no calls."""

    account_id: str
    reason: str
    actor: str
    block_time: datetime


def check_reason(reason: str) -> None:
    """Refuse a reason that says nothing or fills the page. Raises INVALID_FIELD."""
    if not 1 <= len(reason.strip()) <= REASON_CHARACTERS_MAX:
        raise invalid_field("reason", f"1 to {REASON_CHARACTERS_MAX} characters, saying why")
