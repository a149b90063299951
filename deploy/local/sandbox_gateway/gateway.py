"""The sandbox gateway: does what it is asked for, once for each idempotency key."""

import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from deploy.local.sandbox_gateway import intents
from deploy.local.sandbox_gateway.faults import Fault, Faults
from deploy.local.sandbox_gateway.intents import Intent
from deploy.local.sandbox_gateway.methods import Method, find_method
from deploy.local.sandbox_gateway.refusals import ApiError, Json, missing, other_parameters
from deploy.local.sandbox_gateway.store import SavedAnswer, Store

PROCESSING_SECONDS = 5
DECLINED = 402
SERVER_ERROR = ApiError(500, "api_error", "", "An unknown error occurred")
MISSING_CUSTOMER = "cus_missing"


class Request(NamedTuple):
    """What somebody asks for: of which intent or customer, with which parameters."""

    operation: str
    target: str = ""
    parameters: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    idempotency_key: str = ""

    @property
    def text(self) -> str:
        """All of it that a repetition must have in common."""
        return f"{self.operation} {self.target} {sorted(self.parameters.items())}"


class Answer(NamedTuple):
    """What is answered, and whether it is the answer to an earlier request with the key."""

    status: int
    body: Json
    is_replayed: bool = False


class SandboxGateway:
    """Intents and payment methods of every account; an account is what an API key opens."""

    def __init__(
        self,
        store: Store,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
        processing_seconds: int = PROCESSING_SECONDS,
    ) -> None:
        self.faults = faults or Faults()
        self._store = store
        self._clock = clock
        self._processing_seconds = processing_seconds
        self._seen: set[str] = set()

    def fault_of(self, account: str, request: Request) -> Fault | None:
        """What goes wrong with a request: by plan, by chance, or as the method's name says."""
        fault = self.faults.next_of(request.operation)
        if fault is not None or request.operation != "confirm" or request.target in self._seen:
            return fault
        self._seen.add(request.target)
        intent = self._store.intent(account, request.target)
        method = intent and self._method_of(intent)
        return method.fault if method else None

    def answer(self, account: str, request: Request, fault: Fault | None = None) -> Answer:
        """Do what is asked, and keep the answer for the key with the effect; ApiError."""
        now = int(self._clock())
        key = request.idempotency_key
        with self._store.transaction():
            saved = self._store.saved_answer(account, key, now) if key else None
            if saved is not None:
                return _replay(saved, request)
            if fault is Fault.SAVED_ERROR:
                answer = Answer(SERVER_ERROR.status, SERVER_ERROR.body)
            else:
                answer = self._do(account, request, now)
            if key:
                to_save = SavedAnswer(request.text, answer.status, answer.body)
                self._store.save_answer(account, key, to_save, now)
        return answer

    def behave(self, reference: str, like: str | None) -> None:
        """Let a payment method behave like another from now on, or be gone (None)."""
        with self._store.transaction():
            self._store.set_behaviour(reference, like)

    def taken(self) -> dict[str, dict[str, int]]:
        """What was taken in all, by account and currency, in Stripe's units."""
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for account, intent in self._store.intents():
            if intent.amount_received:
                sums[account][intent.currency] += intent.amount_received
        return {account: dict(by_currency) for account, by_currency in sums.items()}

    def intents(self) -> list[Json]:
        """Every intent there is, with its account, the oldest first."""
        return [
            {"account": account, **intents.as_answered(intent)}
            for account, intent in self._store.intents()
        ]

    def _do(self, account: str, request: Request, now: int) -> Answer:
        if request.operation == "method":
            return Answer(200, self._describe(request))
        if request.operation == "create":
            intent = intents.create(f"pi_{uuid.uuid4().hex}", now, request.parameters)
            self._find_method(intent.customer, intent.payment_method or "")
        else:
            intent = self._changed(self._find(account, request.target, now), request, now)
        self._store.keep_intent(account, intent)
        body: dict[str, Any] = intents.as_answered(intent)
        if request.operation == "confirm" and intent.last_payment_error:
            return Answer(
                DECLINED, {"error": {**intent.last_payment_error, "payment_intent": body}}
            )
        return Answer(200, body)

    def _changed(self, intent: Intent, request: Request, now: int) -> Intent:
        if request.operation == "cancel":
            return intents.cancel(intent)
        if request.operation == "confirm":
            settle_time = now + self._processing_seconds
            return intents.confirm(intent, self._method_of(intent), settle_time)
        return intent

    def _find(self, account: str, id_: str, now: int) -> Intent:
        intent = self._store.intent(account, id_)
        if intent is None:
            raise missing("payment_intent", id_)
        return intents.look_at(intent, self._method_of(intent), now)

    def _method_of(self, intent: Intent) -> Method | None:
        behaves_like = self._store.behaviour(intent.payment_method or "")
        return find_method(behaves_like) if behaves_like else None

    def _find_method(self, customer: str, reference: str) -> Method:
        if not customer.startswith("cus_") or customer == MISSING_CUSTOMER:
            raise missing("customer", customer)
        behaves_like = self._store.behaviour(reference)
        method = find_method(behaves_like) if behaves_like else None
        if method is None:
            raise missing("PaymentMethod", reference)
        return method

    def _describe(self, request: Request) -> Json:
        reference = request.parameters["method"]
        method = self._find_method(request.target, reference)
        details: Json = {"last4": method.last4}
        if method.kind == "card":
            details |= {"brand": method.brand, "exp_month": 12, "exp_year": 2034}
        return {
            "id": reference,
            "object": "payment_method",
            "customer": request.target,
            "type": method.kind,
            method.kind: details,
        }


def _replay(saved: SavedAnswer, request: Request) -> Answer:
    if saved.request != request.text:
        raise other_parameters(request.idempotency_key)
    return Answer(saved.status, saved.body, is_replayed=True)
