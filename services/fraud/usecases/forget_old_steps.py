"""Drops the steps of windows that nothing was added to for long."""

from datetime import timedelta

from chassis.database.unit_of_work import UnitOfWork
from services.fraud.store.windows import drop_steps

# Twice the longest window. By the time of arrival, so that old files are watched like live calls.
STEP_KEPT = timedelta(hours=48)


def forget_old_steps(uow: UnitOfWork) -> int:
    """Drop some old steps and return how many; 0 when none is left."""
    return drop_steps(uow.connection, uow.now - STEP_KEPT)
