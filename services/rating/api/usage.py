"""UsageService: charges usage and fees that no call record brings, and gives charges back."""

from typing import Any

from google.rpc.status_pb2 import Status

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.errors import to_status
from chassis.grpc.validation import check_request
from chassis.security.caller import Caller
from kernel.e164 import NumberPlan
from kernel.errors import DomainError
from services.rating.api.convert_charges import charge_key, charge_to_proto
from services.rating.api.moments import rated_period, rated_time
from services.rating.api.numbers import callee_from_proto, number_from_proto
from services.rating.domain.charges.charge import OWN_KEY_KINDS, ChargeRevision, Party
from services.rating.domain.errors import invalid_field
from services.rating.domain.quantity import USAGE_QUANTITY_MAX
from services.rating.domain.usage import Service
from services.rating.usecases.settling.charge_fee import OneOffFee, RentedNumber, charge_fee
from services.rating.usecases.settling.charge_usage import UsageRecord, charge_usage, charge_usages
from services.rating.usecases.settling.refund_charge import refund_charge
from services.rating.usecases.tariffs import Tariffs
from tollbook.rating.v1 import usage_service_pb2 as messages
from tollbook.rating.v1.usage_service_pb2_grpc import UsageServiceServicer

USAGES_MAX = 1_000
KEY_CHARACTERS_MAX = 255
REVISION_MAX = 2**31 - 1


