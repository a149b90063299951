"""What an exchange rate must satisfy before it is kept."""

from kernel.money import minor_unit_decimals
from services.rating.domain.errors import invalid_field
from services.rating.domain.naming import check_display_name
from services.rating.domain.tariffs.exchange import ExchangeRate, rate_fraction


def check_exchange_rate(rate: ExchangeRate) -> None:
    """Refuse a rate that nobody can mean.

    Raises:
        DomainError: UNKNOWN_CURRENCY, INVALID_EXCHANGE_RATE, INVALID_NAME.
    """
    minor_unit_decimals(rate.from_currency)
    minor_unit_decimals(rate.to_currency)
    if rate.from_currency == rate.to_currency:
        problem = f"{rate.to_currency} is worth 1 {rate.to_currency}; name two currencies"
        raise invalid_field("INVALID_EXCHANGE_RATE", "to_currency_code", problem)
    rate_fraction("rate", rate.rate_text)
    check_display_name("source", rate.source)
