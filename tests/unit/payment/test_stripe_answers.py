"""What Stripe's errors mean: a definite no is told from a gateway that is busy."""

import pytest
import stripe

from services.payment.domain.collections.gateway import GatewayUnavailable
from services.payment.gateways.stripe_answers import BUSY, PASSING, Refused, raise_told


def refused_with(code: str, **more: str) -> stripe.InvalidRequestError:
    """An error that Stripe's client raises for a refusal with status 400."""
    body = {"error": {"type": "invalid_request_error", "code": code, **more}}
    return stripe.InvalidRequestError(  # type: ignore[no-untyped-call]
        "cus_anna is wrong", "customer", code, "", 400, body
    )


@pytest.mark.parametrize("code", sorted(BUSY))
def test_a_gateway_that_is_busy_refuses_nothing_whatever_status_it_says_so_with(code: str) -> None:
    """Otherwise a debit would be declined for good because two replicas met."""
    with pytest.raises(GatewayUnavailable, match=code):
        raise_told(refused_with(code))


ADVICE = {
    "a code that time heals": ("insufficient_funds", "", True),
    "against which the issuer advises": ("insufficient_funds", "do_not_try_again", False),
    "a code that time does not heal": ("stolen_card", "", False),
    "which the issuer would try again": ("generic_decline", "try_again_later", True),
    "for which the card has to be looked at": ("generic_decline", "confirm_card_data", False),
}


@pytest.mark.parametrize(("decline_code", "advice", "may_retry"), ADVICE.values(), ids=ADVICE)
def test_the_issuers_advice_outweighs_the_code(
    decline_code: str, advice: str, may_retry: bool
) -> None:
    """It knows the card; the code is one of many that mean the same."""
    error = refused_with("card_declined", decline_code=decline_code, advice_code=advice)
    with pytest.raises(Refused) as refusal:
        raise_told(error)
    assert refusal.value.failure == (decline_code, may_retry)


def test_nothing_that_time_heals_is_a_matter_of_the_card() -> None:
    """Asking a card again that is lost, stolen or expired is what networks fine."""
    final = {"expired_card", "lost_card", "stolen_card", "pickup_card", "fraudulent"}
    assert PASSING.isdisjoint(final)
