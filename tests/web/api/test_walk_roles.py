"""Every operation, every role, one's own objects and others': who may what is derived from what is declared."""

import hashlib
from typing import Any

import httpx
import pytest

from ingufu.accounts.model import OrganisationKind, Role
from ingufu.app.schema import METADATA
from web.api.conftest import House
from web.api.walking import ENDLESS, FILLINGS, Operation, Standing, operations
from web.api.world import Side, World, build, key_of

OF_OTHERS = {Role.HOST, Role.FLEET_MANAGER, Role.ORGANISATION_ADMIN}
NETWORK = [Standing(role, OrganisationKind.OPERATOR) for role in Role if role not in OF_OTHERS]
BOUND = [
    *(Standing(role, OrganisationKind.OPERATOR, is_at_site=True) for role in (Role.OPERATOR, Role.FINANCE)),
    Standing(Role.HOST, OrganisationKind.HOST),
    Standing(Role.FLEET_MANAGER, OrganisationKind.FLEET),
    Standing(Role.ORGANISATION_ADMIN, OrganisationKind.HOST),
    Standing(Role.ORGANISATION_ADMIN, OrganisationKind.FLEET),
]
KNOWN_BY_ALL = {  # what everyone may who is known: their own affairs, and what they find by what they may see
    "log_out", "get_me", "change_own_password", "get_openapi", "list_saved_views", "create_saved_view",
    "order_saved_views", "get_saved_view", "update_saved_view", "delete_saved_view",
    "update_me", "get_my_factors", "begin_my_app", "confirm_my_app", "remove_my_app", "renew_my_codes",
    "list_my_passkeys", "ask_my_passkey", "add_my_passkey", "name_my_passkey", "remove_my_passkey", "list_my_logins",
    "end_my_login", "end_my_other_logins", "get_run", "list_run_results", "export_run_results",
}  # fmt: skip
FILTERED = {"search", "get_run", "list_run_results", "export_run_results"}  # of what they did
ENDS = {  # what would take away what the rest of the walk asks for
    "cancel_reservation", "delete_driver", "delete_group", "delete_station", "delete_token", "log_out", "refuse_station",
    "delete_user", "revoke_key", "retire_meter_key", "void_invoice", "credit_charge_record", "credit_invoice", "correct_charge_record",
}  # fmt: skip
NOTHING_YET = {  # what nobody has asked the station for, or what it has to say more for than the stand-in does
    "adjust_stream", "ask_sampling", "export_run_results", "get_report", "get_run", "list_run_results", "list_stream_values", "send_network_profile", "set_network_priority",
    "read_variables", "set_variables", "use_priority_charging",
}  # fmt: skip
OURS_ALONE = {
    "audit",
    "audit_chain",
    "audit_seals",
    "api_keys",
    "idempotency",
}  # changed by asking, not by what is asked


def of(standing: Standing) -> str:
    return f"{standing.role} of {standing.kind}{' at a site' if standing.is_at_site else ''}"


@pytest.fixture
async def world(house: House) -> World:
    return await build(house)


async def client_of(world: World, standing: Standing) -> httpx.AsyncClient:
    world.show(standing.kind)
    side = None if standing.sees_all else world.one
    key = await key_of(world, standing.role, kind=standing.kind, side=side)
    transport = httpx.ASGITransport(app=world.house.app)  # type: ignore[arg-type]
    client = httpx.AsyncClient(
        transport=transport, base_url=world.house.url, headers={"Authorization": f"Bearer {key}"}
    )
    world.house.clients.append(client)
    return client


def test_every_operation_has_a_rule() -> None:
    """Fails for an operation that is open to all who are known; those whose objects it cannot name fail below."""
    for operation in operations():
        if operation.is_public:
            continue
        assert operation.scope is not None or operation.id in KNOWN_BY_ALL | FILTERED, (
            f"{operation.id} asks for no permission: declare its scope, or say in KNOWN_BY_ALL why it needs none"
        )


async def test_who_sees_everything_is_refused_what_their_role_lacks(house: House, world: World) -> None:
    walked = 0
    for standing in NETWORK:
        client = await client_of(world, standing)
        for operation in operations():
            if operation.id in ENDLESS | KNOWN_BY_ALL or operation.is_public:
                continue
            target = _nobodys(operation) if operation.method != "get" else _known(operation, world.one)
            body = None if operation.method == "get" else {}
            answer = await client.request(operation.method, target, json=body)
            where = f"{of(standing)}: {operation.id}: {answer.status_code} {answer.text[:300]}"
            if standing.may(operation):
                assert answer.status_code not in {401, 403}, where
                assert answer.status_code < 500, where
            else:
                assert answer.status_code == 403, where
            walked += 1
    assert walked > 1500
    assert not house.link.raw


