"""Runs `tollbook` so that it dies, as by kill -9, at one exact step between two others.

python -m tests.chaos.crash_points after-commit-before-publish serve rating
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from nats.aio.msg import Msg

from chassis.bus.broker import Broker
from cli.main import main

# The step dies at this time it is reached, so that the work before it is well under way.
DEADLY_TIME = 5


def _deadly(step: Callable[..., Any]) -> Callable[..., Any]:
    reached = 0

    async def die_or_go_on(*arguments: Any, **options: Any) -> Any:
        nonlocal reached
        reached += 1
        if reached == DEADLY_TIME:
            os.kill(os.getpid(), signal.SIGKILL)
        return await step(*arguments, **options)

    return die_or_go_on


def _arm(point: str) -> None:
    if point == "after-commit-before-publish":
        Broker.publish_in_order = _deadly(Broker.publish_in_order)  # type: ignore[method-assign]
    elif point == "after-effect-before-acknowledgement":
        Msg.ack = _deadly(Msg.ack)  # type: ignore[method-assign]
    else:
        raise SystemExit(f"no crash point is called {point!r}")


if __name__ == "__main__":
    _arm(sys.argv.pop(1))
    main()
