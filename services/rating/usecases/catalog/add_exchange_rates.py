"""Adding exchange rates, each for itself."""

from collections.abc import Mapping, Sequence

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError, ErrorKind
from services.rating.domain.tariffs.exchange import ExchangeRate, rate_fraction
from services.rating.domain.tariffs.exchange_check import check_exchange_rate
from services.rating.store.exchange_rates import RateKey, StoredRate, add_rates, key_of, rates_of
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from services.rating.store.tariff_numbers import count_tariff, lock_tariff


def add_exchange_rates(
    uow: UnitOfWork, tenant_id: str, rates: Sequence[ExchangeRate | DomainError]
) -> list[StoredRate | DomainError]:
    """Add rates that are right and new; what became of each, in order.

    One that could not be read comes as its error. A rate is never changed: another one of the same
    pair and time is refused with EXCHANGE_RATE_EXISTS.
    """
    checked = [_checked(rate) for rate in rates]
    good = [rate for rate in checked if isinstance(rate, ExchangeRate)]
    lock_tariff(uow.connection, tenant_id)
    if add_rates(uow.connection, tenant_id, good, uow.now):
        count_tariff(uow.connection, tenant_id)
        ask_retry(uow.connection, tenant_id, ALL_ACCOUNTS)
    stored = rates_of(uow.connection, tenant_id, {key_of(rate) for rate in good})
    return [rate if isinstance(rate, DomainError) else _result(rate, stored) for rate in checked]


def _checked(rate: ExchangeRate | DomainError) -> ExchangeRate | DomainError:
    if isinstance(rate, ExchangeRate):
        try:
            check_exchange_rate(rate)
        except DomainError as error:
            return error
    return rate


def _result(rate: ExchangeRate, stored: Mapping[RateKey, StoredRate]) -> StoredRate | DomainError:
    known = stored[key_of(rate)]
    if rate_fraction("rate", rate.rate_text) == rate_fraction("rate", known.rate.rate_text):
        return known
    moment = rate.effective_time.isoformat()
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "EXCHANGE_RATE_EXISTS",
        f"from {rate.from_currency} to {rate.to_currency} at {moment} the rate is "
        f"{known.rate.rate_text}, not {rate.rate_text}; add another one with a later time",
        {"rate": known.rate.rate_text, "effective_time": moment},
    )
