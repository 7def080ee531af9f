"""Charge records in the words of OCPI 2.2.1 and 2.3.0 (mod_cdrs): plain values, ready for JSON. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec
from babel.core import get_global

from ingufu.billing.records.model import ChargeRecord, RecordKind, Snapshot
from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import Dimension
from ingufu.tariffs.priced import Line, Period

UNKNOWN = "#NA"  # of an EVSE that is not known (mod_cdrs)
ID_MAX = 39
PLACES = Decimal("0.0001")  # what OCPI numbers carry
_TEXT_MAX = {"name": 255, "address": 45, "city": 45, "uid": 36, "remark": 255, "meter": 255}
_ADDRESS_MAX = {"2.2.1": 45, "2.3.0": 255}

Plain = dict[str, Any]


class OcpiVersion(StrEnum):
    V221 = "2.2.1"
    V230 = "2.3.0"


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Who issues the record, as roaming partners know it."""

    country_code: str = "ZZ"  # ISO 3166-1 alpha-2
    party_id: str = "ING"  # three characters, after ISO 15118


class SignedReading(msgspec.Struct, frozen=True, kw_only=True):
    """A signed reading of the session, byte for byte."""

    nature: str  # Start, End or Intermediate
    data: str
    text: str = ""  # what it says, where that can be read without tools
    method: str = "OCMF"
    public_key: str | None = None


_FORMER = frozenset({"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"})  # countries that are no more

_STANDARDS: Mapping[str, str] = {
    "cCCS1": "IEC_62196_T1_COMBO",
    "cCCS2": "IEC_62196_T2_COMBO",
    "cG105": "CHADEMO",
    "cTesla": "TESLA_S",
    "cType1": "IEC_62196_T1",
    "cType2": "IEC_62196_T2",
    "s309-1P-16A": "IEC_60309_2_single_16",
    "s309-3P-16A": "IEC_60309_2_three_16",
    "s309-3P-32A": "IEC_60309_2_three_32",
    "sBS1361": "DOMESTIC_G",
    "sCEE-7-7": "DOMESTIC_F",
    "sType2": "IEC_62196_T2",
    "sType3": "IEC_62196_T3C",
    "cGBT": "GBT_AC",
    "cGBT-DC": "GBT_DC",
    "cChaoJi": "CHAOJI",
    "cMCS": "MCS",
    "cNACS": "SAE_J3400",
    "Pan": "PANTOGRAPH_TOP_DOWN",
}
_DIRECT = frozenset({"cCCS1", "cCCS2", "cG105", "cGBT-DC", "cChaoJi", "cMCS", "Pan"})
_SINGLE = frozenset({"cType1", "s309-1P-16A", "sBS1361", "sCEE-7-7"})
_TOKENS: Mapping[str, str] = {
    "ISO14443": "RFID",
    "ISO15693": "RFID",
    "Central": "APP_USER",
    "DirectPayment": "AD_HOC_USER",
    "NoAuthorization": "AD_HOC_USER",
}


def cdr_of(
    record: ChargeRecord,
    party: Party,
    version: OcpiVersion,
    *,
    tariffs: Sequence[Mapping[str, Any]] = (),
    signed: Sequence[SignedReading] = (),
) -> Plain:
    """Return the record as an OCPI CDR; `tariffs` are its frozen tariffs in OCPI's words.

    A credit has the data of the record that it takes back, with `total_cost` negated, and names it. Raises InvalidInput
    if the party is none.
    """
    _check(party)
    price = record.price
    cdr: Plain = {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "id": record.id[:ID_MAX],
        "start_date_time": instant(record.started_at),
        "end_date_time": instant(record.ended_at),
        "session_id": record.transaction_id,
        "cdr_token": _token(record.snapshot, party),
        "auth_method": record.snapshot.auth_method,
        "cdr_location": _location(record.snapshot, version, is_reservation=record.transaction_id is None),
        "meter_id": _cut(record.snapshot.meter_serial, "meter"),
        "currency": record.currency,
        "tariffs": list(tariffs) or None,
        "charging_periods": _periods(record),
        "signed_data": _signed(signed),
        "total_cost": _total(record, version),
        "total_energy": _number(price.energy_kwh),
        "total_time": _number(price.time_h + price.reservation_h if record.transaction_id is None else price.time_h),
        "total_parking_time": _number(price.parking_h) if price.parking_h else None,
        "remark": _cut(record.reason, "remark"),
        "last_updated": instant(record.issued_at),
    }
    cdr |= _costs(price.lines, version)
    if record.kind is RecordKind.CREDIT:
        cdr |= {"credit": True, "credit_reference_id": record.corrects_id}
    return {name: value for name, value in cdr.items() if value is not None}


