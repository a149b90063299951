"""Partitions: which of the fixed shards an account's facts belong to."""

from kernel.ids import hash_parts

# Part of the identity of all stored data and events: neither may ever change.
PARTITION_COUNT = 8


def partition_of(tenant_id: str, payer_account_id: str) -> int:
    """The partition of a paying account, 0 to 7, the same in every service and for ever."""
    return hash_parts(tenant_id, payer_account_id)[0] % PARTITION_COUNT
