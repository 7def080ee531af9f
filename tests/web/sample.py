"""Sample data for the style guide: one station, its network, its messages; deterministic, so that pictures compare."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from ingufu.web.console.formats import Figure

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
ZONE = "Africa/Kigali"
STARTED = NOW - timedelta(minutes=42, seconds=18)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def dc_power_kw(minute: float) -> float:
    """A fast charge: a ramp, a plateau, then the taper above 60 % state of charge."""
    if minute < 2:
        return minute * 37
    return 74 - 1.2 * math.sin(minute * 1.7) - max(0.0, minute - 18) * 1.05


def session_chart() -> dict[str, Any]:
    points, energy = [], 0.0
    for step in range(85):
        minute = step / 2
        power = dc_power_kw(minute)
        energy += power / 120
        points.append(
            (
                int((STARTED + timedelta(minutes=minute)).timestamp() * 1000),
                round(power, 2),
                round(energy, 2),
                round(18 + energy * 1.55),
            )
        )
    return {
        "zone": ZONE,
        "series": [
            {"name": "Power", "unit": "kW", "axis": "power", "points": [[at, power] for at, power, _, _ in points]},
            {
                "name": "Energy",
                "unit": "kWh",
                "axis": "energy",
                "points": [[at, energy] for at, _, energy, _ in points],
            },
            {"name": "State of charge", "unit": "%", "axis": "soc", "points": [[at, soc] for at, _, _, soc in points]},
        ],
    }


def network_kw(hour: float) -> float:
    morning = math.exp(-((hour - 8.2) ** 2) / 5) * 210
    evening = math.exp(-((hour - 18.4) ** 2) / 7) * 320
    return 60 + morning + evening + 9 * math.sin(hour * 3.3) + 5 * math.sin(hour * 11)


def day_chart() -> dict[str, object]:
    def curve(scale: float) -> list[list[float]]:
        at = [ago(minutes=15 * (96 - step)) for step in range(97)]
        return [
            [int(t.timestamp() * 1000), round(network_kw((t.hour + 2 + t.minute / 60) % 24) * scale, 1)] for t in at
        ]

    return {
        "zone": ZONE,
        "limits": [{"name": "Grid connection", "value": 420}],
        "series": [
            {"name": "Now", "unit": "kW", "points": curve(1)},
            {"name": "Last Friday", "unit": "kW", "points": curve(0.84)},
        ],
    }


def map_sites() -> dict[str, object]:
    places = [("Nyarutarama Golf", -1.9305, 30.0986, "active"), ("Kigali Heights", -1.9536, 30.0927, "ok"), ("Huye", -2.5967, 29.7394, "bad"), ("Musanze", -1.4998, 29.6349, "idle"), ("Rubavu", -1.6792, 29.2584, "ok"), ("Rwamagana", -1.9487, 30.4347, "wait")]  # fmt: skip
    return {
        "sites": [
            {"name": name, "href": "#map", "latitude": lat, "longitude": lon, "tone": tone, "status": "2 of 4 charging"}
            for name, lat, lon, tone in places
        ]
    }


MESSAGE = {
    "eventType": "Updated",
    "timestamp": "2026-11-20T12:34:31Z",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 42,
    "offline": False,
    "transactionInfo": {"transactionId": "8K2-71F", "chargingState": "Charging"},
    "evse": {"id": 1, "connectorId": 1},
    "meterValue": [
        {
            "timestamp": "2026-11-20T12:34:30Z",
            "sampledValue": [
                {"value": 48.31, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}},
                {"value": 128461.64, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "kWh"}},
            ],
        }
    ],
    "customData": {"vendorId": "<script>alert(1)</script>", "x": None},
}

EVSES = [
    {"key": "1", "name": "EVSE 1", "connectors": "CCS 2, 180 kW", "status": "charging", "power_w": Decimal(48310), "energy_wh": Decimal("21412.5"), "soc_percent": 63, "started_at": STARTED, "token": "04A2 7C91 6E80", "session_href": "#session", "powers": [dc_power_kw(step) for step in range(42)], "fault": None, "changed_at": STARTED},
    {"key": "2", "name": "EVSE 2", "connectors": "Type 2, 22 kW", "status": "suspended-ev", "power_w": Decimal(0), "energy_wh": Decimal(6120), "soc_percent": None, "started_at": ago(hours=2, minutes=12), "token": "AUTOCHARGE 9C:B2:27:01:44:EE", "session_href": "#session", "powers": [11, 11, 11, 10.9, 11, 11, 11, 7, 2, 0, 0, 0], "fault": None, "changed_at": ago(minutes=9)},
    {"key": "3", "name": "EVSE 3", "connectors": "CHAdeMO", "status": "faulted", "power_w": None, "energy_wh": None, "soc_percent": None, "started_at": None, "token": None, "session_href": None, "powers": [], "fault": "Ground failure, vendor code 0x2104. The residual current device has tripped: someone has to look at it on site.", "changed_at": ago(hours=5)},
    {"key": "4", "name": "EVSE 4", "connectors": "Type 2, 22 kW", "status": "available", "power_w": None, "energy_wh": None, "soc_percent": None, "started_at": None, "token": None, "session_href": None, "powers": [], "fault": None, "changed_at": ago(minutes=34)},
]  # fmt: skip

TILES = [
    {"name": "Stations online", "value": Figure("1,271", "of 1,284"), "icon_name": "plug-connected", "note": "9 offline, 4 faulted", "href": "#stations"},
    {"name": "Charging now", "value": Figure("318", "sessions"), "id": "charging-now", "icon_name": "bolt", "change": 0.12, "than": "against last Friday", "values": [network_kw(h / 2) / 3 for h in range(48)], "tone": "active"},
    {"name": "Power now", "value": Figure("4.82", "MW"), "id": "power-now", "icon_name": "activity", "note": "61 % of the connection", "values": [network_kw(h / 2) for h in range(48)]},
    {"name": "Energy today", "value": Figure("38.4", "MWh"), "icon_name": "battery-charging", "change": -0.031, "than": "against last Friday", "values": [network_kw(h / 2) * h for h in range(40)], "tone": "ok"},
]  # fmt: skip

COLUMNS = [
    {"label": "Station", "key": "name"},
    {"label": "Status", "key": "status"},
    {"label": "EVSEs"},
    {"label": "Vendor, model", "key": "model"},
    {"label": "Power", "key": "power", "num": True},
    {"label": "Energy today", "key": "energy", "num": True},
    {"label": "Last message", "key": "heard", "num": True},
]

ROWS = [
    {"name": "KGL-NYA-0142", "site": "Nyarutarama Golf, Kigali", "status": "online", "evses": [("EVSE 1", "charging"), ("EVSE 2", "suspended-ev"), ("EVSE 3", "faulted"), ("EVSE 4", "available")], "model": "ABB Terra 184", "firmware": "1.8.32", "power_w": 48310, "energy_wh": 412300, "heard_at": ago(seconds=12)},
    {"name": "KGL-CBD-0031", "site": "Kigali Heights", "status": "online", "evses": [("EVSE 1", "charging"), ("EVSE 2", "charging")], "model": "Alpitronic HYC 150", "firmware": "2.3.0", "power_w": 131200, "energy_wh": 903100, "heard_at": ago(seconds=3)},
    {"name": "HUY-UNI-0007", "site": "Université, Huye", "status": "faulted", "evses": [("EVSE 1", "faulted")], "model": "Wallbox Pulsar Plus", "firmware": "5.17.68", "power_w": 0, "energy_wh": 8200, "heard_at": ago(minutes=4)},
    {"name": "MUS-GOR-0002", "site": "Gorilla Junction, Musanze", "status": "offline", "evses": [("EVSE 1", "offline"), ("EVSE 2", "offline")], "model": "Kempower Satellite", "firmware": "3.1.4", "power_w": None, "energy_wh": 0, "heard_at": ago(hours=7)},
    {"name": "RUB-LAC-0011", "site": "Lac Kivu, Rubavu", "status": "pending", "evses": [], "model": "Schneider EVlink Pro", "firmware": "unknown", "power_w": None, "energy_wh": None, "heard_at": ago(minutes=41)},
]  # fmt: skip

TIMELINE = [
    {"at": ago(minutes=2), "title": "Power limited to 50 kW", "detail": "Load group Nyarutarama, limit of the site reached", "tone": "wait", "icon": "adjustments-horizontal"},
    {"at": STARTED, "title": "Charging began", "detail": "EVSE 1, Diane Uwase", "tone": "active", "icon": "bolt", "href": "#session"},
    {"at": ago(hours=5), "title": "EVSE 3 faulted", "detail": "GroundFailure, vendor code 0x2104", "tone": "bad", "icon": "alert-triangle"},
    {"at": ago(days=1, hours=3), "title": "Connected", "detail": "From 196.12.152.7, TLS 1.3, ocpp2.0.1", "tone": "ok", "icon": "plug-connected"},
    {"at": ago(days=4), "title": "Firmware installed", "detail": "1.8.32, was 1.8.29", "icon": "cpu"},
]  # fmt: skip


def make_sample() -> SimpleNamespace:
    week_ago = ago(days=7)
    return SimpleNamespace(
        now=NOW,
        week_ago=week_ago,
        zone=ZONE,
        tzinfo=ZoneInfo(ZONE),
        heard_at=ago(seconds=12),
        started_at=STARTED,
        live_href="/live",
        session_src="/console/session.json",
        day_src="/console/day.json",
        map_src="/console/map.json",
        filter_action="/",
        sort_href=lambda key: f"/?sort={key}",
        tabs=[
            {"key": "now", "label": "Now", "href": "#page"},
            {"key": "messages", "label": "Messages", "href": "#messages", "count": 12841},
            {"key": "commands", "label": "Commands", "href": "#commands"},
            {"key": "sessions", "label": "Sessions", "href": "#sessions", "count": 318},
            {"key": "settings", "label": "Configuration", "href": "#configuration"},
        ],
        tiles=TILES,
        evses=[SimpleNamespace(**evse) for evse in EVSES],
        columns=COLUMNS,
        rows=[SimpleNamespace(**row) for row in ROWS],
        timeline=TIMELINE,
        message=MESSAGE,
        changes=[
            (week_ago, "available"),
            (week_ago + timedelta(hours=20), "charging"),
            (week_ago + timedelta(hours=26), "available"),
            (week_ago + timedelta(hours=60), "offline"),
            (week_ago + timedelta(hours=68), "available"),
            (week_ago + timedelta(hours=90), "charging"),
            (week_ago + timedelta(hours=97), "faulted"),
            (week_ago + timedelta(hours=103), "available"),
            (week_ago + timedelta(hours=150), "charging"),
        ],
    )