class UsageApi(UsageServiceServicer):
    """Charges usage of the caller's tenant."""

    def __init__(self, endpoint: Endpoint, tariffs: Tariffs, numbers: NumberPlan) -> None:
        self._endpoint = endpoint
        self._tariffs = tariffs
        self._numbers = numbers

    async def ChargeUsage(
        self, request: messages.ChargeUsageRequest, context: Any
    ) -> messages.ChargeUsageResponse:
        """Charge one use once for its key."""
        record = self._record(request.usage)

        def work(uow: UnitOfWork, caller: Caller) -> messages.ChargeUsageResponse:
            charge = charge_usage(uow, self._tariffs, caller.tenant_id, record)
            return messages.ChargeUsageResponse(charge=charge_to_proto(charge))

        return await self._endpoint.mutate(request, messages.ChargeUsageResponse, work)

    async def ChargeUsages(
        self, request: messages.ChargeUsagesRequest, context: Any
    ) -> messages.ChargeUsagesResponse:
        """Charge a batch, each use with a result of its own."""
        if not 1 <= len(request.usages) <= USAGES_MAX:
            problem = f"{len(request.usages)} uses; send 1 to {USAGES_MAX} at a time"
            raise invalid_field("BATCH_TOO_LARGE", "usages", problem)
        read = [self._read(usage) for usage in request.usages]
        records = [each for each in read if isinstance(each, UsageRecord)]

        def work(uow: UnitOfWork, caller: Caller) -> messages.ChargeUsagesResponse:
            charged = iter(charge_usages(uow, self._tariffs, caller.tenant_id, records))
            results = [next(charged) if isinstance(each, UsageRecord) else each for each in read]
            return messages.ChargeUsagesResponse(results=map(_result, results))

        return await self._endpoint.mutate(request, messages.ChargeUsagesResponse, work)

    async def ChargeFee(
        self, request: messages.ChargeFeeRequest, context: Any
    ) -> messages.ChargeFeeResponse:
        """Charge a one-off fee or the rent of a number, once for its id."""
        fee = self._fee(request)

        def work(uow: UnitOfWork, caller: Caller) -> messages.ChargeFeeResponse:
            charge = charge_fee(uow, self._tariffs, caller.tenant_id, fee)
            return messages.ChargeFeeResponse(charge=charge_to_proto(charge))

        return await self._endpoint.mutate(request, messages.ChargeFeeResponse, work)

    async def RefundCharge(
        self, request: messages.RefundChargeRequest, context: Any
    ) -> messages.RefundChargeResponse:
        """Give a charge back whole, and with it those of other parties."""
        key = charge_key(request.charge_id)
        parties = {_party(number) for number in request.other_parties}

        def work(uow: UnitOfWork, caller: Caller) -> messages.RefundChargeResponse:
            charges = refund_charge(uow, self._tariffs, caller.tenant_id, key, parties)
            named, *others = map(charge_to_proto, charges)
            return messages.RefundChargeResponse(charge=named, other_charges=others)

        return await self._endpoint.mutate(
            request, messages.RefundChargeResponse, work, validate_only=request.validate_only
        )

    def _read(self, usage: messages.UsageRecord) -> UsageRecord | DomainError:
        try:
            check_request(usage)
            return self._record(usage)
        except DomainError as error:
            return error

    def _record(self, usage: messages.UsageRecord) -> UsageRecord:
        """A use whose fields make sense. Raises INVALID_USAGE, INVALID_NUMBER."""
        _check_key("usage.usage_key", usage.usage_key.value)
        if usage.usage_key.kind in OWN_KEY_KINDS:
            problem = "name the kind of your own id, CALL_KEY_KIND_OTHER if it is no switch's"
            raise invalid_field("INVALID_USAGE", "usage.usage_key.kind", problem)
        if not 0 <= usage.quantity <= USAGE_QUANTITY_MAX:
            problem = f"{usage.quantity} is not between 0 and {USAGE_QUANTITY_MAX}"
            raise invalid_field("INVALID_USAGE", "usage.quantity", problem)
        if usage.revision > REVISION_MAX:
            problem = f"{usage.revision} is more than {REVISION_MAX}"
            raise invalid_field("INVALID_USAGE", "usage.revision", problem)
        if usage.service in {0, Service.DID_RENTAL}:
            problem = "name VOICE, SMS or DATA; numbers are charged with ChargeFee"
            raise invalid_field("INVALID_USAGE", "usage.service", problem)
        caller = usage.caller and number_from_proto(usage.caller, self._numbers)
        return UsageRecord(
            key_kind=usage.usage_key.kind,
            key=usage.usage_key.value,
            revision=usage.revision,
            account_id=usage.account_id,
            service=Service(usage.service),
            quantity=usage.quantity,
            caller=caller.digits if caller else "",
            callee=callee_from_proto(usage.callee, Service(usage.service), self._numbers),
            start_time=rated_time("usage.start_time", usage.start_time),
        )

    def _fee(self, request: messages.ChargeFeeRequest) -> OneOffFee | RentedNumber:
        _check_key("fee_id", request.fee_id)
        match request.WhichOneof("fee"):
            case "fee_code":
                due_time = rated_time("due_time", request.due_time)
                return OneOffFee(request.fee_id, request.account_id, request.fee_code, due_time)
            case "did":
                number = number_from_proto(request.did, self._numbers)
                covered = rated_period("covered_period", request.covered_period)
                return RentedNumber(request.fee_id, request.account_id, number.digits, covered)
            case _:
                raise invalid_field("INVALID_USAGE", "fee", "name a fee_code or a did")


def _party(number: int) -> Party:
    if number not in list(Party):
        names = ", ".join(party.name for party in Party)
        raise invalid_field("INVALID_PARTY", "other_parties", f"{number} is none of {names}")
    return Party(number)


def _check_key(field: str, value: str) -> None:
    if not 1 <= len(value) <= KEY_CHARACTERS_MAX:
        problem = f"{len(value)} characters; an id has 1 to {KEY_CHARACTERS_MAX}"
        raise invalid_field("INVALID_USAGE", field, problem)


def _result(result: ChargeRevision | DomainError) -> messages.ChargeUsageResult:
    if isinstance(result, DomainError):
        error: Status = to_status(result, "rating")
        return messages.ChargeUsageResult(error=error)
    return messages.ChargeUsageResult(charge=charge_to_proto(result))
