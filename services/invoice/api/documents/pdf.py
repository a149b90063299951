"""The invoice as PDF: the same invoice gives the same bytes, whenever it is asked for."""

import io
from itertools import chain

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from services.invoice.api.documents import typeface as face
from services.invoice.api.documents.annex import annex_blocks
from services.invoice.api.documents.flow import LEFT, RIGHT, paginate
from services.invoice.api.documents.summary import summary_blocks, title_of
from services.invoice.domain.document import InvoiceDocument

FOOTER_LINE = 15 * mm


def invoice_pdf(document: InvoiceDocument) -> bytes:
    """The invoice with its call-by-call annex."""
    face.prepare()
    pages = paginate(chain(summary_blocks(document), annex_blocks(document)))
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=A4, pageCompression=1, invariant=1, lang="en")
    canvas.setTitle(f"{title_of(document)} {document.invoice.number}")
    canvas.setAuthor(document.issuer.name)
    for number, page in enumerate(pages, start=1):
        for top, block in page:
            block.draw(canvas, top)
        _footer(canvas, document, f"Page {number} of {len(pages)}")
        canvas.showPage()
    canvas.save()
    return content.getvalue()


def _footer(canvas: Canvas, document: InvoiceDocument, place: str) -> None:
    canvas.setStrokeColor(face.RULE)
    canvas.setLineWidth(0.5)
    canvas.line(LEFT, FOOTER_LINE, RIGHT, FOOTER_LINE)
    y = FOOTER_LINE - 4 * mm
    words = f"{document.issuer.name}  ·  {title_of(document)} {document.invoice.number}"
    face.draw_left(canvas, LEFT, y, words, face.FOOTER)
    face.draw_right(canvas, RIGHT, y, place, face.FOOTER)
