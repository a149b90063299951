"""Putting a draft version of a deck into force from a time on."""

from datetime import datetime

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.errors import not_after_previous, not_found, precondition
from services.rating.store.decks import (
    StoredVersion,
    latest_effective_time,
    set_effective_time,
    version_of,
)
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from services.rating.store.tariff_numbers import count_tariff, lock_tariff


def publish_rate_deck_version(
    uow: UnitOfWork, tenant_id: str, rate_deck_version_id: str, effective_time: datetime | None
) -> StoredVersion:
    """Publish a version; calls that start earlier keep their price, unrated ones are tried again.

    Raises:
        DomainError: RATE_DECK_VERSION_NOT_FOUND, ALREADY_PUBLISHED,
            EFFECTIVE_TIME_NOT_AFTER_PREVIOUS.
    """
    connection = uow.connection
    lock_tariff(connection, tenant_id)
    version = version_of(connection, tenant_id, rate_deck_version_id)
    if version is None:
        raise not_found("RATE_DECK_VERSION", rate_deck_version_id)
    if version.effective_time is not None:
        raise precondition(
            "ALREADY_PUBLISHED",
            f"version {version.version} is in force from {version.effective_time.isoformat()}; "
            "import the rates again as a new version to change that",
            rate_deck_version_id=rate_deck_version_id,
        )
    moment = effective_time or uow.now
    previous = latest_effective_time(connection, tenant_id, version.rate_deck_id)
    if previous is not None and moment <= previous:
        raise not_after_previous("the version", moment.isoformat(), previous.isoformat())
    set_effective_time(connection, tenant_id, rate_deck_version_id, moment)
    count_tariff(connection, tenant_id)
    ask_retry(connection, tenant_id, ALL_ACCOUNTS)
    return version._replace(effective_time=moment)
