"""Nothing that names a person lies in the clear anywhere in the database."""

from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from chassis.database.engine import Database
from kernel.ids import new_uuid
from tests.conformance.invoice.office import NOON, OCTOBER, Office
from tests.conformance.invoice.rating_book import Rated
from tollbook.invoice.v1 import customer_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.type.v1.personal_text_pb2 import PersonalText

NAME, STREET, MAIL = "Grace Brewster Hopper", "Arlington Ridge 7", "amazing.grace@example.com"


def creation() -> pb.CreateCustomerRequest:
    """A request to create a customer whom one can look for."""
    customer = customer_pb2.Customer(
        external_id="CRM-7",
        display_name=PersonalText(text=NAME),
        address=PersonalText(text=f"{STREET}\nVirginia"),
        email=PersonalText(text=MAIL),
        country_code="US",
    )
    return pb.CreateCustomerRequest(customer=customer, request_id=new_uuid())


async def everything_stored(database: Database) -> bytes:
    """All that the database keeps: the whole file of SQLite, or each row of PostgreSQL."""
    if database.dialect == "sqlite":
        with closing(database.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file = Path(str(database.url.database))
        return b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    return await database.read(_every_row)


def _every_row(connection: Connection) -> bytes:
    stored = b""
    for table in inspect(connection).get_table_names():
        for (row,) in connection.execute(text(f'SELECT each::text FROM "{table}" each')):
            stored += row.encode()
    return stored


def found_in(stored: bytes) -> list[str]:
    """The texts that can be read in it; PostgreSQL shows bytes in hexadecimal."""
    told = (NAME, STREET, MAIL)
    return [
        each for each in told if each.encode() in stored or each.encode().hex().encode() in stored
    ]


async def test_no_name_lies_in_the_clear_before_or_after_an_erasure(office: Office) -> None:
    """Not in tables, answers kept for repetition, events, or what was written and overwritten."""
    entity = await office.found()
    customer = (await office.call(office.customers.CreateCustomer, creation())).customer
    account = await office.account(entity, customer)
    await office.rate(Rated(account.account_id, NOON, OCTOBER, 100_000, "a"))
    await office.close(account.account_id)
    stored = await everything_stored(office.database)
    assert b"CRM-7" in stored
    assert found_in(stored) == []
    erasure = pb.EraseCustomerRequest(customer_id=customer.customer_id)
    await office.call(office.customers.EraseCustomer, erasure)
    assert found_in(await everything_stored(office.database)) == []


async def test_a_repeated_creation_is_answered_in_full_until_the_erasure(office: Office) -> None:
    """The first answer again, filled in from the sealed columns; afterwards it says 'erased'."""
    request = creation()
    first = await office.call(office.customers.CreateCustomer, request)
    assert await office.call(office.customers.CreateCustomer, request) == first
    assert first.customer.display_name.text == NAME
    erasure = pb.EraseCustomerRequest(customer_id=first.customer.customer_id)
    await office.call(office.customers.EraseCustomer, erasure)
    again = (await office.call(office.customers.CreateCustomer, request)).customer
    assert (again.customer_id, again.display_name.erased) == (first.customer.customer_id, True)
    assert again.display_name.text == ""
