"""The tables of this service; times are microseconds UTC, money is micros of its currency."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from chassis.database.columns import Key16, UtcTime

metadata = MetaData()


class Sealed(LargeBinary):
    """Personal text, sealed with the key of its owner: the one column type that carries it."""


# The keys of personal data, wrapped by the installation's master key. An owner without a row is
# erased.
personal_key = Table(
    "personal_key",
    metadata,
    Column("tenant_id", Text, nullable=False),
    # customer/<customer id> or invoice/<invoice id>.
    Column("owner", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant_id", "owner"),
)

tenant = Table(
    "tenant",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
)

legal_entity = Table(
    "legal_entity",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("legal_entity_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    # Lines separated by line feeds.
    Column("address", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("tax_number", Text, nullable=False),
    Column("invoice_prefix", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "legal_entity_id"),
    UniqueConstraint("tenant_id", "code"),
    UniqueConstraint("tenant_id", "invoice_prefix"),
)

# The last number of each series. Its row lock is what makes numbers gap-free: the next one is taken
# in the transaction that issues the invoice, or not at all.
invoice_series = Table(
    "invoice_series",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("legal_entity_id", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "legal_entity_id", "year"),
)

tax_rate = Table(
    "tax_rate",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("tax_rate_id", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("basis_points", Integer, nullable=False),
    Column("effective_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "tax_rate_id"),
    UniqueConstraint("tenant_id", "country_code", "effective_time"),
)

customer = Table(
    "customer",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    Column("display_name", Sealed, nullable=False),
    Column("address", Sealed, nullable=False),
    Column("email", Sealed, nullable=False),
    PrimaryKeyConstraint("tenant_id", "customer_id"),
    UniqueConstraint("tenant_id", "external_id"),
)

account = Table(
    "account",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("legal_entity_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    # Empty when the account is sold directly.
    Column("reseller_account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("payment_mode", Integer, nullable=False),
    Column("billing_day", Integer, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
    UniqueConstraint("tenant_id", "code"),
    Index("account_by_payer", "tenant_id", "payer_account_id"),
)

# One row for each identifier that was ever a line. Whoever changes its lines locks the row first,
# so that two writers cannot both find the time free.
line_identifier = Table(
    "line_identifier",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("identifier", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "kind", "identifier"),
)

line = Table(
    "line",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("end_time", UtcTime),
    PrimaryKeyConstraint("tenant_id", "line_id"),
    Index("line_by_identifier", "tenant_id", "identifier", "line_id"),
    Index("line_by_account", "tenant_id", "account_id", "identifier", "line_id"),
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
    PrimaryKeyConstraint("tenant_id", "subscription_id"),
    Index("subscription_by_account", "tenant_id", "account_id", "start_time", "subscription_id"),
)

billing_period = Table(
    "billing_period",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("end_time", UtcTime, nullable=False),
    # What usage rows name it by.
    Column("period_key", Key16, nullable=False),
    Column("state", Integer, nullable=False),
    Column("seal_id", Text),
    Column("seal_charge_count", BigInteger),
    Column("seal_micros", BigInteger),
    Column("seal_digest", Text),
    # The request that asked to close it, from SEALED on.
    Column("close_request_id", Text),
    Column("invoice_id", Text),
    PrimaryKeyConstraint("tenant_id", "account_id", "start_time"),
    UniqueConstraint("tenant_id", "period_key"),
    Index("billing_period_by_state", "state", "tenant_id", "account_id", "start_time"),
)

# Each charge revision that rating has settled, once (the inbox sees to that), in the period that
# rating has chosen. A period's rows lie together in the order of call start.
usage_item = Table(
    "usage_item",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("period_key", Key16, nullable=False),
    Column("charge_id", Key16, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", Integer, nullable=False),
    # The account that called, or its reseller; its payer is the period's account.
    Column("account_id", Text, nullable=False),
    Column("correction", Integer, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("charged_duration_ms", BigInteger, nullable=False),
    Column("caller", Text, nullable=False),
    Column("callee", Text, nullable=False),
    Column("usage_line", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("micros_delta", BigInteger, nullable=False),
    # The event of rating that brought it.
    Column("source_partition", Integer, nullable=False),
    Column("source_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "period_key", "charge_id", "revision"),
    sqlite_with_rowid=False,
)

invoice = Table(
    "invoice",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("legal_entity_id", Text, nullable=False),
    Column("number_prefix", Text, nullable=False),
    Column("number_year", Integer, nullable=False),
    Column("number_sequence", BigInteger, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("account_code", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("end_time", UtcTime, nullable=False),
    Column("issue_time", UtcTime, nullable=False),
    Column("currency", Text, nullable=False),
    Column("usage_micros", BigInteger, nullable=False),
    Column("net_micros", BigInteger, nullable=False),
    Column("tax_micros", BigInteger, nullable=False),
    Column("tax_display_name", Text, nullable=False),
    Column("tax_basis_points", Integer, nullable=False),
    # Who issued it and to whom, as of the day of issue. The recipient is sealed with a key of the
    # document, not of the customer: the law wants issued documents kept after an erasure.
    Column("issuer_name", Text, nullable=False),
    Column("issuer_address", Text, nullable=False),
    Column("issuer_tax_number", Text, nullable=False),
    Column("recipient_external_id", Text, nullable=False),
    Column("recipient_name", Sealed, nullable=False),
    Column("recipient_address", Sealed, nullable=False),
    # The InvoiceIssued event that told of it.
    Column("issued_partition", Integer, nullable=False),
    Column("issued_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "invoice_id"),
    UniqueConstraint("tenant_id", "legal_entity_id", "number_year", "number_sequence"),
    Index("invoice_by_issue", "tenant_id", "issue_time", "invoice_id"),
    Index("invoice_by_account", "tenant_id", "account_id", "issue_time", "invoice_id"),
)

invoice_line = Table(
    "invoice_line",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("usage_line", Text, nullable=False),
    Column("charge_count", BigInteger, nullable=False),
    Column("charged_duration_ms", BigInteger, nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("correction", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "invoice_id", "position"),
)

# Which part of which payment or write-off settled which invoice; what was paid of it, or given up,
# is the sum of the rows of the kind. What takes one back has a row of its own, below zero.
payment_allocation = Table(
    "payment_allocation",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    # The payment, or the adjustment of the ledger.
    Column("payment_id", Text, nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("settle_time", UtcTime, nullable=False),
    Column("source_partition", Integer, nullable=False),
    Column("source_sequence", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("tenant_id", "invoice_id", "payment_id"),
)
