"""Documents on their way to people: laid out with the seller's logo and the address of their check page."""

from ingufu.billing.invoices.model import Document
from ingufu.billing.invoices.rendering import pictures
from ingufu.billing.invoices.rendering.sheet import Sheet, sheet
from ingufu.billing.invoices.service.documents import Known
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked


async def laid_out(web: WebContext, request: Asked, known: Known) -> Sheet:
    """Return the document as it is drawn."""
    document = known.document
    found = await web.services.money.entities.logo(document.seller.logo)
    logo = pictures.logo(*found) if found else ""
    base = "" if web.settings.public_url else str(request.base_url).rstrip("/")
    return sheet(document, stamp=known.stamp, logo=logo, check_url=base + check_url(web, document))


def check_url(web: WebContext, document: Document) -> str:
    """Return the address of the check page; without the host if it is not known how browsers reach us."""
    return f"{web.settings.public_url.rstrip('/')}/check/{document.id}/{document.code}" if document.number else ""


def file_name(document: Document) -> str:
    """Return a name for files that every system takes."""
    name = document.number or f"draft-{document.id}"
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in name)
