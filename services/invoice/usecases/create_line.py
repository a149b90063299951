"""A new line: an identifier belongs to an account from now on."""

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.account import Line
from services.invoice.domain.errors import exists
from services.invoice.store import lines
from services.invoice.usecases import announce
from services.invoice.usecases.free_time import check_line_is_free
from services.invoice.usecases.load import load_account


def create_line(uow: UnitOfWork, tenant_id: str, line: Line) -> Line:
    """Give an identifier to an account. Raises ACCOUNT_NOT_FOUND, LINE_EXISTS, LINE_OVERLAPS."""
    account = load_account(uow.connection, tenant_id, line.account_id)
    check_line_is_free(uow, tenant_id, line)
    if not lines.insert_line(uow.connection, tenant_id, line):
        raise exists("line", line.line_id)
    announce.line_changed(uow, tenant_id, line, account.payer_account_id)
    return line
