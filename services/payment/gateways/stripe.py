"""Payment instruments and debits at Stripe, by PaymentIntents.

An intent is created first and confirmed by its reference, so that no repetition can take money
twice: an intent succeeds once only, and can be asked for at any time.
"""

import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import aiohttp
import stripe

from services.payment.domain.collections.gateway import (
    Debit,
    DebitRefused,
    GatewayUnavailable,
    InstrumentDetails,
    Settlement,
    SettlementState,
)
from services.payment.domain.collections.gateway_errors import (
    gateway_not_configured,
    unknown_instrument,
)
from services.payment.gateways.gateway_keys import GatewayKeys
from services.payment.gateways.stripe_amounts import from_stripe_amount, to_stripe_amount
from services.payment.gateways.stripe_answers import (
    Refused,
    SavedFailure,
    failure_of,
    instrument_of,
    raise_told,
)

GATEWAY = "stripe"
REQUEST_SECONDS_MAX = 10
# Stripe keeps the answer to an idempotency key for a day, also where it was its own failure.
KEYS_OF_A_DEBIT_MAX = 10

T = TypeVar("T")


class StripeGateway:
    """Stripe for all tenants: each has a key, and with it an account there, of its own."""

    def __init__(
        self, keys_dir: Path | None, api_url: str, request_seconds_max: int = REQUEST_SECONDS_MAX
    ) -> None:
        # At lower levels it logs answers whole, with the names and addresses of payers.
        logging.getLogger("stripe").setLevel(logging.WARNING)
        stripe.enable_telemetry = False
        self._keys = GatewayKeys(keys_dir, GATEWAY)
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=request_seconds_max))
        # Each request names its tenant's key.
        client = stripe.StripeClient(
            "",
            base_addresses={"api": api_url.rstrip("/")},
            http_client=self._http,
            max_network_retries=0,
        )
        self._methods = client.v1.customers.payment_methods
        self._intents = client.v1.payment_intents

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def describe(
        self, tenant_id: str, customer_reference: str, method_reference: str
    ) -> InstrumentDetails:
        """What is known of a payment method that is attached to a customer.

        Raises:
            DomainError: GATEWAY_NOT_CONFIGURED, UNKNOWN_INSTRUMENT or UNSUPPORTED_INSTRUMENT.
            GatewayUnavailable: nothing is known; ask again.
        """
        key = self._keys.find(tenant_id)
        if key is None:
            raise gateway_not_configured(GATEWAY, tenant_id)
        asked = self._methods.retrieve_async(
            customer_reference, method_reference, options={"api_key": key}
        )
        try:
            return instrument_of(await _answer(asked))
        except Refused:
            raise unknown_instrument(customer_reference, method_reference) from None

    async def prepare(self, debit: Debit) -> str:
        """The reference of a debit that takes no money yet; the same however often it is asked.

        Raises:
            DebitRefused: it can never be taken.
            GatewayUnavailable: nothing is known; ask again.
        """
        amount = to_stripe_amount(debit.amount)
        if amount is None:
            raise DebitRefused("amount_not_supported")
        for number in range(KEYS_OF_A_DEBIT_MAX):
            try:
                return await self._create(debit, amount, f"{debit.collection_id}-{number}")
            except SavedFailure:
                # All replicas go through the keys in this order, so they find the same intent.
                continue
            except Refused as refusal:
                raise DebitRefused(refusal.failure.code) from None
        raise GatewayUnavailable(f"{GATEWAY} has failed to prepare {debit.collection_id} too often")

    async def settle(self, tenant_id: str, reference: str) -> Settlement:
        """Take the money of a prepared debit, or tell what has become of it; safe to repeat.

        DECLINED is final at Stripe too: the intent is cancelled before it is answered, so that
        nobody can complete it later.

        Raises:
            GatewayUnavailable: nothing is known; ask again.
        """
        key = self._key(tenant_id)
        intent = await self._retrieve(key, reference)
        refused = None
        if intent.status == "requires_confirmation":
            intent, refused = await self._confirm(key, reference)
        match intent.status:
            case "succeeded":
                received = from_stripe_amount(intent.amount_received, intent.currency)
                return Settlement(SettlementState.SUCCEEDED, received)
            case "processing":
                return Settlement(SettlementState.PENDING)
            case "canceled":
                failure = failure_of(intent, refused)
            case _:
                # It waits for somebody: another card, an authentication. Nobody is there.
                failure = failure_of(intent, refused)
                await self._cancel(key, reference)
        return Settlement(
            SettlementState.DECLINED, failure_code=failure.code, may_retry=failure.may_retry
        )

    async def _create(self, debit: Debit, amount: int, idempotency_key: str) -> str:
        asked = self._intents.create_async(
            {
                "amount": amount,
                "currency": debit.amount.currency.lower(),
                "customer": debit.customer_reference,
                "payment_method": debit.method_reference,
                "description": debit.description,
                "metadata": {"tenant_id": debit.tenant_id, "collection_id": debit.collection_id},
                # Only what needs no page that its owner would have to visit.
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            },
            {"api_key": self._key(debit.tenant_id), "idempotency_key": idempotency_key},
        )
        return (await _answer(asked)).id

    async def _retrieve(self, key: str, reference: str) -> stripe.PaymentIntent:
        try:
            return await _answer(self._intents.retrieve_async(reference, options={"api_key": key}))
        except Refused as refusal:
            # Another account's key, perhaps: whether money has moved is not known.
            raise GatewayUnavailable(
                f"{GATEWAY} does not know {reference} by the tenant's key: {refusal}"
            ) from None

    async def _confirm(
        self, key: str, reference: str
    ) -> tuple[stripe.PaymentIntent, Refused | None]:
        asked = self._intents.confirm_async(reference, {"off_session": True}, {"api_key": key})
        try:
            return await _answer(asked), None
        except Refused as refusal:
            # Declined, or confirmed by another replica just before: the intent tells.
            return await self._retrieve(key, reference), refusal

    async def _cancel(self, key: str, reference: str) -> None:
        try:
            await _answer(self._intents.cancel_async(reference, options={"api_key": key}))
        except Refused:
            raise GatewayUnavailable(f"{reference} has changed meanwhile") from None

    def _key(self, tenant_id: str) -> str:
        key = self._keys.find(tenant_id)
        if key is None:
            raise GatewayUnavailable(f"tenant {tenant_id!r} has no key for {GATEWAY}")
        return key


async def _answer(asked: Awaitable[T]) -> T:
    """What Stripe answers; Refused, SavedFailure or GatewayUnavailable."""
    try:
        return await asked
    # The client lets through what breaks while an answer is read.
    except (stripe.StripeError, aiohttp.ClientError, TimeoutError) as error:
        raise_told(error)
