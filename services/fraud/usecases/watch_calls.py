"""Holds settled calls against the tenant's rules."""

from collections.abc import Callable, Mapping, Sequence

from chassis.database.unit_of_work import UnitOfWork
from services.fraud.domain.calls import Calls, Correction, Flags, corrections
from services.fraud.domain.rule import STEPS_PER_WINDOW, FraudRule
from services.fraud.domain.window import empty_step, find_broken, first_settlements
from services.fraud.store.accounts import lock_accounts
from services.fraud.store.rules import lock_enabled_rules
from services.fraud.store.windows import (
    StepKey,
    Steps,
    find_suspects,
    load_span,
    load_steps,
    save_steps,
)
from services.fraud.usecases.raise_alert import raise_alert


def watch_calls(uow: UnitOfWork, tenant_id: str, read: Callable[[], Calls]) -> None:
    """Count charge revisions into the windows of every rule; raise what is broken.

    `read` gives the calls, and is not asked for a tenant that has no rule.
    """
    rules = lock_enabled_rules(uow.connection, tenant_id)
    if not rules:
        return
    calls = read()
    if not len(calls):
        return
    admitted = calls.unpardoned(lock_accounts(uow.connection, tenant_id, calls.accounts))
    changed = _count(uow, tenant_id, rules, calls, admitted)
    save_steps(uow.connection, tenant_id, changed, uow.now)
    currencies = calls.currency_of_accounts()
    for rule in rules:
        numbers = _numbers_by_account(rule, changed)
        if numbers:
            _raise_broken(uow, tenant_id, rule, numbers, currencies)


def _count(
    uow: UnitOfWork, tenant_id: str, rules: Sequence[FraudRule], calls: Calls, admitted: Flags
) -> Steps:
    """Count the calls and return the steps that changed, as they are now."""
    added: Steps = {}
    corrected: list[tuple[StepKey, Correction]] = []
    for rule in rules:
        rule_id = rule.fraud_rule_id
        for (account_id, number), step in first_settlements(rule, calls, admitted).items():
            added[rule_id, account_id, number] = step
        corrected += [
            ((rule_id, one.account_id, one.step), one) for one in corrections(rule, calls, admitted)
        ]
    steps = load_steps(uow.connection, tenant_id, {*added, *(key for key, _ in corrected)})
    for key, more in added.items():
        steps.setdefault(key, empty_step()).add(more)
    # A call may be settled and corrected in one batch.
    changed = {key for key, one in corrected if steps.setdefault(key, empty_step()).correct(one)}
    return {key: steps[key] for key in changed.union(added)}


def _numbers_by_account(rule: FraudRule, changed: Steps) -> dict[str, set[int]]:
    numbers: dict[str, set[int]] = {}
    for rule_id, account_id, number in changed:
        if rule_id == rule.fraud_rule_id:
            numbers.setdefault(account_id, set()).add(number)
    return numbers


def _raise_broken(
    uow: UnitOfWork,
    tenant_id: str,
    rule: FraudRule,
    changed: Mapping[str, set[int]],
    currencies: Mapping[str, str],
) -> None:
    numbers = set().union(*changed.values())
    # Every window that holds a changed step lies within.
    span = (min(numbers) - STEPS_PER_WINDOW + 1, max(numbers) + STEPS_PER_WINDOW - 1)
    suspects = find_suspects(uow.connection, tenant_id, rule, changed, span)
    for account_id in suspects:
        steps = load_span(uow.connection, tenant_id, rule.fraud_rule_id, account_id, span)
        for finding in find_broken(rule, steps, changed[account_id]):
            currency = currencies.get(account_id, "")
            raise_alert(uow, tenant_id, account_id, rule, finding, currency)