def encode(cdr: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Return JSON with exact numbers."""
    return _ENCODER.encode(cdr)


def instant(at: datetime) -> str:
    """Return an instant as OCPI writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").replace(".000Z", "Z")


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _check(party: Party) -> None:
    if not (len(party.country_code) == 2 and party.country_code.isalpha()):
        raise InvalidInput("A country is named by two letters.", field="country_code")
    if not (len(party.party_id) == 3 and party.party_id.isalnum() and party.party_id.isascii()):
        raise InvalidInput("A party is named by three letters or digits.", field="party_id")


def _token(who: Snapshot, party: Party) -> Plain:
    uid = _cut(who.token_value, "uid") or UNKNOWN
    kind = _TOKENS.get(who.token_kind or "NoAuthorization", "OTHER")
    contract = _cut(who.driver_id or uid, "uid")
    return {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "uid": uid,
        "type": kind,
        "contract_id": contract,
    }


def _location(where: Snapshot, version: OcpiVersion, *, is_reservation: bool) -> Plain:
    plug = where.plug or ""
    power = "DC" if plug in _DIRECT else "AC_1_PHASE" if plug in _SINGLE else "AC_3_PHASE"
    evse = UNKNOWN if where.evse is None or (is_reservation and not where.evse) else str(where.evse)
    location: Plain = {
        "id": _cut(where.site_id, "uid") or UNKNOWN,
        "name": _cut(where.site_name, "name"),
        "address": where.address[: _ADDRESS_MAX[version.value]] or UNKNOWN,
        "city": _cut(where.city, "city") or UNKNOWN,
        "country": country_of(where.country),
        "coordinates": {
            "latitude": f"{where.latitude or 0:.6f}",
            "longitude": f"{where.longitude or 0:.6f}",
        },
        "evse_uid": UNKNOWN if evse == UNKNOWN else f"{where.station_identity[:30]}*{evse}",
        "evse_id": UNKNOWN,
        "connector_id": UNKNOWN if where.connector is None else str(where.connector),
        "connector_standard": _STANDARDS.get(plug, "IEC_62196_T2"),
        "connector_format": "CABLE" if plug.startswith("c") else "SOCKET",
        "connector_power_type": power,
    }
    return {name: value for name, value in location.items() if value is not None}


def country_of(code: str) -> str:
    """Return a country's three letters (ISO 3166-1 alpha-3), as OCPI names places by them; "ZZZ" if it is not known."""
    return _countries().get(code.upper(), "ZZZ")


@cache
def _countries() -> Mapping[str, str]:
    aliases: Mapping[str, Sequence[str]] = get_global("territory_aliases")
    return {
        two[0]: three
        for three, two in aliases.items()
        if len(three) == 3 and three.isalpha() and len(two) == 1 and three not in _FORMER
    }


def _periods(record: ChargeRecord) -> list[Plain]:
    periods = record.price.periods or (
        Period(
            started_at=record.started_at,
            tariff_id=record.tariffs[0].tariff_id if record.tariffs else "",
            version=record.tariffs[0].version if record.tariffs else 0,
            energy_kwh=record.price.energy_kwh,
            time_h=record.price.time_h,
        ),
    )
    return [_period(one) for one in periods]


def _period(period: Period) -> Plain:
    volumes = (
        ("ENERGY", period.energy_kwh),
        ("TIME", period.time_h),
        ("PARKING_TIME", period.parking_h),
        ("RESERVATION_TIME", period.reservation_h),
        ("MAX_POWER", period.max_power_kw),
        ("MIN_POWER", period.min_power_kw),
    )
    told = [{"type": kind, "volume": _number(volume)} for kind, volume in volumes if volume]
    plain: Plain = {
        "start_date_time": instant(period.started_at),
        "dimensions": told or [{"type": "TIME", "volume": Decimal(0)}],
    }
    return plain | ({"tariff_id": period.tariff_id} if period.tariff_id else {})


def _total(record: ChargeRecord, version: OcpiVersion) -> Plain:
    """Return what is owed, with its limits; negative in a credit."""
    sign = -1 if record.kind is RecordKind.CREDIT else 1
    if version is OcpiVersion.V221:
        total: Plain = {"excl_vat": record.net}
        return total | ({"incl_vat": record.gross} if record.price.is_tax_known else {})
    taxes = [
        {"name": tax.name, "percentage": _number(tax.percent), "amount": sign * tax.amount}
        for tax in record.price.billed.taxes
    ]
    return {"before_taxes": record.net} | ({"taxes": taxes} if taxes else {})


def _costs(lines: Iterable[Line], version: OcpiVersion) -> Plain:
    """Return the sums by dimension: of the lines alone, before limits."""
    sums: dict[str, list[Line]] = {}
    for line in lines:
        sums.setdefault("total_reservation_cost" if line.reservation else _COSTS[line.dimension], []).append(line)
    return {name: _cost(found, version) for name, found in sums.items()}


def _cost(lines: Sequence[Line], version: OcpiVersion) -> Plain:
    net = sum((line.net for line in lines), Decimal(0))
    gross = sum((line.gross for line in lines), Decimal(0))
    if version is OcpiVersion.V221:
        cost: Plain = {"excl_vat": _number(net)}
        return cost | ({"incl_vat": _number(gross)} if all(line.taxes is not None for line in lines) else {})
    names = sorted({tax.name for line in lines for tax in line.taxes or ()})
    if not names or gross == net:
        return {"before_taxes": _number(net)}
    return {"before_taxes": _number(net), "taxes": [{"name": ", ".join(names), "amount": _number(gross - net)}]}


_COSTS = {
    Dimension.FLAT: "total_fixed_cost",
    Dimension.ENERGY: "total_energy_cost",
    Dimension.TIME: "total_time_cost",
    Dimension.PARKING_TIME: "total_parking_cost",
}


def _signed(signed: Sequence[SignedReading]) -> Plain | None:
    if not signed:
        return None
    plain: Plain = {
        "encoding_method": signed[0].method[:36],
        "signed_values": [
            {"nature": one.nature[:32], "plain_data": one.text[:5000], "signed_data": one.data[:5000]} for one in signed
        ],
    }
    key = next((one.public_key for one in signed if one.public_key), None)
    return plain | ({"public_key": key[:512]} if key else {})


def _number(value: Decimal) -> Decimal:
    rounded = value.quantize(PLACES, ROUND_HALF_UP)
    return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded.normalize()


def _cut(text: str | None, what: str) -> str | None:
    return text[: _TEXT_MAX[what]] if text else None
