"""The tables of rating."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from chassis.database.columns import Key16, UtcTime

metadata = MetaData()

# Counts what is published in a tenant, so that every replica sees that its tariff is out of date.
# Its row lock lets one be published after the other.
tariff_version = Table(
    "tariff_version",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

rate_deck = Table(
    "rate_deck",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("rate_deck_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    # What its prices are for (Service).
    Column("service", SmallInteger, nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "rate_deck_id"),
    UniqueConstraint("tenant_id", "code", name="rate_deck_code"),
)

rate_deck_version = Table(
    "rate_deck_version",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("rate_deck_version_id", Text, nullable=False),
    Column("rate_deck_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # Null while the version is a draft.
    Column("effective_time", UtcTime),
    Column("rate_count", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    # SHA-256 of its snapshot, by which a copy in a file is known.
    Column("snapshot_digest", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "rate_deck_version_id"),
    UniqueConstraint("tenant_id", "rate_deck_id", "version", name="rate_deck_version_number"),
)

# The rows of a version, compiled for looking numbers up (domain/decks/snapshot.py), in parts that
# are compressed each for itself. Written once, read as a whole.
rate_deck_snapshot = Table(
    "rate_deck_snapshot",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("rate_deck_version_id", Text, nullable=False),
    Column("chunk_number", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant_id", "rate_deck_version_id", "chunk_number"),
)

plan = Table(
    "plan",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "plan_id"),
    UniqueConstraint("tenant_id", "code", name="plan_code"),
)

plan_revision = Table(
    "plan_revision",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("plan_revision_id", Text, nullable=False),
    Column("effective_time", UtcTime, nullable=False),
    # JSON list, in the order in which the decks are asked.
    Column("rate_deck_ids", Text, nullable=False),
    Column("duration_rounding", SmallInteger, nullable=False),
    Column("price_rounding", Text, nullable=False),
    Column("price_decimals", SmallInteger, nullable=False),
    Column("monthly_fee_micros", BigInteger, nullable=False),
    # JSON document of all other terms.
    Column("terms", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "plan_id", "revision"),
    UniqueConstraint("tenant_id", "plan_revision_id", name="plan_revision_id"),
)

# What invoice and fraud have told, with the time of the telling: a later one is never undone by
# an earlier one that comes late. The row lock of a paying account keeps charges and its seal apart.
account = Table(
    "account",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    # Who is charged its wholesale price for every call of the account; empty without a reseller.
    Column("reseller_account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("billing_day", SmallInteger, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("change_time", UtcTime, nullable=False),
    # Up to when its billing periods are sealed; null before the first seal.
    Column("sealed_until", UtcTime),
    PrimaryKeyConstraint("tenant_id", "account_id"),
    Index("account_by_payer", "tenant_id", "payer_account_id"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("subscription_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("end_time", UtcTime),
    Column("change_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "subscription_id"),
    Index("subscription_by_account", "tenant_id", "account_id"),
)

account_block = Table(
    "account_block",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("is_blocked", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("change_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
)

# When anything that pricing knows of an account was last stored: replicas ask what is new here.
account_change = Table(
    "account_change",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("change_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
    Index("account_change_by_time", "change_time"),
)

# Append-only: every settlement of every charge. The newest revision is the state.
charge = Table(
    "charge",
    metadata,
    Column("charge_id", Key16, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("party", SmallInteger, nullable=False),
    # Which reseller on the way up, from 1; 0 for the other parties.
    Column("party_level", SmallInteger, nullable=False),
    Column("call_key_kind", SmallInteger, nullable=False),
    Column("call_key", Text, nullable=False),
    Column("leg", Text, nullable=False),
    # The call record that settled it, of cdr; null for fees.
    Column("call_id", Key16),
    Column("call_revision", Integer, nullable=False),
    # Which kind of input has the word on it (InputKind).
    Column("source", SmallInteger, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("unrated_reason", Text, nullable=False),
    # Empty while unrated, as are period, usage line and receipt.
    Column("currency", Text, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("amount_delta_micros", BigInteger, nullable=False),
    Column("usage_line", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("period_start", UtcTime),
    Column("period_end", UtcTime),
    Column("correction", SmallInteger, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("charged_ms", BigInteger, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("settle_time", UtcTime, nullable=False),
    # The event of cdr that opened the charge; -1 for fees.
    Column("opened_partition", SmallInteger, nullable=False),
    Column("opened_sequence", BigInteger, nullable=False),
    # The event of ours that carries this revision.
    Column("event_partition", SmallInteger, nullable=False),
    Column("event_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("charge_id", "revision"),
    Index("charge_by_account", "tenant_id", "account_id", "charge_id"),
    Index("charge_by_period", "tenant_id", "payer_account_id", "period_start"),
)

# Records that wait for a price, with all that pricing them again takes. Their numbers go when they
# are priced.
unrated_call = Table(
    "unrated_call",
    metadata,
    Column("charge_id", Key16, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("call_id", Key16, nullable=False),
    Column("call_revision", Integer, nullable=False),
    Column("call_key_kind", SmallInteger, nullable=False),
    Column("call_key", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("callee", Text, nullable=False),
    Column("callee_kind", SmallInteger, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("answered", SmallInteger, nullable=False),
    Column("begin_time", UtcTime, nullable=False),
    Column("service", SmallInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("egress_trunk", Text, nullable=False),
    Column("routing_number", Text, nullable=False),
    Column("party", SmallInteger, nullable=False),
    Column("party_level", SmallInteger, nullable=False),
    Index("unrated_call_by_account", "tenant_id", "account_id", "charge_id"),
    Index("unrated_call_by_tenant", "tenant_id", "charge_id"),
)

# What is to be tried again, the oldest first, and how far that has come.
retry_request = Table(
    "retry_request",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    # Empty: every account of the tenant.
    Column("account_id", Text, nullable=False),
    # Null until the retry begins.
    Column("after_charge_id", Key16),
)

period_seal = Table(
    "period_seal",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("period_start", UtcTime, nullable=False),
    Column("period_end", UtcTime, nullable=False),
    Column("seal_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("charge_count", BigInteger, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    # JSON list of [usage line, count, micros], by name.
    Column("usage_lines", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("unrated_count", BigInteger, nullable=False),
    Column("seal_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id", "period_start"),
)

# One row for each event of cdr that was rated: what reconciliation compares the charges with.
rated_batch = Table(
    "rated_batch",
    metadata,
    Column("source_partition", SmallInteger, nullable=False),
    Column("source_sequence", BigInteger, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("collected_count", Integer, nullable=False),
    # Records of calls whose charge was open already.
    Column("merged_count", Integer, nullable=False),
    PrimaryKeyConstraint("source_partition", "source_sequence"),
)
