"""Group commit for each tenant by itself: one transaction, or one request to payment, is of one."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from chassis.group_commit import GroupCommit
from kernel.errors import DomainError

Item = TypeVar("Item")
Result = TypeVar("Result")


class TenantGroups(Generic[Item, Result]):
    """Works on what concurrent callers ask of one tenant, a batch at a time."""

    def __init__(
        self,
        work: Callable[[str, Sequence[Item]], Awaitable[Sequence[Result | DomainError]]],
        batch_max: int,
        apart_seconds: float = 0.0,
    ) -> None:
        """`work` answers a tenant's batch, in its order; an error is its item's alone.

        A tenant's batches begin at least `apart_seconds` apart.
        """
        self._work = work
        self._batch_max = batch_max
        self._apart_seconds = apart_seconds
        self._groups: dict[str, GroupCommit[Item, Result | DomainError]] = {}

    async def do(self, tenant_id: str, item: Item) -> Result:
        """Have an item worked on, together with what else waits; raises its error."""
        group = self._groups.get(tenant_id)
        if group is None:
            group = GroupCommit(
                partial(self._work, tenant_id), self._batch_max, self._apart_seconds
            )
            self._groups[tenant_id] = group
        result = await group.do(item)
        if isinstance(result, DomainError):
            raise result
        return result
