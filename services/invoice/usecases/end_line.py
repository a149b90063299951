"""The end of a line: the identifier is free for another account."""

from dataclasses import replace
from datetime import datetime

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.account import Line
from services.invoice.domain.errors import not_found
from services.invoice.domain.validity import Validity
from services.invoice.store import lines
from services.invoice.usecases import announce
from services.invoice.usecases.free_time import check_line_is_free
from services.invoice.usecases.load import load_account


def end_line(uow: UnitOfWork, tenant_id: str, line_id: str, end: datetime) -> Line:
    """Take the identifier back at a time. Raises LINE_NOT_FOUND, INVALID_FIELDS, LINE_OVERLAPS."""
    found = lines.find_line(uow.connection, tenant_id, line_id)
    if found is None:
        raise not_found("line", line_id)
    line = replace(found, validity=Validity(found.validity.start, end))
    check_line_is_free(uow, tenant_id, line)
    lines.update_end(uow.connection, tenant_id, line)
    account = load_account(uow.connection, tenant_id, line.account_id)
    announce.line_changed(uow, tenant_id, line, account.payer_account_id)
    return line
