"""A document as an EBM sale or refund. Pure.

Amounts hold the tax, with two decimals even for francs, which have none: tax = amount x rate / (100 + rate), half up.
A refund is told by positive amounts and the number of the original.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ingufu.billing.fiscal.model import DeviceSettings
from ingufu.billing.invoices.amounts import exact
from ingufu.billing.invoices.model import Document, DocumentKind, DocumentLine
from ingufu.core.errors import InvalidInput
from ingufu.core.texts import plain

LABELS = ("A", "B", "C", "D")
NORMAL = "N"
SALE, REFUND = "S", "R"
CONFIRMED = "02"
_CENT = Decimal("0.01")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def check(document: Document, settings: DeviceSettings) -> None:
    """Raise InvalidInput if the document cannot be told to the device: a rate without label, an item without code."""
    if document.currency != settings.currency:
        raise InvalidInput(f"The fiscal device takes {settings.currency} only.", field="fiscal_device_id")
    for line in document.lines:
        _label(line, settings)
        if line.dimension not in settings.items:
            raise InvalidInput(f"No item code is entered for {line.dimension}.", field="fiscal_device_id")
        if line.gross < 0:
            raise InvalidInput("A fiscal device takes no negative lines: credit the session by itself.")


def write(
    document: Document, settings: DeviceSettings, *, number: int, original: int | None, key: str, now: datetime
) -> str:
    """Return the sale, or with `original` the refund of that sale, as it is sent."""
    local = now.astimezone(ZoneInfo(settings.time_zone))
    issued = (document.issued_at or now).astimezone(ZoneInfo(settings.time_zone))
    buyer = document.buyer
    named = buyer is not None and bool(buyer.tax_id) and bool(document.purchase_code)
    sums = _sums(document, settings)
    record: dict[str, Any] = {
        "tin": settings.tin,
        "bhfId": settings.branch,
        "invcNo": number,
        "orgInvcNo": original or 0,
        "custTin": buyer.tax_id if named and buyer else None,
        "prcOrdCd": document.purchase_code if named else None,
        "custNm": plain(buyer.name, 60) if buyer else None,
        "salesTyCd": NORMAL,
        "rcptTyCd": SALE if original is None else REFUND,
        "pmtTyCd": settings.payment_code,
        "salesSttsCd": CONFIRMED,
        "cfmDt": f"{local:%Y%m%d%H%M%S}",
        "salesDt": f"{issued:%Y%m%d}",
        "stockRlsDt": None,
        "totItemCnt": len(document.lines),
        **{f"taxblAmt{label}": sums[label][0] for label in LABELS},
        **{f"taxRt{label}": sums[label][1] for label in LABELS},
        **{f"taxAmt{label}": sums[label][2] for label in LABELS},
        "totTaxblAmt": sum((sums[label][0] for label in LABELS), Decimal("0.00")),
        "totTaxAmt": sum((sums[label][2] for label in LABELS), Decimal("0.00")),
        "totAmt": sum((sums[label][0] for label in LABELS), Decimal("0.00")),
        "prchrAcptcYn": "N",
        "remark": document.number,
        "regrId": "ingufu",
        "regrNm": "ingufu",
        "modrId": "ingufu",
        "modrNm": "ingufu",
        "receipt": {"rptNo": 1, "trdeNm": plain(document.seller.name, 60), "adrs": plain(_address(document), 200)},
        "itemList": [_item(line, settings) for line in document.lines],
    }
    if key:
        record["cmcKey"] = key
    return _ENCODER.encode(record).decode()


def kind_of(document: Document) -> str:
    """Return how the receipt is called: normal sale or normal refund."""
    return "NR" if document.kind is DocumentKind.CREDIT_NOTE else "NS"


def tax_of(gross: Decimal, percent: Decimal) -> Decimal:
    """Return the tax that an amount holds, with two decimals, half up."""
    rate = Fraction(percent)
    return exact(Fraction(gross) * rate / (100 + rate), 2).quantize(_CENT)


def _sums(document: Document, settings: DeviceSettings) -> Mapping[str, tuple[Decimal, Decimal, Decimal]]:
    """Return taxable amount, rate and tax by label."""
    gross = dict.fromkeys(LABELS, Decimal(0))
    rates = dict.fromkeys(LABELS, Decimal(0)) | {one.label: one.percent for one in settings.labels}
    for line in document.lines:
        gross[_label(line, settings)] += line.gross
    return {label: (gross[label].quantize(_CENT), rates[label], tax_of(gross[label], rates[label])) for label in LABELS}


def _item(line: DocumentLine, settings: DeviceSettings) -> dict[str, Any]:
    code = settings.items[line.dimension]
    quantity = max(line.quantity.quantize(_CENT, ROUND_HALF_UP), _CENT)
    price = exact(Fraction(line.gross) / Fraction(quantity), 2).quantize(_CENT)
    return {
        "itemSeq": line.position,
        "itemCd": code.code,
        "itemClsCd": code.class_code,
        "itemNm": plain(f"{line.dimension} {line.station_identity}".strip(), 200),
        "bcd": None,
        "pkgUnitCd": code.package_unit,
        "pkg": 1,
        "qtyUnitCd": code.quantity_unit,
        "qty": quantity,
        "prc": price,
        "splyAmt": line.gross.quantize(_CENT),
        "dcRt": 0,
        "dcAmt": 0,
        "taxTyCd": _label(line, settings),
        "taxblAmt": line.gross.quantize(_CENT),
        "taxAmt": tax_of(line.gross, line.percent),
        "totAmt": line.gross.quantize(_CENT),
    }


def _label(line: DocumentLine, settings: DeviceSettings) -> str:
    for one in settings.labels:
        if one.category == line.category.value and one.percent == line.percent:
            return one.label
    raise InvalidInput(
        f"The fiscal device has no label for {line.category.value} {line.percent:f} %.", field="fiscal_device_id"
    )


def _address(document: Document) -> str:
    address = document.seller.address
    return ", ".join(part for part in (address.street, address.city, address.country) if part)
