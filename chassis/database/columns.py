"""Column types that every service stores its values in."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from kernel.clock import from_micros, to_micros


class UtcTime(TypeDecorator[datetime]):
    """An instant, stored as whole microseconds since 1970-01-01 UTC on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return what the database stores."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return what the program reads."""
        return None if value is None else from_micros(value)


class Key16(TypeDecorator[bytes]):
    """A 16-byte time-ordered key (see kernel.ids.time_key)."""

    impl = LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Refuse a key of any other length: it would never be found again."""
        if value is not None and len(value) != 16:
            raise ValueError(f"a key has 16 bytes, not {len(value)}")
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """Return bytes whatever buffer type the driver hands out."""
        return None if value is None else bytes(value)
