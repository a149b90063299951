"""Posts usage: one balanced entry for each paying account of a batch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.account import Account
from services.payment.domain.hash_chain import Chain
from services.payment.domain.ledger import JournalEntry
from services.payment.domain.posting_rules import Cause, usage_entries
from services.payment.store.accounts import accounts_of
from services.payment.store.journal import append_entries
from services.payment.usecases.announce_balances import announce_balances


def post_usage(
    unit_of_work: UnitOfWork, tenant_id: str, usage: Mapping[str, Iterable[Money]], cause: Cause
) -> None:
    """Post what each paying account has used; negative amounts take usage back.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH, NOT_A_PAYER. The event then stays whole:
            accounts are announced before their usage, so that each of these is somebody's mistake.
    """
    accounts = accounts_of(unit_of_work.connection, tenant_id, usage)
    entries: dict[Chain, list[JournalEntry]] = defaultdict(list)
    changed: list[Account] = []
    for account_id, amounts in sorted(usage.items()):
        account = accounts[account_id]
        account.require_payer()
        posted = [entry for amount in amounts for entry in usage_entries(account, amount, cause)]
        if posted:
            entries[account.chain] += posted
            changed.append(account)
    for chain, chain_entries in entries.items():
        append_entries(unit_of_work, chain, chain_entries)
    announce_balances(unit_of_work, changed)
