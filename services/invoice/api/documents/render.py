"""Makes the documents of an invoice."""

from dataclasses import dataclass

from services.invoice.api.documents.calls_csv import calls_csv
from services.invoice.api.documents.pdf import invoice_pdf
from services.invoice.domain.document import InvoiceDocument
from services.invoice.domain.fields import FieldRules
from tollbook.invoice.v1.invoice_pb2 import DocumentKind


@dataclass(frozen=True, slots=True)
class File:
    """A document and a name for it."""

    name: str
    content: bytes


def render(document: InvoiceDocument, kind: int) -> File:
    """A document of an invoice. Raises INVALID_FIELDS for a kind that is none."""
    rules = FieldRules()
    known = {DocumentKind.DOCUMENT_KIND_PDF, DocumentKind.DOCUMENT_KIND_CALLS_CSV}
    rules.require(kind in known, "kind", "must be DOCUMENT_KIND_PDF or DOCUMENT_KIND_CALLS_CSV")
    rules.check()
    number = document.invoice.number
    if kind == DocumentKind.DOCUMENT_KIND_PDF:
        return File(f"{number}.pdf", invoice_pdf(document))
    return File(f"{number}-calls.csv", calls_csv(document))
