"""An export proves itself: a checker that knows nothing of the suite finds any change to it."""

import json
import pickle
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from kernel.clock import from_micros, utc_now
from services.payment.domain.ledger.account import Account, PaymentMode
from tests.conformance.payment.books import Books, account, accounts_of_partition
from tests.conformance.payment.exports import draw_root, export, proofs
from tools.check_ledger import Ledger, WrongLedgerError, check

OTHER_ENTITY = "6a1d4c2e-9b7f-4f2e-8d8a-0c9b1f3a6d7c"


def history(books: Books) -> list[Account]:
    """Three days of a tenant with four chains, beside other tenants; the first day is older."""
    today = utc_now()
    payers = [
        *accounts_of_partition(1, 2),
        *accounts_of_partition(4, 1, mode=PaymentMode.PREPAID),
        *accounts_of_partition(1, 1, legal_entity_id=OTHER_ENTITY, currency="JPY"),
    ]
    others = [account(tenant_id=name) for name in ("abc", "umbrella")]
    books.announce(*payers)
    for other in others:
        books.announce(other)
        books.use((other, 5_000))
    for payer in payers[:3]:
        books.use((payer, 1_000_000))
    books.issue(payers[0], used=1_000_000, net=1_000_000, tax=210_000)
    draw_root(books, utc_now())
    books.pay(payers[2], 50_000_000)
    books.pay(payers[0], 1_210_000)
    books.use((payers[3], 7_000_000))
    draw_root(books, utc_now())
    draw_root(books, utc_now())
    books.pay(payers[2], 30_000_000)
    books.use((payers[0], 123_456), (payers[1], -55))
    draw_root(books, today + timedelta(days=2))
    return payers


def parsed(lines: list[bytes]) -> list[Any]:
    return [json.loads(line) for line in lines]


def written(lines: list[Any]) -> list[bytes]:
    return [
        json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        for line in lines
    ]


def fault(lines: list[bytes]) -> str:
    """What the checker finds; nothing when everything holds."""
    return fault_behind(Ledger(), lines)


def fault_behind(ledger: Ledger, lines: list[bytes]) -> str:
    """What it finds in lines behind those that it has taken."""
    try:
        for line in lines:
            ledger.take(line)
        ledger.finish([])
    except WrongLedgerError as problem:
        return str(problem)
    return ""


def entry_ids(lines: list[bytes]) -> list[str]:
    return [line["journal_entry_id"] for line in parsed(lines) if line["kind"] == "entry"]


def checked_export(books: Books) -> list[bytes]:
    """An export of the later days, with openings and two proofs, which holds."""
    ids = entry_ids(export(books))
    first, *_ = [line["end_micros"] for line in parsed(export(books)) if line["kind"] == "root"]
    lines = export(books, span=(from_micros(first), None), proven_ids=[ids[0], ids[-1]])
    assert fault(lines) == ""
    return lines


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each single value stands in a line."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        if isinstance(each, dict | list):
            yield from places(each, (*path, key))
        else:
            yield (*path, key)


def altered(line: Any, place: tuple[Any, ...]) -> Iterator[Any]:
    """A line with one of its values changed, in each of some ways."""
    *way, last = place
    for change in CHANGES:
        copy = deepcopy(line)
        holder = copy
        for key in way:
            holder = holder[key]
        value = holder[last]
        holder[last] = change(value)
        if holder[last] != value:
            yield copy


def _flipped(value: Any) -> Any:
    """The last bit of a number or of a hexadecimal digit; another letter of a text."""
    if isinstance(value, int):
        return value ^ 1
    if len(value) == 64:
        return value[:-1] + f"{int(value[-1], 16) ^ 1:x}"
    return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"


def _much_larger(value: Any) -> Any:
    return value + 86_400_000_000 if isinstance(value, int) else value + value


CHANGES = (_flipped, _much_larger)


@pytest.fixture
def lines(books: Books) -> list[bytes]:
    """An export that holds."""
    history(books)
    return checked_export(books)


