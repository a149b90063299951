"""Posts usage: one balanced entry for each paying account of a batch."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.funds.promoted_usage import ChargeChange, PromotedUsage
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import JournalEntry
from services.payment.domain.ledger.hash_chain import Chain
from services.payment.domain.ledger.posting_rules import Cause, usage_entries
from services.payment.store.accounts import accounts_of
from services.payment.store.journal import append_to_chains, take_turns
from services.payment.store.promotion_payments import (
    insert_promotion_payments,
    promotion_payments_of,
)
from services.payment.store.promotions import ever_granted, promotions_of, spend_promotions
from services.payment.usecases.balances.announce_balances import announce_balances

# The charges that make up the usage of some accounts, in their order.
ChangesOf = Callable[[Collection[str]], Mapping[str, Sequence[ChargeChange]]]


def post_usage(
    unit_of_work: UnitOfWork,
    tenant_id: str,
    usage: Mapping[str, Sequence[Money]],
    changes_of: ChangesOf,
    cause: Cause,
) -> None:
    """Post what each paying account has used; negative amounts take usage back.

    Only of accounts that were ever given promotional credit is it looked at charge by charge.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH, NOT_A_PAYER. The event then stays whole:
            accounts are announced before their usage, so that each of these is somebody's mistake.
    """
    connection = unit_of_work.connection
    accounts = accounts_of(connection, tenant_id, usage)
    for account in accounts.values():
        account.require_payer()
    take_turns(connection, {account.chain.partition for account in accounts.values()})
    posting = _Posting(_promoted(unit_of_work, tenant_id, usage, changes_of))
    for account_id, amounts in sorted(usage.items()):
        posting.add(accounts[account_id], amounts, cause)
    append_to_chains(unit_of_work, posting.entries)
    _store_promoted(connection, tenant_id, posting.promoted.values())
    announce_balances(unit_of_work, posting.accounts, posting.spent)


def _promoted(
    unit_of_work: UnitOfWork, tenant_id: str, account_ids: Collection[str], changes_of: ChangesOf
) -> dict[str, PromotedUsage]:
    """The usage of accounts that were ever given credit, with what credit pays and gets back."""
    connection = unit_of_work.connection
    granted = ever_granted(connection, tenant_id, account_ids)
    if not granted:
        return {}
    open_promotions = promotions_of(connection, tenant_id, granted)
    changes = changes_of(granted)
    returned = {account_id: _returned(changes[account_id]) for account_id in granted}
    paid = promotion_payments_of(connection, tenant_id, set().union(*returned.values()))
    return {
        account_id: PromotedUsage(
            open_promotions.get(account_id, ()),
            {charge_id: paid[charge_id] for charge_id in returned[account_id] & paid.keys()},
            unit_of_work.now,
        ).with_all(changes[account_id])
        for account_id in granted
    }


def _returned(changes: Iterable[ChargeChange]) -> set[bytes]:
    """The charges of which something is given back."""
    return {each.charge.charge_id for each in changes if each.micros < 0}


def _store_promoted(
    connection: Connection, tenant_id: str, promoted: Iterable[PromotedUsage]
) -> None:
    for usage in promoted:
        spend_promotions(connection, tenant_id, usage.spent_by_id)
        insert_promotion_payments(connection, tenant_id, usage.payments)


class _Posting:
    """What a batch of usage comes to."""

    def __init__(self, promoted: Mapping[str, PromotedUsage]) -> None:
        self.promoted = promoted
        self.entries: dict[Chain, list[JournalEntry]] = {}
        self.accounts: list[Account] = []
        self.spent: dict[str, int] = {}

    def add(self, account: Account, amounts: Iterable[Money], cause: Cause) -> None:
        """Add what one account has used; any currency but its own is refused."""
        entries = list(chain(*(self._entries(account, amount, cause) for amount in amounts)))
        if not entries:
            return
        self.entries.setdefault(account.chain, []).extend(entries)
        self.accounts.append(account)
        self.spent[account.account_id] = sum(amount.micros for amount in amounts)

    def _entries(self, account: Account, amount: Money, cause: Cause) -> Iterator[JournalEntry]:
        if (credit := self.promoted.get(account.account_id)) is None:
            return usage_entries(account, amount, cause)
        shares = credit.promotion_micros, credit.expired_micros
        return usage_entries(account, amount, cause, *shares)
