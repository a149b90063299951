"""SupplierService: manages suppliers."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.clock import EPOCH
from services.rating.api.field_mask import fields_to_change
from services.rating.domain.errors import not_found
from services.rating.domain.tariffs.supplier import Supplier
from services.rating.store.suppliers import (
    list_supplier_revisions,
    list_suppliers,
    supplier_of,
)
from services.rating.usecases.catalog.manage_suppliers import create_supplier, update_supplier
from tollbook.rating.v1 import supplier_pb2
from tollbook.rating.v1 import supplier_service_pb2 as messages
from tollbook.rating.v1.supplier_service_pb2_grpc import SupplierServiceServicer

CHANGEABLE = {"display_name", "rate_deck_ids", "quality", "weight", "trunks", "disabled"}


class SupplierApi(SupplierServiceServicer):
    """Manages the suppliers of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateSupplier(
        self, request: messages.CreateSupplierRequest, context: Any
    ) -> messages.CreateSupplierResponse:
        """Create a supplier."""

        def work(uow: UnitOfWork, caller: Caller) -> messages.CreateSupplierResponse:
            supplier = create_supplier(uow, caller.tenant_id, supplier_from_proto(request.supplier))
            return messages.CreateSupplierResponse(supplier=supplier_to_proto(supplier))

        return await self._endpoint.mutate(
            request,
            messages.CreateSupplierResponse,
            work,
            validate_only=request.validate_only,
        )

    async def UpdateSupplier(
        self, request: messages.UpdateSupplierRequest, context: Any
    ) -> messages.UpdateSupplierResponse:
        """Change a supplier from now on."""
        asked = supplier_from_proto(request.supplier)
        named = fields_to_change(request.update_mask, CHANGEABLE)
        fields = {"enabled" if name == "disabled" else name for name in named}
        changes = {name: getattr(asked, name) for name in fields}

        def work(uow: UnitOfWork, caller: Caller) -> messages.UpdateSupplierResponse:
            changed = update_supplier(uow, caller.tenant_id, asked.supplier_id, changes)
            return messages.UpdateSupplierResponse(supplier=supplier_to_proto(changed))

        return await self._endpoint.mutate(
            request,
            messages.UpdateSupplierResponse,
            work,
            validate_only=request.validate_only,
        )

    async def GetSupplier(
        self, request: messages.GetSupplierRequest, context: Any
    ) -> messages.GetSupplierResponse:
        """Return a supplier."""

        def work(connection: Connection, caller: Caller) -> messages.GetSupplierResponse:
            found = _known(connection, caller.tenant_id, request.supplier_id)
            return messages.GetSupplierResponse(supplier=supplier_to_proto(found))

        return await self._endpoint.query(work)

    async def ListSuppliers(
        self, request: messages.ListSuppliersRequest, context: Any
    ) -> messages.ListSuppliersResponse:
        """List suppliers by code."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> messages.ListSuppliersResponse:
            found = list_suppliers(connection, caller.tenant_id, after, size + 1)
            return messages.ListSuppliersResponse(
                suppliers=map(supplier_to_proto, found[:size]),
                next_page_token=token_after(found, size, lambda each: [each.code]),
            )

        return await self._endpoint.query(work)

    async def ListSupplierRevisions(
        self, request: messages.ListSupplierRevisionsRequest, context: Any
    ) -> messages.ListSupplierRevisionsResponse:
        """List what a supplier has been, newest first."""
        size = page_size(request.page_size)
        [before] = decode_token(request.page_token) or [None]

        def work(connection: Connection, caller: Caller) -> messages.ListSupplierRevisionsResponse:
            supplier_id = _known(connection, caller.tenant_id, request.supplier_id).supplier_id
            found = list_supplier_revisions(
                connection, caller.tenant_id, supplier_id, before, size + 1
            )
            return messages.ListSupplierRevisionsResponse(
                suppliers=map(supplier_to_proto, found[:size]),
                next_page_token=token_after(found, size, lambda each: [each.revision]),
            )

        return await self._endpoint.query(work)


def supplier_to_proto(supplier: Supplier) -> supplier_pb2.Supplier:
    """A supplier."""
    return supplier_pb2.Supplier(
        supplier_id=supplier.supplier_id,
        code=supplier.code,
        display_name=supplier.display_name,
        currency_code=supplier.currency,
        rate_deck_ids=supplier.rate_deck_ids,
        quality=supplier.quality,
        weight=supplier.weight,
        trunks=supplier.trunks,
        disabled=not supplier.enabled,
        revision=supplier.revision,
        effective_time=time_to_proto(supplier.effective_time),
        create_time=time_to_proto(supplier.create_time),
    )


def supplier_from_proto(message: supplier_pb2.Supplier) -> Supplier:
    """A supplier as it is asked for; what the service sets is left open."""
    return Supplier(
        supplier_id=message.supplier_id,
        code=message.code,
        display_name=message.display_name,
        currency="",
        rate_deck_ids=tuple(message.rate_deck_ids),
        quality=message.quality,
        weight=message.weight,
        trunks=tuple(message.trunks),
        enabled=not message.disabled,
        revision=0,
        effective_time=EPOCH,
        create_time=EPOCH,
    )


def _known(connection: Connection, tenant_id: str, supplier_id: str) -> Supplier:
    supplier = supplier_of(connection, tenant_id, supplier_id)
    if supplier is None:
        raise not_found("SUPPLIER", supplier_id)
    return supplier
