"""The suppliers of a tenant: makes them with decks of their own, and routes calls to them."""

from typing import Any

from chassis.grpc.convert import time_to_proto
from chassis.grpc.endpoint import Endpoint
from kernel.ids import new_uuid
from services.rating.api.numbering import NumberingApi
from services.rating.api.routing import RoutingApi
from services.rating.api.suppliers import SupplierApi
from services.rating.usecases.quoting.route_call import Routes
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NETHERLANDS, NOON
from tollbook.rating.v1 import supplier_service_pb2 as messages
from tollbook.rating.v1.supplier_pb2 import Supplier

SHEET = "prefix,name,price,first,next\n{prefix},Netherlands,{price},6,6\n"


class Carriers:
    """The suppliers of a desk's tenant, and the doors to them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        endpoint = Endpoint(desk.database, desk.memory.heed_publication)
        self.suppliers = SupplierApi(endpoint)
        self.routing = RoutingApi(Routes(desk.memory))
        self.numbering = NumberingApi(endpoint)

    async def publish_deck(
        self, code: str, price: str, prefix: str = "31", currency: str = ""
    ) -> str:
        """A deck with one rate in force, and its id."""
        own, self.desk.currency = self.desk.currency, currency or self.desk.currency
        try:
            sheet = SHEET.format(prefix=prefix, price=price)
            published = await self.desk.publish_deck(sheet, f"cost of {code}")
        finally:
            self.desk.currency = own
        return published.version.rate_deck_id

    async def supply(self, code: str, price: str, currency: str = "", **fields: Any) -> Supplier:
        """A supplier with a deck of one rate."""
        prefix = fields.pop("prefix", "31")
        deck_id = await self.publish_deck(code, price, prefix, currency)
        return await self.create(code, [deck_id], **fields)

    async def create(self, code: str, deck_ids: list[str], /, **fields: Any) -> Supplier:
        """A supplier of some decks."""
        response = await self.suppliers.CreateSupplier(request_for(code, deck_ids, **fields), None)
        return response.supplier

    async def update(
        self, supplier: Supplier, *paths: str, **changes: Any
    ) -> messages.UpdateSupplierResponse:
        """Change a supplier; the mask names what is changed unless paths do."""
        changed = Supplier()
        changed.CopyFrom(supplier)
        for name, value in changes.items():
            changed.ClearField(name)  # type: ignore[arg-type]
            changed.MergeFrom(Supplier(**{name: value}))
        request = messages.UpdateSupplierRequest(supplier=changed, request_id=new_uuid())
        request.update_mask.paths.extend(paths or changes)
        return await self.suppliers.UpdateSupplier(request, None)

    async def get(self, supplier_id: str) -> Supplier:
        """A supplier as it is now."""
        request = messages.GetSupplierRequest(supplier_id=supplier_id)
        return (await self.suppliers.GetSupplier(request, None)).supplier

    async def route(self, **fields: Any) -> messages.RouteCallResponse:
        """Route a call to the Netherlands at noon, unless said otherwise."""
        call = {"callee": NETHERLANDS, "start_time": time_to_proto(NOON)}
        return await self.routing.RouteCall(messages.RouteCallRequest(**{**call, **fields}), None)

    async def import_areas(self, content: str, **fields: Any) -> int:
        """Replace the tenant's numbering areas."""
        request = messages.ImportNumberingAreasRequest(
            content=content.encode(), request_id=new_uuid(), **fields
        )
        return (await self.numbering.ImportNumberingAreas(request, None)).area_count


def request_for(code: str, deck_ids: list[str], /, **fields: Any) -> messages.CreateSupplierRequest:
    """Asks to create a supplier of average quality and weight, by a trunk of its own."""
    validate_only = fields.pop("validate_only", False)
    defaults = {
        "code": code,
        "display_name": code.title(),
        "rate_deck_ids": deck_ids,
        "quality": 50,
        "weight": 100,
        "trunks": [f"{code}-1"],
    }
    return messages.CreateSupplierRequest(
        supplier=Supplier(**{**defaults, **fields}),
        request_id=new_uuid(),
        validate_only=validate_only,
    )
