"""The price list of the sample operator: the world's prefixes, in three currencies."""

import csv
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# The columns of the files that we write, as rating has to be told.
COLUMNS = ("Prefix", "Destination", "Price per minute", "Connect fee", "First", "Next", "Minimum")

TEN_THOUSANDTHS_PER_UNIT = 10_000
PERCENT = 100
# What a unit of each currency costs in ten-thousandths of itself for one euro.
_PER_EURO = {"EUR": 10_000, "GBP": 8_600, "USD": 10_800}
# One in this many ranges of a mobile network has a price of its own.
_OPERATOR_RANGE_EVERY = 3
_SPECIAL_SERVICES_FACTOR = 4
_SPECIAL_SERVICES_PREFIXES = ("900", "800")
_WORLD_FILE = Path(__file__).parent / "world.csv"


@dataclass(frozen=True, slots=True)
class Country:
    """One row of the world: a country code, its price levels and how its numbers begin."""

    code: str
    name: str
    fixed_price: int
    mobile_price: int
    mobile_prefixes: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PricedPrefix:
    """A prefix with its price in ten-thousandths of a euro a minute."""

    prefix: str
    destination: str
    price: int
    country_code: str
    is_special: bool = False


@cache
def countries() -> tuple[Country, ...]:
    """The countries of the world file."""
    with _WORLD_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(_country(row) for row in csv.DictReader(file, delimiter=";"))


@cache
def priced_prefixes() -> tuple[PricedPrefix, ...]:
    """Every prefix once, in order."""
    found: dict[str, PricedPrefix] = {}
    for country in countries():
        for priced in _prefixes_of(country):
            found.setdefault(priced.prefix, priced)
    return tuple(found[prefix] for prefix in sorted(found))


def deck_file(currency: str, price_percent: int) -> bytes:
    """The deck in one currency at a price level, as a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for priced in priced_prefixes():
        price = _converted(priced.price * price_percent, PERCENT, currency)
        connect_fee = "0.0500" if priced.is_special else "0"
        first, following = (60, 60) if priced.is_special else (1, 1)
        writer.writerow(
            [priced.prefix, priced.destination, _text(price), connect_fee, first, following, 0]
        )
    return text.getvalue().encode()


def _country(row: dict[str, str]) -> Country:
    cities = (city.partition(" ") for city in row["cities"].split("|") if city)
    return Country(
        code=row["code"],
        name=row["country"],
        fixed_price=_ten_thousandths(row["fixed"]),
        mobile_price=_ten_thousandths(row["mobile"]),
        mobile_prefixes=tuple(row["mobile_prefixes"].split()),
        cities=tuple((area, name) for area, _, name in cities),
    )


def _prefixes_of(country: Country) -> Iterator[PricedPrefix]:
    code, fixed, mobile = country.code, country.fixed_price, country.mobile_price
    yield PricedPrefix(code, country.name, fixed, code)
    for area, city in country.cities:
        # Cities are cheaper than the country around them.
        price = max(1, fixed - fixed // 10)
        yield PricedPrefix(code + area, f"{country.name} {city}", price, code)
    for prefix in country.mobile_prefixes:
        name = f"{country.name} Mobile"
        yield PricedPrefix(code + prefix, name, mobile, code)
        for digit in "0123456789":
            own = _operator_price(code + prefix + digit, mobile)
            if own is not None:
                yield PricedPrefix(code + prefix + digit, name, own, code)
    if country.mobile_prefixes:
        special = mobile * _SPECIAL_SERVICES_FACTOR
        name = f"{country.name} Special Services"
        for prefix in _SPECIAL_SERVICES_PREFIXES:
            yield PricedPrefix(code + prefix, name, special, code, is_special=True)


def _operator_price(prefix: str, price: int) -> int | None:
    """The price of a smaller operator's range, up to a quarter above; None when there is none."""
    number = zlib.crc32(prefix.encode())
    if number % _OPERATOR_RANGE_EVERY:
        return None
    return price + price * (number % 26) // PERCENT + 1


def _converted(numerator: int, denominator: int, currency: str) -> int:
    """An amount of ten-thousandths of a euro in another currency, rounded up to its next one."""
    return -(-numerator * _PER_EURO[currency] // (denominator * TEN_THOUSANDTHS_PER_UNIT))


def _ten_thousandths(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * TEN_THOUSANDTHS_PER_UNIT + int(fraction.ljust(4, "0"))


def _text(ten_thousandths: int) -> str:
    whole, fraction = divmod(ten_thousandths, TEN_THOUSANDTHS_PER_UNIT)
    return f"{whole}.{fraction:04d}"
