"""What is asked at once is worked on together; nobody pays for what another asked."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import OperationalError

from services.rating.domain.charging.offline import FundsUnavailableError
from services.rating.usecases.charging.tenant_groups import TenantGroups

AWAY = OperationalError("SELECT 1", None, Exception("the server is away"))


class _Doubling:
    """Doubles numbers, a batch at a time; some it cannot."""

    def __init__(self, errors: dict[int, Exception]) -> None:
        self.batches: list[list[int]] = []
        self._errors = errors

    async def work(self, tenant_id: str, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        for number in numbers:
            if number in self._errors:
                raise self._errors[number]
        return [2 * number for number in numbers]

    async def asked_at_once(self, *numbers: int) -> list[int | BaseException]:
        groups = TenantGroups(self.work, 10)
        asked = (groups.do("tenant", number) for number in numbers)
        return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_spoils_its_batch_fails_alone() -> None:
    """Its neighbours are worked on without it, in their order."""
    absurd = ValueError("13")
    doubling = _Doubling({13: absurd})
    assert await doubling.asked_at_once(1, 13, 2) == [2, absurd, 4]
    assert doubling.batches == [[1, 13, 2], [1], [13], [2]]


@pytest.mark.parametrize("error", [AWAY, FundsUnavailableError("payment is away")])
async def test_what_is_nobodys_fault_is_told_to_all_at_once(error: Exception) -> None:
    """Where the database or payment is away, asking for each again only takes longer."""
    doubling = _Doubling({13: error})
    assert await doubling.asked_at_once(1, 13, 2) == [error, error, error]
    assert doubling.batches == [[1, 13, 2]]
