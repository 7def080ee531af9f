"""Who sells and who signs: legal entities and fiscal devices, each as a list and a form."""

import base64
from decimal import Decimal
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.fiscal.model import DeviceKind, DeviceSettings
from ingufu.billing.invoices.numbering import KINDS
from ingufu.billing.invoices.parties import (
    DEFAULT_NUMBERS,
    Address,
    Automatic,
    BankAccount,
    LegalEntity,
    TaxRounding,
    Texts,
)
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.money import Rounding
from ingufu.views import console_sites
from ingufu.web.api import fiscal_devices as devices_api
from ingufu.web.api import legal_entities as api
from ingufu.web.console import present
from ingufu.web.console.numbers import read_number
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.stations import offered
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

LANGUAGES = (("en", "English"), ("fr", "Français"), ("rw", "Ikinyarwanda"), ("sw", "Kiswahili"))
OFFERED = 500
_PLACES = 40  # a rate may be one divided by another
_PLAIN = (
    *("name", "trading_name", "tax_id", "tax_id_name", "register_number", "register_name", "email", "phone", "website"),
    *("exemption", "outside", "language", "time_zone", "tax_currency", "zero_category", "untaxed_category"),
)
_TEXTS = ("head", "payment", "foot")
_DEVICE = ("name", "kind", "url", "tin", "branch", "serial", "labels", "items", "payment_code", "read_back_path")
_DEVICE_KEPT = ("time_zone", "currency", "timeout_s", "routes")  # entered by the API alone


