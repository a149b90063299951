"""What the guide to plans shows can be published, and costs what it says."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

from google.protobuf.json_format import Parse

from cli.tariff_codes import Codes, put_ids
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import euros
from tests.conformance.rating.tariff_desk import TariffDesk
from tollbook.rating.v1.plan_pb2 import Plan
from tollbook.rating.v1.rating_service_pb2 import PublishPlanRevisionRequest
from tollbook.rating.v1.supplier_pb2 import Supplier

GUIDE = (Path(__file__).parents[3] / "docs/guides/plan.md").read_text()
EXAMPLE = re.compile(r"```json\n(.*?)```", re.DOTALL)
CALL = re.compile(r"^\| (\d{4}-\d\d-\d\d \d\d:\d\d) \| (\d+) \| (\d+\.\d{4}) \|", re.MULTILINE)
EASTER_MONDAY = date(2026, 4, 6)


async def test_the_plan_of_the_guide_prices_calls_as_it_says(desk: Desk) -> None:
    """The bundle, the bands, the tier and the holiday, call by call."""
    calendar = await TariffDesk(desk).create_calendar(EASTER_MONDAY)
    example, supplier = EXAMPLE.findall(GUIDE)
    assert Parse(supplier, Supplier()).trunks == ["gw-north"]
    terms = Parse(example, Plan()).latest_revision
    decks, calendars = {"retail": desk.deck_id}, {calendar.code: calendar.calendar_id}
    put_ids(terms, "terms", Codes("rate deck", decks), Codes("calendar", calendars))
    request = PublishPlanRevisionRequest(
        plan_id=desk.plan_id, revision=terms, request_id=new_uuid()
    )
    await desk.plans.PublishPlanRevision(request, None)

    calls = CALL.findall(GUIDE)
    assert len(calls) == 6
    for start, minutes, amount in calls:
        moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
        call = desk.call(start=moment, seconds=int(minutes) * 60)
        await desk.collect(call)
        [charge] = [each for each in await desk.charges() if each.call_key.value == call.call_key]
        assert (start, *euros([charge])) == (start, amount)
