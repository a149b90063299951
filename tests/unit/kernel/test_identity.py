"""Ids, keys, partitions, digests and times keep their meaning for ever."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.clock import from_micros, to_micros, utc_now
from kernel.errors import DomainError
from kernel.ids import is_uuid, new_uuid, time_key
from kernel.partition import PARTITION_COUNT, partition_of
from kernel.set_digest import SetDigest

# Microseconds from 1970 to the year 2500.
MOMENTS = st.integers(0, 530 * 365 * 86_400_000_000).map(from_micros)
PARTS = st.lists(st.text() | st.binary(), max_size=4)
NOON = datetime(2026, 11, 3, 12, 30, 15, 250000, tzinfo=UTC)


def encoded(parts: list[str | bytes]) -> list[bytes]:
    return [part.encode() if isinstance(part, str) else part for part in parts]


def test_a_later_uuid_is_larger_even_within_a_millisecond() -> None:
    """Rows made one after the other are stored and listed in that order."""
    made = [new_uuid() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_threads_never_share_a_uuid() -> None:
    """Units of work run in many threads of one process."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: [new_uuid() for _ in range(1_000)], range(8)))
    assert all(own == sorted(own) for own in made)
    assert len({one for own in made for one in own}) == 8_000


def test_a_uuid_is_of_version_7_and_tells_when_it_was_made() -> None:
    """Other systems recognise it (RFC 9562)."""
    before = utc_now()
    uuid = UUID(new_uuid())
    made = from_micros((uuid.int >> 80) * 1_000)
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
    assert before - timedelta(milliseconds=1) <= made <= utc_now() + timedelta(milliseconds=1)


@given(st.uuids())
def test_a_uuid_has_one_spelling(uuid: UUID) -> None:
    """Ids are compared as text, so two spellings would be two resources."""
    assert is_uuid(str(uuid))
    for other in (uuid.hex, uuid.urn, f"{{{uuid}}}", f"{uuid}\n", ""):
        assert not is_uuid(other)
    assume(str(uuid) != str(uuid).upper())
    assert not is_uuid(str(uuid).upper())


def test_stored_keys_keep_their_value() -> None:
    """Golden values: another result would make every known call a new one."""
    assert time_key(NOON, "tenant", b"\x01", "call").hex() == "01a1a16380d2b852fdb21feb334ccf6f"
    assert [partition_of("acme", f"account-{n}") for n in range(1, 9)] == [2, 0, 0, 5, 5, 6, 7, 6]


@given(MOMENTS, PARTS)
def test_a_key_is_six_bytes_of_time_and_ten_of_hash(
    start: datetime, parts: list[str | bytes]
) -> None:
    """Anyone can recompute a key from the record, in any language."""
    joined = b"".join(len(part).to_bytes(4, "big") + part for part in encoded(parts))
    milliseconds = (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    expected = milliseconds.to_bytes(6, "big") + hashlib.sha256(joined).digest()[:10]
    assert time_key(start, *parts) == expected


@given(MOMENTS, PARTS, PARTS)
def test_records_that_differ_in_a_part_have_different_keys(
    start: datetime, one: list[str | bytes], other: list[str | bytes]
) -> None:
    """Also when their parts run together to the same text."""
    assume(encoded(one) != encoded(other))
    assert time_key(start, *one) != time_key(start, *other)


def test_parts_are_told_apart_by_where_they_end() -> None:
    """Leg 1 of call 23 is not leg 12 of call 3."""
    assert time_key(NOON, "1", "23") != time_key(NOON, "12", "3")
    assert time_key(NOON, "1") != time_key(NOON, "1", "")


@given(MOMENTS, MOMENTS)
def test_keys_sort_by_the_millisecond_of_the_start(one: datetime, other: datetime) -> None:
    """New rows are written at the end of the index, whatever their hash."""
    earlier, later = sorted([one, other])
    assume(later - earlier >= timedelta(milliseconds=1))
    assert time_key(earlier, "b") < time_key(later, "a")


def test_a_start_before_1970_is_an_expected_failure() -> None:
    """A switch whose clock was never set does not stop the batch."""
    with pytest.raises(DomainError, match="TIME_OUT_OF_RANGE"):
        time_key(datetime(1969, 12, 31, tzinfo=UTC), "call")


@given(st.text(), st.text())
def test_every_account_has_a_partition(tenant_id: str, account_id: str) -> None:
    """Whatever a tenant calls its accounts."""
    assert partition_of(tenant_id, account_id) in range(PARTITION_COUNT)


def test_accounts_spread_evenly_over_the_partitions() -> None:
    """No partition has a quarter more of 8,000 accounts than its share."""
    counts = Counter(partition_of("tenant", f"account-{n}") for n in range(8_000))
    assert len(counts) == PARTITION_COUNT
    assert max(counts.values()) < 1_250


@given(st.lists(st.binary()), st.randoms())
def test_the_digest_of_a_set_ignores_order(items: list[bytes], random) -> None:
    """Two services that read the same rows in another order agree."""
    shuffled = random.sample(items, len(items))
    assert digest_of(items) == digest_of(shuffled)


@given(st.lists(st.binary()), st.lists(st.binary()))
def test_digests_of_parts_add_up(one: list[bytes], other: list[bytes]) -> None:
    """Partitions are digested apart."""
    assert (digest_of(one) + digest_of(other)).hex() == digest_of(one + other).hex()


@given(st.lists(st.binary(), min_size=1))
def test_a_missing_or_doubled_row_changes_the_digest(items: list[bytes]) -> None:
    """That is what reconciliation looks for."""
    assert digest_of(items[1:]) != digest_of(items)
    assert digest_of([items[0], *items]) != digest_of(items)


def test_a_stored_digest_keeps_its_value() -> None:
    """Golden values: the sum of the SHA-256 of each row, modulo 2 to the 128th."""
    whole = sum(int(hashlib.sha256(row).hexdigest(), 16) for row in (b"a", b"b"))
    assert digest_of([b"a", b"b"]).hex() == f"{whole % 2**128:032x}"
    assert digest_of([b"a", b"b"]).hex() == "334469f89d507abd84f46634858a4958"
    assert digest_of([]).hex() == "0" * 32


def digest_of(items: list[bytes]) -> SetDigest:
    digest = SetDigest()
    for item in items:
        digest.add(item)
    return digest


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive_their_stored_form(moment: datetime) -> None:
    """To the microsecond, from the year 1 to 9999."""
    assert from_micros(to_micros(moment)) == moment


def test_stored_times_count_from_1970() -> None:
    """Microseconds, negative before."""
    assert to_micros(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    assert from_micros(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_a_time_without_zone_is_never_stored() -> None:
    """It could be anywhere on earth."""
    with pytest.raises(TypeError):
        to_micros(NOON.replace(tzinfo=None))


def test_now_is_utc() -> None:
    """Whatever zone the machine is in."""
    assert utc_now().utcoffset() == timedelta(0)
