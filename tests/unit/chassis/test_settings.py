"""Settings have usable defaults, and a wrong one is named with what is allowed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from chassis.settings import Between, CommonSettings, SettingsError, read_settings


@dataclass(frozen=True)
class CollectorSettings:
    """A service's own settings."""

    spool_dir: Path = Path("spool")
    batch_size: Annotated[int, "Records in a batch.", Between(1, 5_000)] = 1_000
    is_eager: bool = False
    formats: tuple[str, ...] = ("csv",)


def test_an_empty_environment_is_enough() -> None:
    """A newcomer sets nothing."""
    assert read_settings(CommonSettings, {}) == CommonSettings()
    assert read_settings(CollectorSettings, {"BATCH_SIZE": ""}) == CollectorSettings()


def test_each_setting_is_read_by_its_name_in_capitals() -> None:
    """As text, number, choice, path and list."""
    environment = {
        "SPOOL_DIR": "/var/spool/cdr",
        "BATCH_SIZE": "50",
        "IS_EAGER": "Yes",
        "FORMATS": "csv, json",
    }
    expected = CollectorSettings(Path("/var/spool/cdr"), 50, True, ("csv", "json"))
    assert read_settings(CollectorSettings, environment) == expected


def test_every_wrong_setting_is_named_with_what_is_allowed() -> None:
    """All at once, so that a deployment is mended in one go."""
    environment = {
        "LOG_LEVEL": "LOUD",
        "TRACE_SAMPLE_PERCENT": "101",
        "NATS_STREAM_REPLICAS": "three",
        "MIGRATE_AT_START": "maybe",
    }
    with pytest.raises(SettingsError) as caught:
        read_settings(CommonSettings, environment)
    for part in (
        "LOG_LEVEL='LOUD': expected one of DEBUG, INFO, WARNING, ERROR",
        "TRACE_SAMPLE_PERCENT='101': expected a whole number from 0 to 100",
        "NATS_STREAM_REPLICAS='three': expected a whole number from 1 to 5",
        "MIGRATE_AT_START='maybe': expected true or false",
    ):
        assert part in str(caught.value)


def test_a_service_is_found_by_its_own_address_or_by_the_pattern() -> None:
    """On a laptop each has its port, in a cluster all have their name."""
    settings = read_settings(CommonSettings, {"RATING_ADDRESS": "127.0.0.1:7001"})
    assert settings.address_of("rating") == "127.0.0.1:7001"
    assert settings.address_of("payment") == "dns:///payment:50051"


def test_a_service_without_a_database_url_has_a_file_of_its_own() -> None:
    """The embedded default."""
    assert CommonSettings().database_url_of("cdr") == "sqlite:///data/cdr.sqlite3"
    given = CommonSettings(database_url="postgresql://db/cdr")
    assert given.database_url_of("cdr") == "postgresql://db/cdr"
