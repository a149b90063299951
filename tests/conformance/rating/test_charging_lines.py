"""A call is its account's whose line it comes by, as invoice last told."""

from datetime import datetime, timedelta

from chassis.grpc.convert import range_to_proto
from kernel.clock import to_micros, utc_now
from kernel.ids import new_uuid
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.usecases.change_watch import ChangeWatch
from services.rating.usecases.charging.charging_memory import ChargingMemory
from tests.conformance.rating.charging_desk import ChargingDesk
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING
from tests.conformance.rating.test_quote_freshness import until
from tollbook.invoice.v1.customer_pb2 import LineKind
from tollbook.invoice.v1.invoice_events_pb2 import LineChanged

SIP_USER = LineKind.LINE_KIND_SIP_USER


async def hear_line(
    desk: Desk,
    identifier: str,
    account_id: str,
    line_id: str = "",
    kind: LineKind.ValueType = SIP_USER,
    validity: tuple[datetime | None, datetime | None] = (BEGINNING, None),
) -> None:
    """Hear of a line from invoice."""
    await desk.hear(
        LineChanged(
            line_id=line_id or new_uuid(),
            account_id=account_id,
            payer_account_id=account_id,
            kind=kind,
            identifier=identifier,
            validity=range_to_proto(validity),
        )
    )


async def test_a_call_without_an_account_is_charged_to_that_of_its_line(
    charging: ChargingDesk,
) -> None:
    """By the name that the switch has for it, by its trunk, or by its number."""
    desk = charging.desk
    await hear_line(desk, "100", desk.account_id)
    await hear_line(desk, "pbx", desk.account_id, kind=LineKind.LINE_KIND_TRUNK)
    await hear_line(desk, "31209876543", desk.account_id, kind=LineKind.LINE_KIND_NUMBER)
    for session_id, call in {
        "user": charging.call(account_id="", line="100"),
        "trunk": charging.call(account_id="", trunk="pbx", caller=""),
        "number": charging.call(account_id=""),
    }.items():
        assert (await charging.open(session_id, call)).verdict is Verdict.GRANTED
        assert (await charging.session(session_id)).call.account_id == desk.account_id
    nobody = charging.call(account_id="", line="nobody")
    assert (await charging.open("nobody", nobody)).reason is Reason.UNKNOWN_ACCOUNT


async def test_a_line_that_moved_is_its_new_owners_from_then_on(charging: ChargingDesk) -> None:
    """Calls that began before are the old one's."""
    desk, settings, moment = charging.desk, charging.settings, utc_now()
    await hear_line(desk, "100", "old", "line", validity=(BEGINNING, moment))
    await hear_line(desk, "100", "new", validity=(moment, None))
    for seconds, account_id in ((-1, "old"), (0, "new")):
        start = to_micros(moment + timedelta(seconds=seconds))
        call = charging.call(account_id="", line="100", start_micros=start)
        assert await settings.account_id_of(desk.tenant_id, call) == account_id


async def test_every_replica_hears_of_a_line_that_was_changed(charging: ChargingDesk) -> None:
    """At once where there was none; within moments where there was another."""
    desk, watch = charging.desk, ChangeWatch(charging.desk.database)
    other = ChargingMemory(desk.database, watch)
    call = charging.call(account_id="", line="100")

    async def owner() -> str | None:
        await other.prepare(desk.tenant_id)
        return await other.account_id_of(desk.tenant_id, call)

    assert await owner() is None
    await hear_line(desk, "100", "ann", "line")
    assert await owner() == "ann"
    # It is in memory now, and counts there in an outage.
    assert other.last_known_account_id_of(desk.tenant_id, call) == "ann"
    await hear_line(desk, "100", "bob", "line")
    watch.doubt()

    async def is_bobs() -> bool:
        return await owner() == "bob"

    await until(is_bobs)
