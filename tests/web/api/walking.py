"""What a walk over the API is made of: its operations, what each asks of a principal, and what fills its address."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingufu.accounts.model import CEILINGS, ROLE_SCOPES, OrganisationKind, Role, Scope
from ingufu.web.docs.documents import document_bytes
from web.api.world import Side

DOCUMENT = json.loads(document_bytes())
ENDLESS = {"listen"}  # it streams
FILLINGS = {  # what is the same on both sides
    "evse": "1", "connector": "1", "action": "Reset", "number": "1", "slot": "1", "report": "1", "line": "1", "run_id": "1",
    "kind": "tokens", "role_id": "organisation-admin",
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "accept_proposals": {"items": [{"transaction_id": "{item}", "number": 1}]},
    "ask_sampling": {"occasion": "started"},
    "add_meter_key": {"station": "{station}", "public_key": "00" * 40},
    "create_station": {"identity": "NEW", "site_id": "{site_id}"},
    "create_user": {
        "email": "new@example.net",
        "name": "New",
        "organisation_id": "{organisation_id}",
        "grants": [{"role": "organisation-admin"}],
    },
    "create_key": {"name": "New", "scopes": ["transactions:read"], "organisation_id": "{organisation_id}"},
    "create_token": {"value": "NEW", "group_id": "{group_id}", "driver_id": "{driver_id}"},
    "credit_charge_record": {"reason": "seen"},
    "credit_invoice": {"reason": "seen"},
    "decide_review": {"choice": "bill-proposed", "number": 1},
    "end_transaction": {"reason": "seen", "force": True},
    "correct_charge_record": {"reason": "seen", "tariff_id": "{tariff_id}"},
    "pay_invoice": {"amount": "1", "reference": "seen"},
    "rate_transaction": {"tariff_id": "{tariff_id}"},
    "desire": {"values": [{"variable": "OCPPCommCtrlr.HeartbeatInterval", "value": "60"}]},
    "preview_price": {"station": "{station}"},
    "read_variables": {"variables": [{"variable": "OCPPCommCtrlr.HeartbeatInterval"}]},
    "reserve": {"token": "X", "expires_at": "2026-03-05T00:00:00Z"},
    "send_network_profile": {"url": "wss://csms.example/ocpp", "security_profile": 2},
    "set_availability": {"availability": "inoperative"},
    "set_boot_answer": {"boot_answer": "Pending"},
    "set_message": {"content": "Hello"},
    "set_network_priority": {"slots": [1]},
    "set_password": {"password": "0123456789abcdef"},
    "set_priority": {"priority": 1},
    "set_site_evidence": {"demands_signatures": True},
    "set_user_password": {"password": "a new password of theirs"},
    "set_variables": {"values": [{"variable": "OCPPCommCtrlr.HeartbeatInterval", "value": "60"}]},
    "start": {"token": "X", "force": True},
    "stop": {"transaction": "{transaction_id}"},
    "switch_quirk": {"is_on": True},
    "trigger": {"trigger": "boot"},
    "unlock": {"evse": 1},
    "update_token": {"note": "seen"},
    "use_priority_charging": {"is_active": True},
}
QUERIES: dict[str, dict[str, str]] = {
    "list_variable_changes": {"variable": "OCPPCommCtrlr.HeartbeatInterval"},
    "get_price_as_known": {"at": "2026-03-01T12:30:00Z"},
    "get_session_as_known": {"at": "2026-03-01T12:30:00Z"},
    "get_transaction_what_if": {"tariff_id": "{tariff_id}"},
    "get_host_statement": {
        "currency": "RWF", "since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z",
    },
    "get_applying_tariff": {"station": "{station}"},
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One operation as the document declares it."""

    method: str
    path: str
    id: str
    scope: Scope | None
    is_public: bool
    is_for_network: bool
    is_for_fleets: bool
    is_for_organisations: bool
    query: tuple[str, ...]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    def target(self, side: Side) -> str:
        """Return the address of the side's object."""
        return re.sub(r"\{(\w+)\}", lambda found: (FILLINGS | side.ids)[found[1]], self.path)

    def names_object(self, side: Side) -> bool:
        return any(name in side.ids for name in self.parameters)

    def request(self, side: Side) -> dict[str, Any]:
        """Return what is asked for of the side's object."""
        asked: dict[str, Any] = {"method": self.method, "url": self.target(side)}
        asked["params"] = _filled(QUERIES.get(self.id, {}), side)
        if self.method != "get":
            asked["json"] = _filled(BODIES.get(self.id, {}), side)
        return asked


@dataclass(frozen=True)
class Standing:
    """Who walks: with which role, in which organisation, and whether only at some sites."""

    role: Role
    kind: OrganisationKind
    is_at_site: bool = False

    @property
    def sees_all(self) -> bool:
        return self.kind is OrganisationKind.OPERATOR and not self.is_at_site

    def may(self, operation: Operation) -> bool:
        """Return what the table says: the rule that every operation is to follow, made from what it declares."""
        if operation.is_public or operation.scope is None:
            return True
        if operation.scope not in ROLE_SCOPES[self.role] & CEILINGS[self.kind]:
            return False
        if operation.is_for_organisations and self.kind is not OrganisationKind.OPERATOR:
            return True
        if self.kind is OrganisationKind.FLEET:
            return operation.is_for_fleets
        return self.sees_all or not operation.is_for_network


def operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, declared in methods.items():
            yield Operation(
                method=method,
                path=path,
                id=declared["operationId"],
                scope=Scope(declared["x-scope"]) if "x-scope" in declared else None,
                is_public=declared.get("security") == [],
                is_for_network=declared.get("x-for-network", False),
                is_for_fleets=declared.get("x-for-fleets", False),
                is_for_organisations=declared.get("x-for-organisations", False),
                query=tuple(one["name"] for one in declared["parameters"] if one["in"] == "query"),
            )


def _filled(given: Any, side: Side) -> Any:
    if isinstance(given, str):
        return re.sub(r"\{(\w+)\}", lambda found: side.ids.get(found[1], found[0]), given)
    if isinstance(given, dict):
        return {name: _filled(value, side) for name, value in given.items()}
    return [_filled(value, side) for value in given] if isinstance(given, list) else given
