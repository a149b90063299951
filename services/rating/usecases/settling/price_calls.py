"""Prices the calls of one transaction by what it sees of accounts, tariff, seals and counters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.account import Account, Customer
from services.rating.domain.bulk.call_batch import (
    CallBatch,
    CustomerKey,
    PricedCall,
    needed_counters,
    price_batch,
)
from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charges.settlement import InputKind, Offer, Outcome, settle
from services.rating.domain.charging.call_sessions import NO_SESSIONS
from services.rating.domain.counters import CounterBook, CounterKey, CounterUse
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.receipts.receipt import counter_uses
from services.rating.domain.tariffs.relation import NO_NUMBERS, NumberOwners
from services.rating.store.counters import lock_owners, read_counters, save_counters
from services.rating.store.line_numbers import number_owners
from services.rating.store.pricing_lock import share_pricing
from services.rating.usecases.agreements import Agreement
from services.rating.usecases.parties import supplier_customer
from services.rating.usecases.settling.booking import Booked, Bookings, counting_micros
from services.rating.usecases.tariffs import Tariffs


class _Asked(NamedTuple):
    """Calls to be priced, and what decides their prices beside the tariff."""

    calls: CallBatch
    customers: Mapping[CustomerKey, Customer]
    countings: Sequence[int]
    """In whose periods counters count each call."""
    owners: NumberOwners

    def select(self, places: Sequence[int]) -> _Asked:
        """The calls at some places."""
        countings = [self.countings[place] for place in places]
        return self._replace(calls=self.calls.select(places), countings=countings)


class CallPricing:
    """What prices the calls of a transaction. Its counters are saved once, at the end."""

    def __init__(self, uow: UnitOfWork, tariffs: Tariffs, tenant_id: str) -> None:
        share_pricing(uow.connection, tenant_id)
        self.uow = uow
        self.tenant_id = tenant_id
        self.bookings = Bookings(uow, tenant_id)
        self.tariff = tariffs.current(uow.connection, tenant_id)
        self.sessions = NO_SESSIONS
        self._tariffs = tariffs
        self._counters = CounterBook({})
        self._open: set[CounterKey] = set()
        self._locked: set[str] = set()

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts that are held."""
        return self.bookings.accounts

    def hold(self, account_ids: Collection[str]) -> None:
        """Read accounts; none of their periods is sealed before the transaction ends."""
        self.bookings.hold(account_ids)

    def price(
        self,
        calls: CallBatch,
        booked: Sequence[Booked],
        known: Sequence[ChargeRevision | None],
        kind: InputKind,
    ) -> list[PricedCall]:
        """The price of each call, in the order of the batch.

        `booked` are their periods, `known` the charges they have.

        What a charge took from counters is given back before its call is priced again, and taken
        again if the new price changes nothing.
        """
        countings = counting_micros(booked, calls.starts_micros)
        asked = _Asked(calls, self._customers(calls), countings, self._owners(calls))
        charged = {place: charge for place, charge in enumerate(known) if charge is not None}
        needed = needed_counters(calls, asked.customers, self.tariff, asked.countings)
        needed.update(*(_keys(_uses(charge)) for charge in charged.values()))
        self._open_counters(needed)
        if not charged or not needed:
            return self._price_batch(asked)
        # What was charged before comes first: it may take again what it gives back.
        prices = {
            place: self._price_again(asked.select([place]), charge, kind)
            for place, charge in charged.items()
        }
        new = [place for place in range(len(calls)) if place not in prices]
        prices.update(zip(new, self._price_batch(asked.select(new)), strict=True))
        return [prices[place] for place in range(len(calls))]

    def customer(self, account_id: str) -> Customer:
        """The customer of an account that is held, as its payer is."""
        payer_id = self.accounts[account_id].payer_account_id
        [customer] = self._known_customers([(account_id, payer_id)]).values()
        return customer

    def give_back(self, charge: ChargeRevision) -> None:
        """Return what a charge took from counters."""
        self.return_units(_uses(charge))

    def return_units(self, uses: Collection[CounterUse]) -> None:
        """Return what was taken from counters."""
        self._open_counters(_keys(uses))
        self._counters.give_back(uses)

    def with_payers(self, account_ids: Iterable[str]) -> set[CustomerKey]:
        """Those accounts that are known and held, each with its payer."""
        known = {each: self.accounts.get(each) for each in account_ids}
        return {(each, account.payer_account_id) for each, account in known.items() if account}

    def lock_owners(self, owner_ids: Collection[str]) -> None:
        """Keep others from the counters of some owners until the transaction ends."""
        missing = set(owner_ids) - self._locked
        if missing:
            lock_owners(self.uow.connection, self.tenant_id, missing)
            self._locked |= missing

    def agreements(self, account_ids: Iterable[str]) -> dict[str, Agreement]:
        """What accounts that are held have agreed on."""
        changes = {each: self.bookings.change_micros[each] for each in account_ids}
        return self._tariffs.agreements.of(self.uow.connection, self.tenant_id, changes)

    def save_counters(self) -> None:
        """Store the counters as they are now."""
        save_counters(self.uow.connection, self.tenant_id, self._counters.changed())

    def _price_again(self, call: _Asked, known: ChargeRevision, kind: InputKind) -> PricedCall:
        """Price one call that has a charge, with the counters as if it had none."""
        taken = _uses(known)
        self._counters.give_back(taken)
        [price] = self._price_batch(call)
        if settle(known.settled, _offer(price, call.calls, kind)) is None:
            self._counters.give_back(price.counter_uses)
            self._counters.apply(taken)
        return price

    def _price_batch(self, asked: _Asked) -> list[PricedCall]:
        calls, customers, countings, owners = asked
        return price_batch(
            calls, customers, self.tariff, self.table, self._counters, countings, owners
        )

    def table(self, rate_deck_version_id: str) -> PrefixTable:
        """The rows of a deck version."""
        return self._tariffs.table(self.uow.connection, self.tenant_id, rate_deck_version_id)

    def _open_counters(self, keys: Collection[CounterKey]) -> None:
        missing = set(keys) - self._open
        if missing:
            self.lock_owners({key.owner_account_id for key in missing})
            self._counters.add(read_counters(self.uow.connection, self.tenant_id, missing))
            self._open |= missing

    def _customers(self, calls: CallBatch) -> dict[CustomerKey, Customer]:
        """Whose calls they are; those of unknown accounts are left out."""
        suppliers, keys = set(), set()
        ids = zip(calls.account_ids, calls.payer_account_ids, calls.parties, strict=True)
        for account_id, payer_id, party in set(ids):
            if party == Party.SUPPLIER:
                suppliers.add(account_id)
            else:
                keys.add((account_id, payer_id))
        costs = {(each, each): supplier_customer(each, self.tariff) for each in suppliers}
        return {**self._known_customers(keys), **costs}

    def _known_customers(self, keys: Collection[CustomerKey]) -> dict[CustomerKey, Customer]:
        known = [key for key in keys if self.accounts.keys() >= set(key)]
        agreements = self.agreements(account_id for account_id, _ in known)
        return {
            (account_id, payer_id): Customer(
                self.accounts[account_id], self.accounts[payer_id], *agreements[account_id]
            )
            for account_id, payer_id in known
        }

    def _owners(self, calls: CallBatch) -> NumberOwners:
        """Whose the called numbers are, where a price may depend on it."""
        if not self.tariff.has_relations:
            return NO_NUMBERS
        return number_owners(self.uow.connection, self.tenant_id, calls.callees)


def offer_of(opening: ChargeRevision, kind: InputKind) -> Offer:
    """What a call would settle."""
    return Offer(
        Outcome(opening.outcome),
        opening.unrated_reason,
        opening.amount_micros,
        kind,
        opening.call_id,
        opening.call_revision,
    )


def _offer(price: PricedCall, call: CallBatch, kind: InputKind) -> Offer:
    [call_id], [call_revision] = call.call_ids, call.call_revisions
    return Offer(
        price.outcome, price.unrated_reason, price.amount_micros, kind, call_id, call_revision
    )


def _uses(charge: ChargeRevision) -> tuple[CounterUse, ...]:
    return counter_uses(charge.receipt) if charge.receipt else ()


def _keys(uses: Collection[CounterUse]) -> set[CounterKey]:
    return {use.key for use in uses}
