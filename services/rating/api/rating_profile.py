"""RatingProfileService: keeps what holds for all rating of a tenant."""

from typing import Any

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.security.caller import Caller
from services.rating.store.rating_profiles import base_currency_of
from services.rating.usecases.catalog.choose_base_currency import choose_base_currency
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.tariff_service_pb2_grpc import RatingProfileServiceServicer


class RatingProfileApi(RatingProfileServiceServicer):
    """Keeps the settings of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def SetBaseCurrency(
        self, request: messages.SetBaseCurrencyRequest, context: Any
    ) -> messages.SetBaseCurrencyResponse:
        """Set the currency in which margins are counted."""
        currency = request.base_currency_code

        def work(uow: UnitOfWork, caller: Caller) -> messages.SetBaseCurrencyResponse:
            choose_base_currency(uow, caller.tenant_id, currency)
            return messages.SetBaseCurrencyResponse(rating_profile=_profile(currency))

        return await self._endpoint.mutate(request, messages.SetBaseCurrencyResponse, work)

    async def GetRatingProfile(
        self, request: messages.GetRatingProfileRequest, context: Any
    ) -> messages.GetRatingProfileResponse:
        """Return the tenant's settings."""
        currency = await self._endpoint.query(
            lambda connection, caller: base_currency_of(connection, caller.tenant_id)
        )
        return messages.GetRatingProfileResponse(rating_profile=_profile(currency))


def _profile(currency: str) -> messages.RatingProfile:
    return messages.RatingProfile(base_currency_code=currency)
