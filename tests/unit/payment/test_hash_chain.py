"""The hash chain: whatever is changed, removed or reordered is found."""

import hashlib
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain.ledger.entries import (
    EntryReason,
    EventSource,
    JournalEntry,
    LedgerAccountKind,
    Posting,
)
from services.payment.domain.ledger.hash_chain import (
    Chain,
    ChainedEntry,
    ChainHead,
    broken_link,
    canonical_bytes,
    first_id_from,
)

CHAIN = Chain("acme", "7c9e6679-7425-40de-944b-e07fc1f90ae7", 3)
SOURCE = EventSource("rating", 3, 42)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def usage(micros: int, source: EventSource | None = SOURCE) -> JournalEntry:
    postings = (
        Posting(int(LedgerAccountKind.WALLET), "account-1", "EUR", micros),
        Posting(int(LedgerAccountKind.REVENUE), "", "EUR", -micros),
    )
    return JournalEntry(EntryReason.USAGE, "rating.3.42", "rating", postings, source)


def chain_of(amounts: list[int]) -> list[ChainedEntry]:
    head = ChainHead.genesis(CHAIN)
    entries = []
    for micros in amounts:
        entries.append(head.link([usage(micros)], NOON)[0])
        head = head.after(entries[-1])
    return entries


def first_fault(entries: list[ChainedEntry]) -> str:
    """What a walk from the start of the chain finds first."""
    head = ChainHead.genesis(CHAIN)
    for entry in entries:
        if fault := broken_link(head, entry):
            return fault
        head = head.after(entry)
    return ""


def documented_form(entry: ChainedEntry) -> bytes:
    """The canonical form as its documentation says, written down a second time."""

    def text(value: str) -> bytes:
        return struct.pack(">I", len(value.encode())) + value.encode()

    def number(value: int) -> bytes:
        return value.to_bytes(8, "big", signed=True)

    producer, partition, sequence = entry.source or ("", 0, 0)
    micros = (entry.create_time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    form = text("tollbook.journal-entry.1") + text(CHAIN.tenant_id) + text(CHAIN.legal_entity_id)
    form += number(CHAIN.partition) + number(entry.chain_sequence)
    form += text(str(entry.journal_entry_id)) + number(entry.reason)
    form += text(entry.reference) + text(entry.actor) + number(micros)
    form += text(producer) + number(partition) + number(sequence) + number(len(entry.postings))
    for kind, account_id, currency, amount in entry.postings:
        form += number(kind) + text(account_id) + text(currency) + number(amount)
    return form


amounts = st.lists(st.integers(1, 10**12), min_size=1, max_size=8)


def test_the_form_of_an_entry_never_changes() -> None:
    """A chain written today is verified in ten years: these bytes and this hash are for ever."""
    (entry,) = chain_of([1_250_000])
    assert str(entry.journal_entry_id) == "01a20846-fe00-8000-8000-000077f3e54c"
    assert hashlib.sha256(canonical_bytes(CHAIN, entry[:-1])).hexdigest() == (
        "040c444c9ef1ab93ae9dbe39d1c3e49eae1c86d92206ac6e7238ad49de6766a6"
    )
    assert entry.hash.hex() == "7283ca3b0710c893b4532ec5bc56bd789782e6894bdbfb5d97dcfa337d1d9e3e"


@given(
    amounts, st.none() | st.builds(EventSource, st.just("rating"), st.integers(0, 7), st.just(9))
)
def test_the_form_is_what_its_documentation_says(
    values: list[int], source: EventSource | None
) -> None:
    """Whoever writes a checker from the description alone comes to the same hashes."""
    head = ChainHead.genesis(CHAIN)
    for micros in values:
        entry = head.link([usage(micros, source)], NOON)[0]
        form = documented_form(entry)
        assert canonical_bytes(CHAIN, entry[:-1]) == form
        assert entry.hash == hashlib.sha256(head.hash + form).digest()
        head = head.after(entry)


@given(amounts)
def test_a_chain_holds_as_it_was_written(values: list[int]) -> None:
    """The walk finds nothing where nothing is wrong."""
    assert first_fault(chain_of(values)) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"key": bytes(16)},
        {"create_time": NOON + timedelta(microseconds=1)},
        {"reason": 2},
        {"reference": "rating.3.43"},
        {"actor": "mallory"},
        {"source": None},
        {"source": EventSource("rating", 3, 43)},
        {"postings": ()},
        {"postings": (Posting(1, "account-2", "EUR", 5), Posting(4, "", "EUR", -5))},
        {"postings": (Posting(1, "account-1", "USD", 5), Posting(4, "", "USD", -5))},
        {"postings": (Posting(1, "account-1", "EUR", 4), Posting(4, "", "EUR", -4))},
        {"postings": (Posting(4, "", "EUR", -5), Posting(1, "account-1", "EUR", 5))},
        {"hash": bytes(32)},
    ],
)
def test_a_change_to_any_field_is_found(change: dict[str, object]) -> None:
    """The entry in the middle was altered after it was written."""
    entries = chain_of([7, 5, 9])
    entries[1] = entries[1]._replace(**change)  # type: ignore[arg-type]
    assert first_fault(entries) == "entry 2 is not what was written: its hash differs"


