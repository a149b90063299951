"""What the descriptors of requests forbid is refused before a handler sees it."""

from functools import partial

import pytest

from chassis.grpc.validation import check_request
from kernel.errors import DomainError
from tests.support.refusals import refusal_reason
from tollbook.invoice.v1 import invoice_service_pb2 as pb


@pytest.mark.parametrize("state", [-1, 5, 70_000])
def test_a_number_that_an_enumeration_does_not_have_is_refused(state: int) -> None:
    """It would reach columns and lists that know no such kind; 0 and the named ones pass."""
    with pytest.raises(DomainError, match="state is") as refusal:
        check_request(pb.ListBillingPeriodsRequest(state=state))  # type: ignore[arg-type]
    assert refusal.value.reason == "INVALID_REQUEST"


def test_the_numbers_of_an_enumeration_pass() -> None:
    """Unset included: what must be set says so by its behaviour."""
    requests = [pb.ListBillingPeriodsRequest(state=state) for state in range(5)]  # type: ignore[arg-type]
    assert [refusal_reason(partial(check_request, request)) for request in requests] == [""] * 5
