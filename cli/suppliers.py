"""`tollbook set-supplier` and `tollbook suppliers`: who ends calls for us, and by which decks."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer

from chassis.grpc.client import acting_for
from cli.connection import Connection
from cli.json_files import read_message
from cli.listing import pages
from cli.options import FileArgument, TenantOption, ValidateOnlyOption
from cli.output import add_row, console, report, table
from cli.tariff_codes import deck_codes
from kernel.ids import new_uuid
from tollbook.rating.v1 import supplier_service_pb2, supplier_service_pb2_grpc
from tollbook.rating.v1.supplier_pb2 import Supplier


def set_supplier(
    context: typer.Context,
    file: FileArgument,
    tenant: TenantOption,
    validate_only: ValidateOnlyOption = False,
) -> None:
    """Create or change a supplier by FILE, a Supplier as JSON with codes of decks as ids.

    The file says all of it: what it leaves out is nothing. A change holds from now on.
    """
    supplier = read_message(file, Supplier())
    if not supplier.code:
        raise typer.BadParameter(f"{file} is no supplier to set: it has no code")
    with acting_for(tenant):
        stored = asyncio.run(_set(context.obj, supplier, validate_only))
    known = f"revision {stored.revision} of {stored.code}, in {stored.currency_code}"
    report("Would set" if validate_only else "Supplier", known)


def suppliers(
    context: typer.Context,
    tenant: TenantOption,
    code: Annotated[str, typer.Option(help="Only this one, with all that it has been.")] = "",
) -> None:
    """List the suppliers of a tenant, or the revisions of one, the newest first."""
    with acting_for(tenant):
        found = asyncio.run(_found(context.obj, code))
    if code and not found:
        raise typer.BadParameter(f"{tenant} has no supplier {code}")
    _show(found)


async def _set(connection: Connection, supplier: Supplier, validate_only: bool) -> Supplier:
    async with connection.channel("rating") as channel:
        decks = await deck_codes(channel)
        named = enumerate(supplier.rate_deck_ids)
        supplier.rate_deck_ids[:] = [decks.id_of(each, f"rateDeckIds[{n}]") for n, each in named]
        stub = supplier_service_pb2_grpc.SupplierServiceStub(channel)
        known = {each.code: each for each in await _listed(stub)}.get(supplier.code)
        if known is None:
            creation = supplier_service_pb2.CreateSupplierRequest(
                supplier=supplier, request_id=new_uuid(), validate_only=validate_only
            )
            return (await stub.CreateSupplier(creation)).supplier
        supplier.supplier_id = known.supplier_id
        change = supplier_service_pb2.UpdateSupplierRequest(
            supplier=supplier, request_id=new_uuid(), validate_only=validate_only
        )
        return (await stub.UpdateSupplier(change)).supplier


async def _found(connection: Connection, code: str) -> list[Supplier]:
    async with connection.channel("rating") as channel:
        stub = supplier_service_pb2_grpc.SupplierServiceStub(channel)
        listed = await _listed(stub)
        ids = [each.supplier_id for each in listed if each.code == code]
        if not ids:
            return [] if code else listed
        asked = supplier_service_pb2.ListSupplierRevisionsRequest(supplier_id=ids[0])
        found = pages(stub.ListSupplierRevisions, asked)
        return [each async for page in found for each in page.suppliers]


async def _listed(stub: supplier_service_pb2_grpc.SupplierServiceStub) -> list[Supplier]:
    listed = pages(stub.ListSuppliers, supplier_service_pb2.ListSuppliersRequest())
    return [each async for page in listed for each in page.suppliers]


def _show(found: Iterable[Supplier]) -> None:
    headings = ("code", "in", "quality", "weight", "trunks", "revision", "since")
    shown = table("Suppliers", *headings)
    for each in found:
        code = f"{each.code} (disabled)" if each.disabled else each.code
        texts = (code, each.currency_code, str(each.quality), str(each.weight))
        since = each.effective_time.ToDatetime().isoformat(" ", "minutes")
        # The first holds for calls before it too.
        from_when = since if each.revision > 1 else "ever"
        add_row(shown, *texts, " ".join(each.trunks), str(each.revision), from_when)
    console.print(shown)