@given(amounts.filter(lambda values: len(values) > 1), st.data())
def test_a_removed_entry_is_found(values: list[int], data: st.DataObject) -> None:
    """Any entry but the newest is missed by the one after it; the newest by the chain's head."""
    entries = chain_of(values)
    place = data.draw(st.integers(0, len(entries) - 2))
    del entries[place]
    assert first_fault(entries) == f"entry {place + 1} is missing: {place + 2} follows"


@given(amounts.filter(lambda values: len(values) > 1), st.data())
def test_entries_in_each_others_place_are_found(values: list[int], data: st.DataObject) -> None:
    """Swapped rows are found, also when their numbers were swapped with them."""
    entries = chain_of(values)
    place = data.draw(st.integers(0, len(entries) - 2))
    first, second = entries[place], entries[place + 1]
    entries[place], entries[place + 1] = second, first
    assert first_fault(entries)
    entries[place] = second._replace(chain_sequence=first.chain_sequence)
    entries[place + 1] = first._replace(chain_sequence=second.chain_sequence)
    assert first_fault(entries)


def test_an_entry_of_another_chain_does_not_fit() -> None:
    """The same entry in another tenant's books has another hash."""
    (entry,) = chain_of([5])
    elsewhere = ChainHead.genesis(replace(CHAIN, tenant_id="umbrella"))
    assert "hash differs" in broken_link(elsewhere, entry)


def test_time_never_goes_back_in_a_chain() -> None:
    """A clock that was set back does not put a later entry before an earlier one."""
    head = ChainHead.genesis(CHAIN)
    first = head.link([usage(5)], NOON)[0]
    second = head.after(first).link([usage(5)], NOON - timedelta(hours=1))[0]
    assert second.create_time == NOON
    assert second.journal_entry_id > first.journal_entry_id


moments = st.integers(0, 10**16).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)


@given(moments, moments)
def test_a_range_of_time_is_a_range_of_ids(written: datetime, bound: datetime) -> None:
    """An entry is on the same side of a moment by its id as by its time."""
    entry = ChainHead.genesis(CHAIN).link([usage(5)], written)[0]
    assert (entry.journal_entry_id >= first_id_from(bound)) == (written >= bound)


def test_chains_have_ids_of_their_own() -> None:
    """Two legal entities that write the first entry at the same time don't meet in one id."""
    others = [CHAIN, replace(CHAIN, legal_entity_id="other"), replace(CHAIN, partition=4)]
    ids = {ChainHead.genesis(chain).link([usage(5)], NOON)[0].journal_entry_id for chain in others}
    assert len(ids) == len(others)
