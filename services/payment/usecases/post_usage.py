"""Posts usage: one balanced entry for each paying account of a batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.account import Account
from services.payment.domain.hash_chain import Chain
from services.payment.domain.ledger import JournalEntry
from services.payment.domain.posting_rules import Cause, usage_entries
from services.payment.domain.promotion import Promotion
from services.payment.domain.spending import after_debit, split_debit
from services.payment.store.accounts import accounts_of
from services.payment.store.journal import append_to_chains, take_turns
from services.payment.store.promotions import promotions_of, spend_promotions
from services.payment.usecases.announce_balances import announce_balances


def post_usage(
    unit_of_work: UnitOfWork, tenant_id: str, usage: Mapping[str, Sequence[Money]], cause: Cause
) -> None:
    """Post what each paying account has used; negative amounts take usage back.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH, NOT_A_PAYER. The event then stays whole:
            accounts are announced before their usage, so that each of these is somebody's mistake.
    """
    connection = unit_of_work.connection
    accounts = accounts_of(connection, tenant_id, usage)
    for account in accounts.values():
        account.require_payer()
    take_turns(connection, {account.chain.partition for account in accounts.values()})
    posting = _Posting(promotions_of(connection, tenant_id, accounts))
    for account_id, amounts in sorted(usage.items()):
        posting.add(accounts[account_id], amounts, cause)
    append_to_chains(unit_of_work, posting.entries)
    spend_promotions(connection, tenant_id, posting.paid_by_promotions)
    announce_balances(unit_of_work, posting.accounts, posting.spent)


class _Posting:
    """What a batch of usage comes to."""

    def __init__(self, promotions: Mapping[str, Sequence[Promotion]]) -> None:
        self._promotions = promotions
        self.entries: dict[Chain, list[JournalEntry]] = {}
        self.accounts: list[Account] = []
        self.spent: dict[str, int] = {}
        self.paid_by_promotions: dict[str, int] = {}

    def add(self, account: Account, amounts: Iterable[Money], cause: Cause) -> None:
        """Add what one account has used."""
        entries = list(self._entries(account, amounts, cause))
        if not entries:
            return
        self.entries.setdefault(account.chain, []).extend(entries)
        self.accounts.append(account)
        self.spent[account.account_id] = sum(amount.micros for amount in amounts)

    def _entries(
        self, account: Account, amounts: Iterable[Money], cause: Cause
    ) -> Iterator[JournalEntry]:
        open_promotions = tuple(self._promotions.get(account.account_id, ()))
        for amount in amounts:
            paid = split_debit(amount.micros, open_promotions)
            yield from usage_entries(account, amount, cause, sum(paid.values()))
            open_promotions = after_debit(open_promotions, paid)
            for promotion_id, micros in paid.items():
                before = self.paid_by_promotions.get(promotion_id, 0)
                self.paid_by_promotions[promotion_id] = before + micros
