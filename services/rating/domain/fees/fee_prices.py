"""What fees cost: of subscriptions, for something once, and for rented numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

from kernel.e164 import NumberKind
from kernel.money import NANOS_PER_MICRO
from services.rating.domain.account import Customer
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.errors import NO_PLAN, unrated
from services.rating.domain.exact import Ratio
from services.rating.domain.fees.recurring_fee import DayShare
from services.rating.domain.plans.conditions import CallFacts, Jurisdiction, Relation
from services.rating.domain.plans.plan import Fee
from services.rating.domain.priced_call import Usage
from services.rating.domain.pricing.call_receipt import deck_fields, plan_fields
from services.rating.domain.pricing.conversions import Conversions, NoExchangeError
from services.rating.domain.pricing.rate_search import RateSearch
from services.rating.domain.receipts.receipt import (
    DID_RENTAL,
    ONE_OFF_FEE,
    RECURRING_FEE,
    exact_text,
    of_kind,
)
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms
from services.rating.domain.usage import Service


class PricedFee(NamedTuple):
    """What a fee costs."""

    currency: str
    amount_micros: int
    receipt: bytes
    usage_line: str = ""
    prefix: str = ""


class FeeTerms(NamedTuple):
    """What prices a fee: the terms of its plan and the exchange rates, both at one instant."""

    terms: Terms
    account_id: str
    currency: str
    """Of the account."""
    tariff: Tariff
    instant_micros: int

    @classmethod
    def of(cls, customer: Customer, terms: Terms, tariff: Tariff, instant_micros: int) -> Self:
        """The terms that price fees of a customer."""
        account = customer.account
        return cls(terms, account.account_id, account.currency, tariff, instant_micros)

    def priced(
        self, kind: str, exact: Ratio, from_currency: str, shown: dict[str, Any]
    ) -> PricedFee:
        """An exact amount exchanged and rounded once, with its receipt: NO_EXCHANGE_RATE."""
        plan_currency, revision = self.terms.currency, self.terms.revision
        conversions = Conversions(self.tariff.exchange, self.instant_micros)
        try:
            exact = conversions.convert(exact, from_currency, plan_currency)
            exact = conversions.convert(exact, plan_currency, self.currency)
        except NoExchangeError as error:
            what = f"the fee of account {self.account_id!r}"
            raise error.of(what, account_id=self.account_id, plan_id=revision.plan_id) from None
        amount = revision.price_rule.round_micros(*exact)
        exchanges = conversions.shown()
        fields = {
            **plan_fields(revision, plan_currency, self.currency),
            **shown,
            **({"exchanges": exchanges} if exchanges else {}),
            "exact_micros": exact_text(exact),
            "amount_micros": amount,
        }
        return PricedFee(self.currency, amount, of_kind(kind, self.currency, fields))


def recurring_fee(by: FeeTerms, share: DayShare) -> PricedFee:
    """The monthly fee of a plan, in proportion to days: NO_EXCHANGE_RATE."""
    return _by_the_month(by, by.terms.revision.monthly_fee_micros, share)


def resold_fee(by: FeeTerms, plan_id: str, share: DayShare) -> PricedFee | None:
    """What a subscription to a plan costs the reseller above it: NO_EXCHANGE_RATE."""
    for resold in by.terms.revision.resold_plans:
        if resold.plan_id == plan_id:
            return _by_the_month(by, resold.monthly_fee_micros, share)
    return None


def _by_the_month(by: FeeTerms, fee: int, share: DayShare) -> PricedFee:
    exact = fee * share.covered_days, share.period_days
    shown = {"monthly_fee_micros": fee, **share._asdict()}
    return by.priced(RECURRING_FEE, exact, by.terms.currency, shown)


def one_off_fee(by: FeeTerms, fee: Fee) -> PricedFee:
    """A fee of a plan that is charged once: NO_EXCHANGE_RATE."""
    shown = {"fee_code": fee.code, "fee_micros": fee.amount_micros}
    price = by.priced(ONE_OFF_FEE, (fee.amount_micros, 1), by.terms.currency, shown)
    return price._replace(usage_line=fee.display_name)


class DidRental(NamedTuple):
    """A number that is rented: its E.164 digits, for how many days, at whose beginning's prices."""

    number: str
    share: DayShare
    instant_micros: int


def did_rental(
    rental: DidRental,
    customer: Customer,
    tariff: Tariff,
    table_of: Callable[[str], PrefixTable],
) -> PricedFee:
    """The rent of a number, in proportion to days, by the decks at its instant.

    Raises:
        DomainError: NO_PLAN, NO_RATE, RATE_NOT_YET_VALID, NO_EXCHANGE_RATE.
    """
    search = RateSearch(_usage(rental), customer, tariff, table_of)
    terms = search.terms_at(rental.instant_micros)
    if terms is None:
        raise unrated(NO_PLAN, account_id=customer.account.account_id)
    return _rent(rental, FeeTerms.of(customer, terms, tariff, rental.instant_micros), search)


def resold_did_rental(
    rental: DidRental,
    reseller: Customer,
    tariff: Tariff,
    table_of: Callable[[str], PrefixTable],
) -> PricedFee | None:
    """What a rented number costs the reseller above; None where it has no decks of numbers.

    Raises:
        DomainError: NO_RATE, RATE_NOT_YET_VALID, NO_EXCHANGE_RATE.
    """
    search = RateSearch(_usage(rental), reseller, tariff, table_of)
    terms = search.terms_at(rental.instant_micros)
    if terms is None or (search.first(terms) is None and not search.has_asked):
        return None
    return _rent(rental, FeeTerms.of(reseller, terms, tariff, rental.instant_micros), search)


def _rent(rental: DidRental, by: FeeTerms, search: RateSearch) -> PricedFee:
    first, share = search.first(by.terms), rental.share
    if first is None:
        raise unrated(search.why_none(), account_id=by.account_id, number=rental.number)
    found, rate = first.found, first.found.rate
    exact = rate.price_nanos * share.covered_days, share.period_days * NANOS_PER_MICRO
    shown = {**deck_fields(found, by.terms.currency), **share._asdict()}
    price = by.priced(DID_RENTAL, exact, found.version.currency, shown)
    return price._replace(usage_line=rate.destination, prefix=rate.prefix)


def _usage(rental: DidRental) -> Usage:
    instant = rental.instant_micros
    facts = CallFacts(
        Service.DID_RENTAL, "", rental.number, Relation.OFF_NET, Jurisdiction.INDETERMINATE
    )
    return Usage(Service.DID_RENTAL, instant, instant, 0, 1, True, NumberKind.E164, facts)
