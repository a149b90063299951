"""Who is calling: the subject, the tenant it acts for and what it may do."""

from contextvars import ContextVar
from dataclasses import dataclass

# The tenant of a platform credential, which belongs to the installation and not to one tenant.
ALL_TENANTS = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller."""

    subject: str
    tenant_id: str
    scopes: frozenset[str]

    @property
    def is_platform(self) -> bool:
        """Whether the credential belongs to the installation and may act for any tenant."""
        return self.tenant_id == ALL_TENANTS

    def acting_for(self, tenant_id: str) -> "Caller":
        """The same caller, confined to one tenant."""
        return Caller(self.subject, tenant_id, self.scopes)


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current_caller() -> Caller:
    """The caller of the RPC being answered. Outside an RPC there is none, and asking is a bug."""
    caller = _caller.get()
    if caller is None:
        raise LookupError("current_caller() was asked outside an authenticated RPC")
    return caller


def caller_if_any() -> Caller | None:
    """The caller of the RPC being answered, or None outside one."""
    return _caller.get()


def enter_call(caller: Caller) -> None:
    """Make this the caller for the rest of the RPC's task, which ends with the RPC."""
    _caller.set(caller)
