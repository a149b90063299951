"""Runs `tollbook` so that it dies, as by kill -9, at one exact step between two others.

python -m tests.chaos.crash_points after-commit-before-publish serve rating
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from chassis.bus.broker import Broker
from chassis.bus.consumer import Consumer
from cli.main import main
from services.payment.gateways.stripe import StripeGateway

# The step dies at this time it is reached, so that the work before it is under way.
DEADLY_TIME = 2


class _Bomb:
    """Ends the process when it has been reached often enough."""

    def __init__(self) -> None:
        self._reached = 0

    def tick(self) -> None:
        self._reached += 1
        if self._reached == DEADLY_TIME:
            os.kill(os.getpid(), signal.SIGKILL)


def _die_before(step: Callable[..., Any]) -> Callable[..., Any]:
    bomb = _Bomb()

    async def die_or_go_on(*arguments: Any, **options: Any) -> Any:
        bomb.tick()
        return await step(*arguments, **options)

    return die_or_go_on


def _die_after(step: Callable[..., Any]) -> Callable[..., Any]:
    bomb = _Bomb()

    async def go_on_and_die(*arguments: Any, **options: Any) -> Any:
        result = await step(*arguments, **options)
        bomb.tick()
        return result

    return go_on_and_die


def _arm(point: str) -> None:
    if point == "after-commit-before-publish":
        Broker.publish_in_order = _die_before(Broker.publish_in_order)  # type: ignore[method-assign]
    elif point == "after-effect-before-acknowledgement":
        # The place in the stream commits with the effect; the broker is told by reading on.
        Consumer._apply = _die_after(Consumer._apply)  # type: ignore[method-assign]
    elif point == "after-prepare-before-reference":
        StripeGateway.prepare = _die_after(StripeGateway.prepare)  # type: ignore[method-assign]
    elif point == "after-debit-before-posting":
        StripeGateway.settle = _die_after(StripeGateway.settle)  # type: ignore[method-assign]
    else:
        raise SystemExit(f"no crash point is called {point!r}")


if __name__ == "__main__":
    _arm(sys.argv.pop(1))
    main()
