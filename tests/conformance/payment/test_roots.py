"""Days end with a root that can be drawn again, and nothing is written into them any more."""

import asyncio
from datetime import datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.clock import EPOCH, utc_now
from services.payment.domain.ledger.root_audit import StoredRoot
from services.payment.store.entries import recorded_heads
from services.payment.store.ledger_roots import all_roots
from services.payment.usecases.ledger.close_ledger import (
    close_ledger,
    close_past_days,
    close_until_now,
)
from tests.conformance.payment.books import (
    Books,
    account,
    accounts_of_partition,
    apply_events,
    usage,
)
from tests.conformance.payment.exports import draw_root

ONE_DAY = timedelta(days=1)


def roots(books: Books) -> list[StoredRoot]:
    return books.read(all_roots)


def midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def close_days(books: Books, now: datetime) -> None:
    asyncio.run(close_past_days(books.database, now))


def test_each_day_that_has_ended_has_its_root(books: Books) -> None:
    """After three days without anybody: a root for each, also for those without an entry."""
    payer = account()
    books.announce(payer)
    books.use((payer, 700))
    today = utc_now()
    close_days(books, today)
    close_days(books, today + 3 * ONE_DAY)
    close_days(books, today + 3 * ONE_DAY)
    ends = [root.end_time for root, _ in roots(books)]
    assert ends == [midnight(today) + day * ONE_DAY for day in range(4)]
    first, second, third, fourth = (root for root, _ in roots(books))
    assert (first.start_time, first.chains) == (EPOCH, ())
    (chain,) = second.chains
    assert (chain.sequence, chain.entry_count) == (1, 1)
    assert [
        (each.sequence, each.entry_count) for root in (third, fourth) for each in root.chains
    ] == [
        (1, 0),
        (1, 0),
    ]
    assert books.audit().findings == []


def test_a_root_is_over_the_heads_of_all_chains(books: Books) -> None:
    """Two tenants, two partitions: each chain as far as it had come, and the root before."""
    payers = [*accounts_of_partition(1, 1), *accounts_of_partition(2, 1, tenant_id="umbrella")]
    for payer in payers:
        books.announce(payer)
        books.use((payer, 5))
    draw_root(books, utc_now())
    heads = books.read(recorded_heads)
    books.use((payers[0], 6))
    draw_root(books, utc_now())
    (first, first_hash), (second, _) = roots(books)
    assert [(each.chain, each.head_hash) for each in first.chains] == [
        (head.chain, head.hash) for head in heads
    ]
    assert (second.previous_root, second.start_time) == (first_hash, first.end_time)
    assert [each.entry_count for each in second.chains] == [1, 0]


def test_a_root_is_signed_when_it_is_drawn(books: Books) -> None:
    """Who has the public key can tell that the root is ours; an earlier one stays without."""
    key = Ed25519PrivateKey.generate()
    now = utc_now()
    asyncio.run(close_ledger(books.database, now))
    asyncio.run(close_ledger(books.database, now + timedelta(hours=1), key.sign))
    (early, _), (late, root) = books.read(all_roots)
    assert early.signature == b""
    key.public_key().verify(late.signature, root)
    with pytest.raises(InvalidSignature):
        key.public_key().verify(late.signature, late.previous_root)
    assert books.audit().findings == []


def test_yesterdays_root_is_the_same_whenever_it_is_drawn(books: Books) -> None:
    """What comes later changes nothing: the audit draws every root again from the entries."""
    payer = account()
    books.announce(payer)
    books.use((payer, 700))
    draw_root(books, utc_now())
    ((_, before),) = roots(books)
    for _ in range(3):
        books.use((payer, 1))
    ((root, after),) = roots(books)
    assert (after, root.root) == (before, before)
    assert books.audit().findings == []


def test_nothing_is_written_into_a_time_that_has_its_root(books: Books) -> None:
    """A writer whose clock is behind, or who waited for its turn: the entry belongs to the next."""
    payer = account()
    books.announce(payer)
    books.use((payer, 700))
    end = utc_now() + timedelta(hours=1)
    draw_root(books, end)
    books.use((payer, 1))
    draw_root(books, end)
    draw_root(books, end - timedelta(minutes=30))
    assert [root.end_time for root, _ in roots(books)] == [end]
    draw_root(books, end + timedelta(hours=1))
    assert [root.chains[0].entry_count for root, _ in roots(books)] == [1, 1]
    assert books.audit().findings == []


def test_a_root_that_was_asked_for_after_midnight_does_not_replace_the_days(books: Books) -> None:
    """Half a minute after midnight: the day's root first, then the one that was asked for."""
    payer = account()
    books.announce(payer)
    books.use((payer, 700))
    end_of_day = midnight(utc_now()) + ONE_DAY
    asked = end_of_day + timedelta(seconds=30)
    asyncio.run(close_until_now(books.database, asked))
    assert [root.end_time for root, _ in roots(books)] == [end_of_day, asked]
    assert books.audit().findings == []


def test_roots_drawn_at_once_follow_each_other(books: Books) -> None:
    """Several replicas at midnight, and an operator: no two roots over the same time."""
    payer = account()
    books.announce(payer)
    books.use((payer, 700))
    now = utc_now()

    async def rush() -> None:
        days = (now + n * ONE_DAY for n in (1, 1, 2, 2))
        await asyncio.gather(*[close_past_days(books.database, day) for day in days])

    async def with_traffic() -> None:
        event = books.event(usage([(payer, 5)]), payer)
        await asyncio.gather(rush(), books.database.write(lambda uow: apply_events(uow, [event])))

    asyncio.run(with_traffic())
    found = [root for root, _ in roots(books)]
    assert [root.start_time for root in found] == [EPOCH, *(root.end_time for root in found[:-1])]
    assert books.audit().findings == []
