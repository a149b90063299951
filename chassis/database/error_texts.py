"""What errors of PostgreSQL may tell: logs must quote neither numbers nor names nor secrets."""

import psycopg
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

# SQLSTATE class 22, data exceptions: the message itself quotes the value that does not fit.
_DATA_EXCEPTION = "22"


def hide_values(error: BaseException) -> None:
    """Leave of an error of the driver what is wrong and where; details quote values of rows."""
    if isinstance(error, psycopg.Error):
        error.args = (_told(error),)


def hide_values_of_statement(context: ExceptionContext) -> None:
    """The same of an error that SQLAlchemy has wrapped, text and all."""
    hide_values(context.original_exception)
    wrapped = context.sqlalchemy_exception
    if isinstance(wrapped, DBAPIError):
        kind = type(context.original_exception)
        wrapped.args = (f"({kind.__module__}.{kind.__name__}) {context.original_exception}",)


def _told(error: psycopg.Error) -> str:
    if error.sqlstate is None:
        # Without a server: the connection is lost, or the driver itself does not take a value.
        is_about_value = isinstance(error, psycopg.DataError)
        return "a value that the driver does not take" if is_about_value else str(error)
    found = error.diag
    what = None if error.sqlstate.startswith(_DATA_EXCEPTION) else found.message_primary
    where = (found.table_name, found.column_name, found.constraint_name)
    return " ".join(part for part in (error.sqlstate, what, *where) if part)