@pytest.mark.parametrize("standing", BOUND, ids=of)
async def test_what_is_others_does_not_exist(house: House, world: World, standing: Standing) -> None:
    client = await client_of(world, standing)
    house.link.commands.clear()
    before, walked, found = await _stored(house), 0, []
    for operation in operations():
        if operation.id in KNOWN_BY_ALL or operation.is_public or not _is_nameable(operation, world.two, standing):
            continue
        asked = operation.request(world.two)
        answer = await client.request(**asked)
        expected = 404 if standing.may(operation) else 403
        if answer.status_code != expected:
            found.append(f"{operation.id}: {answer.status_code} {answer.text[:200]}")
        found += _leaks(operation, answer, world.two, asked)
        walked += 1
    assert not found, "\n".join(found)
    assert walked > 20
    assert house.link.commands == house.link.raw == house.link.reloaded == house.link.disconnected == []
    assert await _stored(house) == before, "nothing of it changed anything"


@pytest.mark.parametrize("standing", BOUND, ids=of)
async def test_what_is_ones_own_is_found_and_tells_nothing_of_others(world: World, standing: Standing) -> None:
    client = await client_of(world, standing)
    found, walked = [], 0
    for operation in operations():
        if operation.id in ENDLESS | KNOWN_BY_ALL | ENDS or operation.is_public:
            continue
        if not _fillable(operation, world.one) and standing.may(operation):
            found.append(f"{operation.id}: say in world.py what fills {operation.path}")
            continue
        asked = operation.request(world.one) if _fillable(operation, world.one) else {
            "method": operation.method, "url": _nobodys(operation),
        }  # fmt: skip
        answer = await client.request(**asked)
        if not standing.may(operation):
            expected = answer.status_code == 403
        else:
            expected = answer.status_code not in {401, 403} and answer.status_code < 500
            expected = expected and (answer.status_code != 404 or operation.id in NOTHING_YET)
        if not expected:
            found.append(f"{operation.id}: {answer.status_code} {answer.text[:200]}")
        found += _leaks(operation, answer, world.two, {})
        walked += 1
    assert not found, "\n".join(found)
    assert walked > 200


@pytest.mark.parametrize("standing", BOUND, ids=of)
async def test_no_filter_and_no_body_leads_to_what_is_others(world: World, standing: Standing) -> None:
    client, found = await client_of(world, standing), []
    two = world.two
    for operation in operations():
        if not standing.may(operation) or operation.is_public or operation.id in ENDLESS | KNOWN_BY_ALL | ENDS:
            continue
        if not _fillable(operation, world.one):
            continue
        for name in operation.query:
            if name not in two.ids and name != "q":
                continue
            value = two.ids.get(name, two.name)
            asked = operation.request(world.one)
            asked["params"] = {**asked["params"], name: value}
            answer = await client.request(**asked)
            if answer.status_code == 401 or answer.status_code >= 500:
                found.append(f"{operation.id}?{name}=: {answer.status_code} {answer.text[:200]}")
            found += _leaks(operation, answer, two, {"url": value})
        if operation.method != "get":
            asked = operation.request(two) | {"url": operation.target(world.one)}
            if asked.get("json") != operation.request(world.one).get("json"):
                answer = await client.request(**asked)
                is_refused = answer.status_code in {400, 403, 404, 422} or '"is_done":false' in answer.text
                if not is_refused:
                    found.append(f"{operation.id} {asked['json']}: {answer.status_code} {answer.text[:200]}")
                found += _leaks(operation, answer, two, asked)
    assert not found, "\n".join(found)


def _leaks(operation: Operation, answer: httpx.Response, foreign: Side, asked: dict[str, Any]) -> list[str]:
    """Return what of another's is in an answer, beside what was asked for and comes back in an error."""
    if '"is_done":false' in answer.text:  # says of each thing that was named that there is no such thing
        return []
    text, echoed = answer.text, f"{asked.get('url', '')} {asked.get('json', '')} {asked.get('params', '')}"
    told = [mark for mark in foreign.marks if mark in text and not (mark in echoed and answer.status_code >= 400)]
    return [f"{operation.id} tells {mark}: {text[max(0, text.find(mark) - 80) :][:160]}" for mark in told]


def _is_nameable(operation: Operation, side: Side, standing: Standing) -> bool:
    return operation.names_object(side) and _fillable(operation, side)


def _fillable(operation: Operation, side: Side) -> bool:
    return all(name in FILLINGS or name in side.ids for name in operation.parameters)


def _nobodys(operation: Operation) -> str:
    return operation.target(Side("nobody", ids=dict.fromkeys(operation.parameters, "1")))


def _known(operation: Operation, side: Side) -> str:
    return operation.target(side) if _fillable(operation, side) else _nobodys(operation)


async def _stored(house: House) -> dict[str, str]:
    """Return what is in every table, in short."""
    found: dict[str, str] = {}
    for metadata in METADATA:
        for table in metadata.sorted_tables:
            if table.name not in OURS_ALONE:
                rows = await house.database.select(table.select())
                found[table.name] = hashlib.sha256(repr(sorted(map(repr, rows))).encode()).hexdigest()
    return found
