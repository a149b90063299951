"""Lets a call in: who is calling, may it use this method, and for which tenant."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

from chassis.grpc.contracts import methods_of, package_of, read_table
from chassis.security import errors
from chassis.security.caller import Caller, enter_call

AUTHORIZATION = "authorization"
BEARER = "Bearer "
TENANT = "tollbook-tenant"

HEALTH_SERVICE = "grpc.health.v1.Health"
REFLECTION_SERVICE = "grpc.reflection.v1alpha.ServerReflection"

_TENANT_ID = re.compile(r"[a-z0-9-]{1,32}")

Metadata = Mapping[str, str]
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Admit = Callable[[Metadata, Context], object]
VerifyToken = Callable[[str], Caller]
IdentifyPeer = Callable[[Mapping[str, Iterable[bytes]]], Caller | None]


class AccessTableError(Exception):
    """A served method has no rule beside its contract."""


@dataclass(frozen=True, slots=True)
class MethodAccess:
    """The rule of one method."""

    scope: str
    spans_tenants: bool


def access_rules(service_names: Iterable[str]) -> dict[str, MethodAccess]:
    """The rule of every method of these services.

    Raises AccessTableError for a method without one: no door is open because it was forgotten.
    """
    names = list(service_names)
    table = {
        method: MethodAccess(rule["scope"], rule["spans_tenants"])
        for package in {package_of(name) for name in names}
        for method, rule in read_table(package, "access")["methods"].items()
    }
    served = [method for name in names for method in methods_of(name)]
    missing = [method for method in served if method not in table]
    if missing:
        raise AccessTableError(
            f"no access rule for {', '.join(missing)}; add it to the access table of the contract"
        )
    return {method: table[method] for method in served}


class Access:
    """Lets in who may come in, and makes it the current caller.

    Health is open, because probes carry no credential. Reflection asks for any valid credential.
    """

    def __init__(
        self,
        rules: Mapping[str, MethodAccess],
        verify_token: VerifyToken,
        identify_peer: IdentifyPeer,
    ) -> None:
        self._rules = rules
        self._verify_token = verify_token
        self._identify_peer = identify_peer

    def check_of(self, method: str) -> Admit:
        """What lets a call of this method in, or raises."""
        service = method.partition("/")[0]
        if service == HEALTH_SERVICE:
            return _let_in
        if service == REFLECTION_SERVICE:
            return self._authenticate
        rule = self._rules[method]

        def admit(metadata: Metadata, context: Context) -> None:
            caller = self._authenticate(metadata, context)
            enter_call(admitted(caller, rule, metadata.get(TENANT)))

        return admit

    def _authenticate(self, metadata: Metadata, context: Context) -> Caller:
        authorization = metadata.get(AUTHORIZATION)
        if authorization is None:
            caller = self._identify_peer(context.auth_context())
            if caller is None:
                raise errors.credential_missing()
            return caller
        if not authorization.startswith(BEARER):
            raise errors.token_invalid("it is not of the form 'Bearer <token>'")
        return self._verify_token(authorization.removeprefix(BEARER))


def _let_in(_metadata: Metadata, _context: Context) -> None:
    """Ask nothing."""


def admitted(caller: Caller, rule: MethodAccess, named_tenant: str | None) -> Caller:
    """The caller, confined to the tenant that this call is about.

    Raises PERMISSION_DENIED SCOPE_MISSING, TENANT_MISMATCH, PLATFORM_CREDENTIAL_REQUIRED and
    INVALID_ARGUMENT TENANT_REQUIRED, TENANT_MALFORMED.
    """
    if rule.scope not in caller.scopes:
        raise errors.scope_missing(caller.subject, rule.scope)
    if not caller.is_platform:
        if rule.spans_tenants:
            raise errors.platform_credential_required(caller.subject)
        if named_tenant not in {None, caller.tenant_id}:
            raise errors.tenant_mismatch(caller.tenant_id, str(named_tenant))
        return caller
    if rule.spans_tenants:
        return caller
    if named_tenant is None:
        raise errors.tenant_required()
    if not _TENANT_ID.fullmatch(named_tenant):
        raise errors.tenant_malformed(named_tenant)
    return caller.acting_for(named_tenant)
