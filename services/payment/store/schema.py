"""The tables of payment: the journal, what is kept beside it, accounts and payments."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from chassis.database.columns import Key16, UtcTime
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS

metadata = MetaData()

# The journal: rows are added, never changed, never removed.
journal_entry_table = Table(
    "journal_entry",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("journal_entry_id", Key16, nullable=False),
    Column("chain_id", Key16, nullable=False),
    Column("chain_sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("reason", SmallInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    # The event that caused it; all null when a request did.
    Column("source_producer", Text),
    Column("source_partition", Integer),
    Column("source_sequence", BigInteger),
    PrimaryKeyConstraint("tenant_id", "journal_entry_id"),
    UniqueConstraint("chain_id", "chain_sequence", name="journal_entry_chain_place"),
    Index("journal_entry_by_reason", "tenant_id", "reason", "journal_entry_id"),
)

# The postings of the journal's entries.
posting_table = Table(
    "posting",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("journal_entry_id", Key16, nullable=False),
    Column("line", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    # Empty for the ledger accounts of the legal entity.
    Column("account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "journal_entry_id", "line"),
    Index(
        "posting_by_account",
        "tenant_id",
        "account_id",
        "journal_entry_id",
        sqlite_where=text("account_id <> ''"),
        postgresql_where=text("account_id <> ''"),
    ),
)

# A row for each partition. Its lock is the first that a writer of the partition's books takes, so
# that a chain's order is the order of commits and no two writers wait for each other.
ledger_partition_table = Table(
    "ledger_partition",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    # A root has been drawn over everything before: no entry is written into that time any more.
    Column("closed_until", UtcTime, nullable=False),
)

# The head of each chain.
chain_head_table = Table(
    "chain_head",
    metadata,
    Column("chain_id", Key16, nullable=False, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("legal_entity_id", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("newest_time", UtcTime, nullable=False),
    UniqueConstraint("tenant_id", "legal_entity_id", "partition", name="chain_head_chain"),
)

# Each ledger account with the sum of its postings, kept in the transaction that posts.
ledger_account_table = Table(
    "ledger_account",
    metadata,
    Column("chain_id", Key16, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("balance_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "account_id", "currency", "kind"),
    CheckConstraint(
        f"balance_micros BETWEEN -{POSTING_MAX_MICROS} AND {POSTING_MAX_MICROS}",
        name="ledger_account_balance_fits",
    ),
)

# Accounts as invoice announced them.
account_table = Table(
    "account",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("legal_entity_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("mode", SmallInteger, nullable=False),
    Column("time_zone", Text, nullable=False),
    # The announcement's place in its log: an older one that comes late changes nothing.
    Column("change_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
)

# Payments received. Evidence may name people, which is why the journal only refers to it.
payment_table = Table(
    "payment",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("method", SmallInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    # PaymentSettled went out in this event of ours.
    Column("event_partition", Integer, nullable=False),
    Column("event_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "payment_id"),
    Index("payment_by_time", "tenant_id", "create_time", "payment_id"),
    Index("payment_by_account", "tenant_id", "account_id", "create_time", "payment_id"),
)

# Promotional credit: what is left of each grant; together it is the balance of PROMOTION.
promotion_table = Table(
    "promotion",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("promotion_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("granted_micros", BigInteger, nullable=False),
    Column("remaining_micros", BigInteger, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    Column("expire_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "promotion_id"),
    CheckConstraint(
        "remaining_micros BETWEEN 0 AND granted_micros", name="promotion_remaining_fits"
    ),
    Index("promotion_by_account", "tenant_id", "account_id", "expire_time", "promotion_id"),
    Index(
        "promotion_by_expiry",
        "expire_time",
        sqlite_where=text("remaining_micros > 0"),
        postgresql_where=text("remaining_micros > 0"),
    ),
)

# What people did to the money of accounts. Notes may name people, which is why they are not in the
# journal.
adjustment_table = Table(
    "adjustment",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("adjustment_id", Text, nullable=False),
    Column("reason", SmallInteger, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("micros", BigInteger, nullable=False),
    # The other account of a transfer or an exchange; null for the others.
    Column("counter_account_id", Text),
    Column("counter_currency", Text),
    Column("counter_micros", BigInteger),
    # Of an exchange; null for the others.
    Column("rate", Text),
    Column("rate_is_inverse", Boolean),
    Column("rate_source", Text),
    Column("note", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    Column("journal_entry_id", Key16, nullable=False),
    # The entry of the other account, where its chain is another one.
    Column("counter_entry_id", Key16),
    # Of a correction: the entry that was to be corrected.
    Column("corrected_entry_id", Key16),
    PrimaryKeyConstraint("tenant_id", "adjustment_id"),
    Index("adjustment_by_time", "tenant_id", "create_time", "adjustment_id"),
    Index("adjustment_by_account", "tenant_id", "account_id", "create_time", "adjustment_id"),
    Index("adjustment_by_counter_account", "tenant_id", "counter_account_id"),
)

# Entries that were taken back: each at most once.
corrected_entry_table = Table(
    "corrected_entry",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("journal_entry_id", Key16, nullable=False),
    Column("adjustment_id", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "journal_entry_id"),
)

# Roots over everything that was written in a time; each follows the one whose end is its start.
ledger_root_table = Table(
    "ledger_root",
    metadata,
    Column("end_time", UtcTime, primary_key=True),
    Column("start_time", UtcTime, nullable=False),
    Column("previous_root", LargeBinary(32), nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    # Null where no key was configured when it was drawn.
    Column("signature", LargeBinary),
    # Two roots drawn at once cannot follow the same one.
    UniqueConstraint("start_time", name="ledger_root_follows_one"),
)

# How far each chain had come when a root was drawn.
chain_root_table = Table(
    "chain_root",
    metadata,
    Column("end_time", UtcTime, nullable=False),
    Column("chain_id", Key16, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("head_hash", LargeBinary(32), nullable=False),
    Column("entry_count", BigInteger, nullable=False),
    Column("entries_root", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("end_time", "chain_id"),
)