def test_an_export_holds_and_tells_what_was_checked(books: Books) -> None:
    """Whole books, from the first entry on."""
    history(books)
    whole = export(books)
    ledger: Ledger = check(whole)
    assert (ledger.tenant_id, ledger.entry_count) == ("acme", 10)
    assert len(ledger.chains) == 3
    check(whole, roots=ledger.known_roots.values())
    with pytest.raises(WrongLedgerError, match="not under root"):
        check(whole, roots=["0" * 64])


def test_every_changed_value_is_found(lines: list[bytes]) -> None:
    """Each field of each line, at every depth, its last bit or much more."""
    content = parsed(lines)
    tried = 0
    for number, line in enumerate(content):
        for place in places(line):
            for copy in altered(line, place):
                changed = [*lines[:number], *written([copy]), *lines[number + 1 :]]
                assert fault(changed), f"line {number + 1}: a change of {place} is not found"
                tried += 1
    assert tried > 500


def test_every_removed_or_repeated_line_is_found(lines: list[bytes]) -> None:
    """Also when the last line is made to count again; nothing misses a proof that was removed."""
    for number, content in enumerate(lines):
        removed = lines[:number] + lines[number + 1 :]
        repeated = [*lines[: number + 1], *lines[number:]]
        is_needed = json.loads(content)["kind"] != "proof"
        assert fault(removed), f"line {number + 1}"
        assert fault(repeated), f"line {number + 1}"
        assert fault(recounted(repeated)), f"line {number + 1}"
        assert bool(fault(recounted(removed))) == is_needed, f"line {number + 1}"


def recounted(lines: list[bytes]) -> list[bytes]:
    last = json.loads(lines[-1])
    if last["kind"] != "end":
        return lines
    return [*lines[:-1], *written([last | {"line_count": len(lines)}])]


def test_every_exchanged_pair_of_neighbours_is_found(lines: list[bytes]) -> None:
    """Order is part of what is proven."""
    for at in range(len(lines) - 1):
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        assert fault(swapped), f"lines {at + 1} and {at + 2}"


def test_every_bit_of_a_file_counts(lines: list[bytes]) -> None:
    """Any bit of any byte; one in each byte, and all eight of every hundredth.

    A change to a line is read from this line on: the checker has taken those before it.
    """
    ledger = Ledger()
    for number, line in enumerate(lines):
        so_far, rest = pickle.dumps(ledger), b"".join(lines[number + 1 :])
        for at in range(len(line)):
            for bit in range(8) if at % 100 == 0 else [at % 8]:
                changed = bytearray(line)
                changed[at] ^= 1 << bit
                read_on = (bytes(changed) + rest).splitlines(keepends=True)
                found = fault_behind(pickle.loads(so_far), read_on)
                assert found, f"line {number + 1}, byte {at}, bit {bit}"
        ledger.take(line)
    assert (len(lines), ledger.entry_count) > (10, 0)


def test_a_removed_list_item_is_found(lines: list[bytes]) -> None:
    """A chain under a root, a posting, a neighbour on a path."""
    for number, line in enumerate(parsed(lines)):
        for name in ("chains", "postings", "path"):
            for at in range(len(line.get(name, []))):
                copy = deepcopy(line)
                del copy[name][at]
                changed = [*lines[:number], *written([copy]), *lines[number + 1 :]]
                assert fault(changed), f"line {number + 1}: {name} {at}"


def test_proofs_alone_hold_without_the_books(books: Books) -> None:
    """A customer shows one entry, and nothing else of the tenant's books."""
    history(books)
    for entry_id in entry_ids(export(books)):
        ledger = check(proofs(books, [entry_id]))
        assert (ledger.proof_count, ledger.entry_count) == (1, 0)
        assert set(ledger.known_roots.values()) <= {
            line["root"] for line in parsed(export(books)) if line["kind"] == "root"
        }
