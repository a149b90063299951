"""Which money pays for usage: promotional credit first, the first to expire before the others."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kernel.money import Money
from services.payment.domain.promotion import Promotion


def split_debit(micros: int, promotions: Iterable[Promotion]) -> dict[str, int]:
    """What each promotion pays of an amount, by its id; the account itself pays the rest.

    What has expired and is still there belongs to the holds that rely on it, and is spent as well.
    An amount that gives usage back goes to the account itself.
    """
    paid: dict[str, int] = {}
    for promotion in sorted(promotions, key=lambda each: (each.expire_time, each.promotion_id)):
        if micros <= 0:
            break
        taken = min(promotion.remaining.micros, micros)
        paid[promotion.promotion_id] = taken
        micros -= taken
    return paid


def after_debit(promotions: Iterable[Promotion], paid: Mapping[str, int]) -> tuple[Promotion, ...]:
    """The promotions that have something left when these have paid."""
    left = (_less(each, paid.get(each.promotion_id, 0)) for each in promotions)
    return tuple(each for each in left if each.remaining.micros)


def _less(promotion: Promotion, micros: int) -> Promotion:
    remaining = promotion.remaining
    return replace(promotion, remaining=Money(remaining.currency, remaining.micros - micros))
