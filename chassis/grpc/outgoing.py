"""What goes along with a call to another service: token, tenant, trace and a shorter deadline."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import grpc

from chassis.grpc import errors
from chassis.grpc.access import AUTHORIZATION, BEARER, TENANT
from chassis.grpc.running_call import remaining_seconds
from chassis.security.caller import caller_if_any
from chassis.security.service_token import ServiceToken
from chassis.telemetry.names import TRACEPARENT
from chassis.telemetry.tracing import current_traceparent

# Kept back from the caller's deadline, for the answer to travel and to be passed on.
RETURN_SECONDS = 0.02

Entry = tuple[str, str | bytes]

_tenant: ContextVar[str | None] = ContextVar("acting_for", default=None)


@contextmanager
def acting_for(tenant_id: str) -> Iterator[None]:
    """Name the tenant of the calls made inside, as background work has to.

    While an RPC of a tenant is being answered, its calls are for that tenant without this.
    """
    token = _tenant.set(tenant_id)
    try:
        yield
    finally:
        _tenant.reset(token)


def prepared(
    details: grpc.aio.ClientCallDetails, service: str, token: ServiceToken
) -> grpc.aio.ClientCallDetails:
    """The call with everything that goes along. Raises DEADLINE_EXCEEDED when no time is left."""
    return grpc.aio.ClientCallDetails(
        method=details.method,
        timeout=shortened_timeout(details.timeout, service),
        metadata=completed_metadata(details.metadata, token),
        credentials=details.credentials,
        wait_for_ready=details.wait_for_ready,
    )


def shortened_timeout(timeout: float | None, service: str) -> float | None:
    """The time for this call; the contract's own timeout is added by the channel.

    Raises DEADLINE_EXCEEDED when no time is left.
    """
    remaining = remaining_seconds()
    if remaining is None:
        return timeout
    available = remaining - RETURN_SECONDS
    if available <= 0:
        raise errors.deadline_exceeded(f"no time was left to ask {service}")
    return available if timeout is None else min(timeout, available)


def completed_metadata(given: Iterable[Entry] | None, token: ServiceToken) -> grpc.aio.Metadata:
    """The metadata with token, tenant and trace; what the caller gave wins."""
    entries = list(given or ())
    given_keys = {key for key, _ in entries}
    bearer = token.current()
    ours = (
        (AUTHORIZATION, None if bearer is None else BEARER + bearer),
        (TENANT, _acting_tenant()),
        (TRACEPARENT, current_traceparent()),
    )
    entries += [(key, value) for key, value in ours if value and key not in given_keys]
    return grpc.aio.Metadata(*entries)


def _acting_tenant() -> str | None:
    named = _tenant.get()
    if named is not None:
        return named
    caller = caller_if_any()
    return None if caller is None or caller.is_platform else caller.tenant_id