@page("/legal-entities", scope=Scope.MONEY_READ, is_for_network=True)
async def show_entities(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the legal entities"""
    return await pages.show(
        request,
        "pages/invoices/entities.html",
        rows=await web.services.money.entities.all(),
        may_change=Scope.MONEY_WRITE in principal.scopes,
    )


@page("/legal-entities/new", scope=Scope.MONEY_WRITE, is_for_network=True)
async def show_new_entity(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form of a new legal entity"""
    start = {"tax_id_name": "VAT", "language": "en", "time_zone": "UTC", "payment_days": "14", "retention_years": "10",
             "is_default": "true", "automatic": "receipt", "rounding": "half-up", "tax_rounding": "line",
             "zero_category": "Z", "untaxed_category": "O"}  # fmt: skip
    numbers = {f"number-{kind}": DEFAULT_NUMBERS[kind] for kind in KINDS}
    return await _show_entity(web, pages, request, None, present.Entered(start | numbers), ())


@action("/legal-entities/new", scope=Scope.MONEY_WRITE, is_for_network=True)
async def add_entity(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Enter a legal entity"""
    try:
        given = api.NewLegalEntity(key=form.text("key").upper()[:12], **_entity_fields(pages, request, form))
        made = await function_of(api.create_legal_entity)(web, principal, given)
    except (InvalidInput, Conflict) as error:
        return await _show_entity(
            web, pages, request, None, _entered(form), tuple(form.texts("sites")), _problem(error)
        )
    toast = Toast(message=pages.text(request, "It sells from now on"), detail=made.name)
    return pages.go(request, path_of("legal-entities"), toast)


@page("/legal-entities/{entity_id:str}", scope=Scope.MONEY_READ, is_for_network=True)
async def show_entity(web: WebContext, pages: Pages, request: Asked, entity_id: str) -> Response[str]:
    """Show a legal entity"""
    it = await web.services.money.entities.get(entity_id)
    return await _show_entity(web, pages, request, it, _as_entered(it), it.site_ids)


@action("/legal-entities/{entity_id:str}", scope=Scope.MONEY_WRITE, is_for_network=True)
async def change_entity(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, entity_id: str, form: Form
) -> Response[Any]:
    """Change a legal entity"""
    it = await web.services.money.entities.get(entity_id)
    try:
        given = api.LegalEntityFields(**_entity_fields(pages, request, form))
        await function_of(api.update_legal_entity)(web, principal, entity_id, given)
    except (InvalidInput, Conflict) as error:
        return await _show_entity(web, pages, request, it, _entered(form), tuple(form.texts("sites")), _problem(error))
    return pages.go(request, path_of("legal-entities", entity_id), Toast(message=pages.text(request, "Saved")))


@action("/legal-entities/{entity_id:str}/retire", scope=Scope.MONEY_WRITE, is_for_network=True)
async def retire_entity(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, entity_id: str
) -> Response[Any]:
    """Retire a legal entity"""
    await function_of(api.retire_legal_entity)(web, principal, entity_id)
    return pages.go(request, path_of("legal-entities"), Toast(message=pages.text(request, "It sells no more")))


@page("/fiscal-devices", scope=Scope.MONEY_READ, is_for_network=True)
async def show_devices(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the fiscal devices"""
    return await pages.show(
        request,
        "pages/invoices/devices.html",
        rows=await function_of(devices_api.list_fiscal_devices)(web),
        may_change=Scope.MONEY_WRITE in principal.scopes,
        may_enter=Scope.ADMIN in principal.scopes,
    )


@page("/fiscal-devices/new", scope=Scope.ADMIN, is_for_network=True)
async def show_new_device(pages: Pages, request: Asked) -> Response[str]:
    """Show the form of a new fiscal device"""
    start = {"branch": "00", "payment_code": "06", "labels": "A E 0\nB S 18\nC Z 0\nD O 0", "kind": "ebm-vsdc"}
    return await _show_device(pages, request, None, present.Entered(start))


@action("/fiscal-devices/new", scope=Scope.ADMIN, is_for_network=True)
async def add_device(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Enter a fiscal device"""
    try:
        kind = DeviceKind.EBM_OSDC if form.text("kind") == "ebm-osdc" else DeviceKind.EBM_VSDC
        given = devices_api.NewFiscalDevice(
            kind=kind, name=form.text("name")[:100], settings=_device_settings(pages, request, form)
        )
        made = await function_of(devices_api.create_fiscal_device)(web, principal, given)
    except (InvalidInput, Conflict) as error:
        return await _show_device(pages, request, None, _entered(form), _problem(error))
    toast = Toast(message=pages.text(request, "The device is entered"), detail=made.name)
    return pages.go(request, path_of("fiscal-devices"), toast)


@page("/fiscal-devices/{device_id:str}", scope=Scope.ADMIN, is_for_network=True)
async def show_device(web: WebContext, pages: Pages, request: Asked, device_id: str) -> Response[str]:
    """Show a fiscal device"""
    it = await devices_api.get_view(web, device_id)
    settings = it.settings
    texts = {name: str(getattr(settings, name)) for name in _DEVICE if name in settings.__struct_fields__}
    texts["name"] = it.name
    texts["allows_private"] = "true" if settings.allows_private else ""
    texts["labels"] = "\n".join(f"{one.label} {one.category} {one.percent:f}" for one in settings.labels)
    texts["items"] = "\n".join(f"{name} {one.code} {one.class_code}" for name, one in settings.items.items())
    return await _show_device(pages, request, it, present.Entered(texts))


@action("/fiscal-devices/{device_id:str}", scope=Scope.ADMIN, is_for_network=True)
async def change_device(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, device_id: str, form: Form
) -> Response[Any]:
    """Change a fiscal device"""
    it = await devices_api.get_view(web, device_id)
    try:
        settings = _device_settings(pages, request, form, it.settings)
        given = devices_api.FiscalDeviceFields(name=form.text("name")[:100], settings=settings)
        await function_of(devices_api.update_fiscal_device)(web, principal, device_id, given)
    except (InvalidInput, Conflict) as error:
        return await _show_device(pages, request, it, _entered(form), _problem(error))
    return pages.go(request, path_of("fiscal-devices"), Toast(message=pages.text(request, "Saved")))


@action("/fiscal-devices/{device_id:str}/resume", scope=Scope.MONEY_WRITE, is_for_network=True)
async def resume_device(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, device_id: str
) -> Response[Any]:
    """Have a fiscal device be tried again"""
    await function_of(devices_api.resume_fiscal_device)(web, principal, device_id)
    return pages.go(request, path_of("fiscal-devices"), Toast(message=pages.text(request, "It is tried again")))


async def _show_entity(
    web: WebContext,
    pages: Pages,
    request: Asked,
    it: LegalEntity | None,
    form: present.Entered,
    chosen: tuple[str, ...],
    error: tuple[str, str] | None = None,
) -> Response[str]:
    principal: Principal = request.scope["user"]
    places = await console_sites.list_places(web.services.database, None)
    devices = await web.services.money.fiscal.devices()
    words = pages.environment(request).get_template("parts/document.html").module
    roundings = {
        TaxRounding.LINE: pages.text(request, "as the sessions were priced"),
        TaxRounding.TAX_GROUP: pages.text(request, "once for each rate"),
        TaxRounding.TOTAL: pages.text(request, "once for the document"),
    }
    return await pages.show(
        request,
        "pages/invoices/entity.html",
        status=422 if error else 200,
        it=it,
        form=form,
        errors=[error] if error else [],
        places=offered(places, chosen, most=OFFERED),
        chosen=frozenset(chosen),
        devices=[(one.id, one.name) for one in devices],
        tongues=LANGUAGES,
        modes=[(mode.value, str(words.automatic_word(mode.value)).strip()) for mode in Automatic],  # type: ignore[attr-defined]  # a macro
        roundings=[
            (Rounding.HALF_UP.value, pages.text(request, "up")),
            (Rounding.HALF_EVEN.value, pages.text(request, "to the even neighbour")),
        ],
        tax_roundings=[(rule.value, text) for rule, text in roundings.items()],
        may_change=Scope.MONEY_WRITE in principal.scopes,
    )


async def _show_device(
    pages: Pages, request: Asked, it: Any, form: present.Entered, error: tuple[str, str] | None = None
) -> Response[str]:
    return await pages.show(
        request,
        "pages/invoices/device.html",
        status=422 if error else 200,
        it=it,
        form=form,
        errors=[error] if error else [],
        kinds=[
            (DeviceKind.EBM_VSDC.value, pages.text(request, "Rwanda EBM, on a machine of ours (VSDC)")),
            (DeviceKind.EBM_OSDC.value, pages.text(request, "Rwanda EBM, on line (OSDC)")),
        ],
    )


def _entity_fields(pages: Pages, request: Asked, form: Form) -> dict[str, Any]:
    """Return what the form says. Raises InvalidInput."""
    fields: dict[str, Any] = {name: form.text(name)[:300] for name in _PLAIN}
    fields["tax_currency"] = fields["tax_currency"].upper()[:3]
    fields["address"] = Address(
        **{name: form.text(name)[:200] for name in ("street", "postal_code", "city")},
        country=form.text("country").upper()[:2],
    )
    fields["bank"] = BankAccount(**{name: form.text(name)[:100] for name in BankAccount.__struct_fields__})
    texts = {
        code: Texts(**{part: form.exact(f"{part}-{code}").strip()[:2000] for part in _TEXTS}) for code, _ in LANGUAGES
    }
    fields["texts"] = {code: text for code, text in texts.items() if text != Texts()}
    fields["numbers"] = {kind: form.text(f"number-{kind}")[:60] for kind in KINDS}
    fields["automatic"] = _one_of(Automatic, form, "automatic")
    fields["rounding"] = _one_of(Rounding, form, "rounding")
    fields["tax_rounding"] = _one_of(TaxRounding, form, "tax_rounding")
    fields["payment_days"] = form.integer("payment_days", low=0, high=365) or 0
    fields["retention_years"] = form.integer("retention_years", low=1, high=50) or 10
    limit = form.text("receipt_limit")
    fields["receipt_limit"] = _number(pages, request, limit, "receipt_limit") if limit else None
    fields["exchange_rates"] = _rates(pages, request, form.exact("exchange_rates"))
    fields["is_default"] = form.is_on("is_default")
    fields["site_ids"] = tuple(dict.fromkeys(form.texts("sites")))
    fields["fiscal_device_id"] = form.text("fiscal_device_id")[:100] or None
    svg = form.exact("logo").strip()
    if svg or form.is_on("no_logo"):
        fields["logo"] = base64.b64encode(svg.encode()).decode()
    return fields


def _as_entered(it: LegalEntity) -> present.Entered:
    """Return an entity as its form has it."""
    texts = {name: str(getattr(it, name)) for name in _PLAIN}
    texts |= {name: getattr(it.address, name) for name in ("street", "postal_code", "city", "country")}
    texts |= {name: getattr(it.bank, name) for name in BankAccount.__struct_fields__}
    texts |= {f"number-{kind}": it.numbers.get(kind, "") for kind in KINDS}
    texts |= {f"{part}-{code}": getattr(text, part) for code, text in it.texts.items() for part in _TEXTS}
    texts |= {"automatic": it.automatic.value, "rounding": it.rounding.value, "tax_rounding": it.tax_rounding.value}
    texts |= {"payment_days": str(it.payment_days), "retention_years": str(it.retention_years)}
    texts["receipt_limit"] = "" if it.receipt_limit is None else f"{it.receipt_limit:f}"
    texts["exchange_rates"] = "\n".join(f"{currency} {rate:f}" for currency, rate in it.exchange_rates.items())
    texts["is_default"] = "true" if it.is_default else ""
    texts["fiscal_device_id"] = it.fiscal_device_id or ""
    return present.Entered(texts)


def _device_settings(
    pages: Pages, request: Asked, form: Form, known: DeviceSettings | None = None
) -> devices_api.DeviceEntry:
    """Return what the form says, and of the known device what the form does not have. Raises InvalidInput."""
    labels = []
    for line in form.exact("labels").splitlines():
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 3 or parts[0] not in "ABCD" or parts[1] not in {"S", "Z", "E", "AE", "O"}:
            raise InvalidInput("A label is written as in B S 18.", field="labels")
        percent = _number(pages, request, parts[2], "labels")
        labels.append(devices_api.Label(label=parts[0], category=parts[1], percent=percent))
    items = {}
    for line in form.exact("items").splitlines():
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 3:
            raise InvalidInput("An item is written as its name, its code and its class.", field="items")
        before = known.items.get(parts[0]) if known else None
        units = {"package_unit": before.package_unit, "quantity_unit": before.quantity_unit} if before else {}
        items[parts[0][:20]] = devices_api.Item(code=parts[1][:20], class_code=parts[2][:20], **units)
    kept = {name: getattr(known, name) for name in _DEVICE_KEPT} if known else {}
    return devices_api.DeviceEntry(
        **kept,
        url=form.text("url")[:500],
        tin=form.text("tin")[:11],
        branch=form.text("branch")[:3] or "00",
        serial=form.text("serial")[:60],
        allows_private=form.is_on("allows_private"),
        labels=tuple(labels),
        items=items,
        payment_code=form.text("payment_code")[:2] or "06",
        read_back_path=form.text("read_back_path")[:200],
    )


def _rates(pages: Pages, request: Asked, text: str) -> dict[str, Decimal]:
    rates: dict[str, Decimal] = {}
    for line in text.splitlines():
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2:
            raise InvalidInput("A rate is written as in EUR 1612.5.", field="exchange_rates")
        rates[parts[0].upper()[:3]] = _number(pages, request, parts[1], "exchange_rates")
    return rates


def _number(pages: Pages, request: Asked, text: str, field: str) -> Decimal:
    number = read_number(pages, request, text, field, places=_PLACES)
    if number is None:
        raise InvalidInput("This is no number.", field=field)
    return number


def _one_of(kind: Any, form: Form, name: str) -> Any:
    try:
        return kind(form.text(name))
    except ValueError as error:
        raise InvalidInput("Choose one of what is offered.", field=name) from error


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: value[:4000] for name, value in form.pairs})


def _problem(error: InvalidInput | Conflict) -> tuple[str, str]:
    return ((error.field if isinstance(error, InvalidInput) else None) or "name", error.message)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_entities, show_new_entity, add_entity, show_entity, change_entity, retire_entity, show_devices,
    show_new_device, add_device, show_device, change_device, resume_device,
)  # fmt: skip
