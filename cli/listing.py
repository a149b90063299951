"""Lists that come a page at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

PAGE_SIZE = 500


async def pages(list_page: Callable[[Any], Awaitable[Any]], request: Any) -> AsyncIterator[Any]:
    """Every page of a list, the first as `request` asks for it."""
    request.page_size = PAGE_SIZE
    while True:
        page = await list_page(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
