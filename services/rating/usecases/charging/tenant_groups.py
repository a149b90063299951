"""Group commit for each tenant by itself: one transaction, or one request to payment, is of one."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from chassis.database.engine import DATABASE_ERRORS
from chassis.group_commit import GroupCommit, together_or_alone
from services.rating.domain.charging.offline import FundsUnavailableError

Item = TypeVar("Item")
Result = TypeVar("Result")

# What is nobody's fault: each by itself would fail as well.
_PASSING_ERRORS = (*DATABASE_ERRORS, FundsUnavailableError)


class TenantGroups(Generic[Item, Result]):
    """Works on what concurrent callers ask of one tenant, a batch at a time.

    An item that makes its batch fail fails alone: the others are worked on without it.
    """

    def __init__(
        self,
        work: Callable[[str, Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        batch_max: int,
        apart_seconds: float = 0.0,
    ) -> None:
        """`work` answers a tenant's batch, in its order; an error is its item's alone.

        If it fails, nothing of the batch is kept. A tenant's batches begin at least
        `apart_seconds` apart.
        """
        self._work = work
        self._batch_max = batch_max
        self._apart_seconds = apart_seconds
        self._groups: dict[str, GroupCommit[Item, Result | Exception]] = {}

    async def do(self, tenant_id: str, item: Item) -> Result:
        """Have an item worked on, together with what else waits; raises its error."""
        group = self._groups.get(tenant_id)
        if group is None:
            group = GroupCommit(
                partial(self._together, tenant_id), self._batch_max, self._apart_seconds
            )
            self._groups[tenant_id] = group
        result = await group.do(item)
        if isinstance(result, Exception):
            raise result
        return result

    async def _together(
        self, tenant_id: str, items: Sequence[Item]
    ) -> Sequence[Result | Exception]:
        return await together_or_alone(partial(self._work, tenant_id), items, _PASSING_ERRORS)
