"""Books through the processes of `make run`: adjusted, exported, and checked without the suite."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from chassis.security.signing import SigningKey
from kernel.errors import DomainError
from tests.support.operator import MONTH, Operator
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.suite import Suite, request_id
from tollbook.payment.v1 import adjustment_service_pb2 as adjustment
from tollbook.payment.v1 import ledger_root_service_pb2 as roots
from tollbook.payment.v1 import payment_pb2, payment_service_pb2
from tollbook.payment.v1.adjustment_service_pb2_grpc import AdjustmentServiceStub
from tollbook.payment.v1.ledger_pb2 import ENTRY_REASON_PAYMENT
from tollbook.payment.v1.ledger_root_service_pb2_grpc import LedgerRootServiceStub
from tollbook.payment.v1.payment_service_pb2_grpc import LedgerServiceStub, PaymentServiceStub

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

CHECKER = Path(__file__).resolve().parents[2] / "tools/check_ledger.py"
CALLS = [PlacedCall("desk-1", "31612345678", MONTH + timedelta(hours=1), 61, "call-1")]
NOTE = "agreed on the telephone"


def euros(units: int) -> Money:
    return Money(currency_code="EUR", units=units)


def checked(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the checker as an auditor does, who has nothing else of ours."""
    command = [sys.executable, "-I", str(CHECKER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def pay(suite: Suite, operator: Operator, units: int) -> None:
    """Record a payment of the account."""
    paid = payment_pb2.Payment(
        account_id=operator.accounts["desk-1"],
        method=payment_pb2.PAYMENT_METHOD_CASH,
        amount=euros(units),
        value_date=Date(year=2026, month=4, day=10),
        evidence="receipt 1",
    )
    await suite.stub(PaymentServiceStub, operator.tenant_id).RecordPayment(
        payment_service_pb2.RecordPaymentRequest(payment=paid, request_id=request_id())
    )


async def take_back(suite: Suite, operator: Operator, entry_id: str) -> None:
    """Correct an entry."""
    await suite.stub(AdjustmentServiceStub, operator.tenant_id).CorrectEntry(
        adjustment.CorrectEntryRequest(
            journal_entry_id=entry_id, note="a mistake", request_id=request_id()
        )
    )


async def take_back_last_payment(suite: Suite, operator: Operator) -> None:
    """It was recorded for the wrong customer; invoice hears of it."""
    ledger = suite.stub(LedgerServiceStub, operator.tenant_id)
    request = payment_service_pb2.ListJournalEntriesRequest(reason=ENTRY_REASON_PAYMENT)
    paid = (await ledger.ListJournalEntries(request)).journal_entries[-1]
    await take_back(suite, operator, paid.journal_entry_id)
    await suite.caught_up("invoice", "tollbook.payment.v1.PaymentReversed")


async def a_month_of_money(suite: Suite, operator: Operator) -> str:
    """A call, payments, credit, a refund, corrections; the id of the refund's entry."""
    account_id = operator.accounts["desk-1"]
    await operator.import_file(asterisk_csv(CALLS))
    await suite.caught_up("rating", "tollbook.cdr.v1.CallsCollected")
    await suite.caught_up("payment", "tollbook.rating.v1.CallsRated")
    await pay(suite, operator, 20)
    await pay(suite, operator, 7)
    await take_back_last_payment(suite, operator)
    adjustments = suite.stub(AdjustmentServiceStub, operator.tenant_id)
    expires = Timestamp()
    expires.FromDatetime(datetime.now(UTC) + timedelta(days=30))
    await adjustments.GrantPromotion(
        adjustment.GrantPromotionRequest(
            account_id=account_id,
            amount=euros(5),
            expire_time=expires,
            note=NOTE,
            request_id=request_id(),
        )
    )
    request = adjustment.RefundMoneyRequest(
        account_id=account_id, amount=euros(3), note=NOTE, request_id=request_id()
    )
    done = (await adjustments.RefundMoney(request)).adjustment
    assert (await adjustments.RefundMoney(request)).adjustment == done
    (entry_id,) = done.journal_entry_ids
    await take_back(suite, operator, entry_id)
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        await adjustments.RefundMoney(
            adjustment.RefundMoneyRequest(
                account_id=account_id, amount=euros(21), note=NOTE, request_id=request_id()
            )
        )
    return entry_id


async def test_books_prove_themselves_to_somebody_who_has_only_the_file(
    suite: Suite, tmp_path: Path
) -> None:
    """Exported, checked, held against a signed root; a changed byte is found."""
    operator = Operator(suite, "books")
    await operator.set_up(["desk-1"])
    entry_id = await a_month_of_money(suite, operator)
    file = tmp_path / "books.jsonl"
    asked = ("export-ledger", str(file), "--tenant", "books", "--prove", entry_id, "--draw-root")
    done = suite.tollbook(*asked)
    assert done.returncode == 0, done.stderr
    listed = await suite.stub(LedgerRootServiceStub, "books").ListLedgerRoots(
        roots.ListLedgerRootsRequest()
    )
    newest = listed.ledger_roots[-1]
    key = SigningKey.read(suite.installation.folder / "authority/ledger_key.pem")
    assert newest.signature == key.sign(bytes.fromhex(newest.root)).hex()
    assert newest.root in done.stdout
    assert newest.signature in done.stdout
    proven = checked(file, "--root", newest.root)
    assert proven.returncode == 0, proven.stderr
    assert "tenant books: 7 entries hold, 1 proved by themselves" in proven.stdout
    file.write_bytes(file.read_bytes().replace(b'"micros":3000000', b'"micros":3000001', 1))
    assert "its hash differs" in checked(file).stderr
    assert checked(file).returncode == 1


async def test_a_single_entry_is_proven_without_the_books(suite: Suite, tmp_path: Path) -> None:
    """The file names no other entry."""
    ledger = suite.stub(LedgerServiceStub, "books")
    page = await ledger.ListJournalEntries(payment_service_pb2.ListJournalEntriesRequest())
    entry_id, *others = [entry.journal_entry_id for entry in page.journal_entries]
    file = tmp_path / "entry.jsonl"
    done = suite.tollbook("prove-entries", str(file), entry_id, "--tenant", "books")
    assert done.returncode == 0, done.stderr
    proven = checked(file)
    assert proven.returncode == 0, proven.stderr
    assert not any(other in file.read_text() for other in others)


async def test_the_services_agree_on_adjusted_books(suite: Suite) -> None:
    """Refunds, credit and corrections are neither usage nor invoices."""
    assert suite.differences() == ""
