"""ExchangeRateService: manages exchange rates."""

from typing import Any

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.errors import to_status
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.errors import DomainError
from kernel.money import minor_unit_decimals
from services.rating.api.convert_tariff import exchange_rate_from_proto, exchange_rate_to_proto
from services.rating.domain.errors import invalid_field
from services.rating.domain.tariffs.exchange import ExchangeRate
from services.rating.store.exchange_rates import RateKey, StoredRate, key_of, list_exchange_rates
from services.rating.usecases.catalog.add_exchange_rates import add_exchange_rates
from tollbook.rating.v1 import exchange_rate_pb2
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.tariff_service_pb2_grpc import ExchangeRateServiceServicer

RATES_PER_REQUEST_MAX = 1_000


class ExchangeRateApi(ExchangeRateServiceServicer):
    """Manages the exchange rates of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def AddExchangeRates(
        self, request: messages.AddExchangeRatesRequest, context: Any
    ) -> messages.AddExchangeRatesResponse:
        """Add rates, each for itself."""
        count = len(request.exchange_rates)
        if not 1 <= count <= RATES_PER_REQUEST_MAX:
            problem = f"{count} rates; send 1 to {RATES_PER_REQUEST_MAX} at once"
            raise invalid_field("INVALID_EXCHANGE_RATES", "exchange_rates", problem)
        rates = [_read(message) for message in request.exchange_rates]

        def work(uow: UnitOfWork, caller: Caller) -> messages.AddExchangeRatesResponse:
            added = add_exchange_rates(uow, caller.tenant_id, rates)
            return messages.AddExchangeRatesResponse(results=[_result(each) for each in added])

        return await self._endpoint.mutate(
            request, messages.AddExchangeRatesResponse, work, validate_only=request.validate_only
        )

    async def ListExchangeRates(
        self, request: messages.ListExchangeRatesRequest, context: Any
    ) -> messages.ListExchangeRatesResponse:
        """List rates by pair, each pair's newest first."""
        size = page_size(request.page_size)
        position = decode_token(request.page_token)
        after = RateKey(*position) if position else None
        pair = request.from_currency_code, request.to_currency_code
        for currency in filter(None, pair):
            minor_unit_decimals(currency)
        rates = await self._endpoint.query(
            lambda connection, caller: list_exchange_rates(
                connection, caller.tenant_id, pair, after, size + 1
            )
        )
        return messages.ListExchangeRatesResponse(
            exchange_rates=[exchange_rate_to_proto(each) for each in rates[:size]],
            next_page_token=token_after(rates, size, lambda each: key_of(each.rate)),
        )


def _read(message: exchange_rate_pb2.ExchangeRate) -> ExchangeRate | DomainError:
    try:
        return exchange_rate_from_proto(message)
    except DomainError as error:
        return error


def _result(added: StoredRate | DomainError) -> messages.AddExchangeRateResult:
    if isinstance(added, DomainError):
        return messages.AddExchangeRateResult(error=to_status(added, "rating"))
    return messages.AddExchangeRateResult(exchange_rate=exchange_rate_to_proto(added))
