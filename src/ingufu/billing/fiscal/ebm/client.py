"""The EBM over HTTP: one bounded request at a time, whose answer is never trusted to be one."""

from decimal import Decimal
from typing import Any

import msgspec

from ingufu.billing.fiscal.model import Answer, AnswerKind, DeviceKind, DeviceSettings, Told
from ingufu.billing.invoices.model import FiscalStamp
from ingufu.core.errors import PartnerFailed
from ingufu.core.texts import plain
from ingufu.infra.http import FetchRules, fetch

OK, NOTHING_FOUND, NO_LINE, DUPLICATE = "000", "001", "894", "994"
SEQUENCE = frozenset({"921", "922"})
ROUTES = {
    DeviceKind.EBM_VSDC: {"init": "/initializer/selectInitInfo", "sale": "/trnsSales/saveSales"},
    DeviceKind.EBM_OSDC: {"init": "/selectInitOsdcInfo", "sale": "/saveTrnsSalesOsdc"},
}
MAX_BYTES = 262_144
_JSON = "application/json"


class _Reply(msgspec.Struct, frozen=True):
    resultCd: str = ""  # noqa: N815 - as the authority names it
    resultMsg: str = ""  # noqa: N815
    data: dict[str, Any] | None = None


class Ebm:
    """One device. What it must not tell anyone, its communication key, it is given and gives back."""

    def __init__(self, device_id: str, kind: DeviceKind, settings: DeviceSettings, told: Told, key: str = "") -> None:
        self._device_id = device_id
        self._settings = settings
        self._told = told
        self._key = key
        self._routes = ROUTES[kind] | settings.routes

    async def init(self) -> Answer:
        settings = self._settings
        body = {"tin": settings.tin, "bhfId": settings.branch, "dvcSrlNo": settings.serial}
        reply = await self._ask(self._routes["init"], msgspec.json.encode(body))
        if isinstance(reply, Answer):
            return reply
        data = reply.data or {}
        found = data.get("info", data)
        info: dict[str, Any] = found if isinstance(found, dict) else {}
        if reply.resultCd not in {OK, "902"}:  # 902: this device is installed already
            return _unsigned(reply)
        told = Told(
            device_id=_text(info, "sdcId"),
            machine_number=_text(info, "mrcNo"),
            taxpayer=_text(info, "taxprNm", 200),
            last_number=_number(info, "lastSaleInvcNo"),
        )
        return Answer(kind=AnswerKind.SIGNED, told=told, key=_text(info, "cmcKey", 500))

    async def issue(self, request: str) -> Answer:
        reply = await self._ask(self._routes["sale"], request.encode())
        return reply if isinstance(reply, Answer) else self._signed(reply)

    async def read_back(self, number: int) -> Answer:
        path = self._settings.read_back_path
        if not path:
            return Answer(kind=AnswerKind.REFUSED, message="The device has no way to read a sale again.")
        body = {"tin": self._settings.tin, "bhfId": self._settings.branch, "invcNo": number}
        if self._key:
            body["cmcKey"] = self._key
        reply = await self._ask(path, msgspec.json.encode(body))
        if isinstance(reply, Answer):
            return reply
        if reply.resultCd == NOTHING_FOUND:
            return Answer(kind=AnswerKind.NOTHING, message=_said(reply))
        return self._signed(reply)

    async def status(self) -> Answer:
        return await self.init()

    def _signed(self, reply: _Reply) -> Answer:
        data = reply.data or {}
        stamp = self._stamp(data)
        if reply.resultCd == OK and stamp is not None:
            return Answer(kind=AnswerKind.SIGNED, stamp=stamp, total=_amount(data, "totAmt"))
        if reply.resultCd == OK:  # done, but it does not say how it signed
            return Answer(kind=AnswerKind.DUPLICATE, message="The answer holds no signature.")
        return _unsigned(reply)

    def _stamp(self, data: dict[str, Any]) -> FiscalStamp | None:
        signature, internal = _text(data, "rcptSign", 64), _text(data, "intrlData", 64)
        if not signature:
            return None
        at = _text(data, "vsdcRcptPbctDate", 14)
        sdc = _text(data, "sdcId", 40) or self._told.device_id
        counter = str(_number(data, "rcptNo") or 0)
        total = _number(data, "totRcptNo")
        moment = f"{at[6:8]}{at[4:6]}{at[:4]}#{at[8:14]}" if len(at) == 14 else "#"
        return FiscalStamp(
            device=self._device_id,
            receipt_number=counter if total is None else f"{counter}/{total}",
            internal_data=internal,
            signature=signature,
            device_id=sdc,
            machine_number=_text(data, "mrcNo", 40) or self._told.machine_number,
            signed_at=at,
            qr=f"{moment}#{sdc}#{counter}#{internal}#{signature}",
        )

    async def _ask(self, path: str, body: bytes) -> _Reply | Answer:
        settings = self._settings
        rules = FetchRules(timeout_s=settings.timeout_s, max_bytes=MAX_BYTES, allows_private=settings.allows_private)
        try:
            raw = await fetch(settings.url.rstrip("/") + path, rules, body=body, content_type=_JSON, accept=_JSON)
            return msgspec.json.decode(raw, type=_Reply, strict=False)
        except PartnerFailed as error:
            kind = AnswerKind.UNREACHABLE if error.retryable else AnswerKind.REFUSED
            return Answer(kind=kind, message=error.message)
        except msgspec.MsgspecError:
            return Answer(kind=AnswerKind.UNREACHABLE, message="The answer was none of a fiscal device.")


def _unsigned(reply: _Reply) -> Answer:
    kind = AnswerKind.REFUSED
    if reply.resultCd == NO_LINE:
        kind = AnswerKind.UNREACHABLE
    elif reply.resultCd == DUPLICATE:
        kind = AnswerKind.DUPLICATE
    elif reply.resultCd in SEQUENCE:
        kind = AnswerKind.SEQUENCE
    return Answer(kind=kind, message=_said(reply))


def _said(reply: _Reply) -> str:
    return plain(f"{reply.resultCd} {reply.resultMsg}".strip(), 300)


def _text(data: dict[str, Any], name: str, limit: int = 60) -> str:
    value = data.get(name)
    return plain(str(value), limit) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _number(data: dict[str, Any], name: str) -> int | None:
    text = _text(data, name, 20)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _amount(data: dict[str, Any], name: str) -> Decimal | None:
    value = data.get(name)
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None
