"""What a form offers to choose from has what is chosen already, however many there are: saving changes nothing else."""

from html.parser import HTMLParser

import httpx

from ingufu.accounts.model import OrganisationKind, Role, RoleGrant
from ingufu.authorization.model import DriverDetails, GroupDetails, ListMode, RuleScope, TokenDetails
from web.console.conftest import PASSWORD, House, Person, person
from web.console.test_invoices import SELLER


class _Form(HTMLParser):
    """The fields of one form of a page, as a browser would send them."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.is_inside, self.pairs = action, False, list[tuple[str, str]]()
        self.select, self.options, self.area = "", list[tuple[str, bool]](), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_inside = given.get("action") == self.action
        if not self.is_inside:
            return
        if tag == "select":
            self.select, self.options = given["name"], []
        elif tag == "option":
            self.options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self.area = given["name"]
            self.pairs.append((self.area, ""))
        elif tag == "input" and (given.get("type") not in {"checkbox", "radio"} or "checked" in given):
            self.pairs.append((given["name"], given.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self.area:
            self.pairs[-1] = (self.area, self.pairs[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "textarea":
            self.area = ""
        elif tag == "select" and self.is_inside:
            chosen = [value for value, is_chosen in self.options if is_chosen]
            self.pairs += [(self.select, value) for value in chosen or [value for value, _ in self.options[:1]]]


async def saved(who: Person, path: str, action: str = "", **changes: str) -> httpx.Response:
    """Open a form, change some fields and save it, as a browser without script does."""
    form = _Form(action or path)
    form.feed(await who.page(path))
    body: dict[str, list[str]] = {}
    for name, value in form.pairs:
        body.setdefault(name, []).append(value)
    answer = await who.client.post(action or path, data=body | {"csrf_token": who.token} | changes)
    assert answer.status_code == 303, answer.text
    return answer


async def groups(house: House, count: int) -> list[str]:
    async with house.database.work() as work:
        made = [
            await house.services.authorization.create_group(
                work, GroupDetails(value=f"G{number:03}", name=f"G{number:03}"), organisation_id=house.organisation_id
            )
            for number in range(count)
        ]
    return [one.id for one in made]


async def drivers(house: House, count: int) -> list[str]:
    async with house.database.work() as work:
        made = [
            await house.services.authorization.create_driver(
                work, DriverDetails(name=f"D{number:03}"), organisation_id=house.organisation_id
            )
            for number in range(count)
        ]
    return [one.id for one in made]


async def sites(house: House, count: int) -> list[str]:
    return [await house.site(f"S{number:03}") for number in range(count)]


async def test_language_of_a_driver_that_is_none_of_ours_stays(house: House, operator: Person) -> None:
    async with house.database.work() as work:
        made = await house.services.authorization.create_driver(
            work, DriverDetails(name="Ada", language="fr-RW"), organisation_id=house.organisation_id
        )
    path = f"/console/drivers/{made.id}/edit"
    await saved(operator, path, phone="+250 788")
    after = await house.services.authorization.get_driver(made.id)
    assert (after.phone, after.language) == ("+250 788", "fr-RW")
    await saved(operator, path, language="rw")
    assert (await house.services.authorization.get_driver(made.id)).language == "rw"


async def test_card_stays_in_its_group_and_limited_to_its_site(house: House, operator: Person) -> None:
    group, site = (await groups(house, 201))[-1], (await sites(house, 201))[-1]
    entered = {"value": "NEW-1", "kind": "ISO14443", "group_id": group, "sites": site, "has_credit": "true"}
    made = await operator.send("/console/tokens/new", **entered)
    await saved(operator, made.headers["location"], note="van")
    token = await house.services.authorization.find_token("NEW-1")
    assert token is not None
    assert token.limits is not None
    assert (token.note, token.group_id, token.limits.sites) == ("van", group, (site,))


async def test_card_of_a_fleet_stays_in_the_group_that_the_operator_put_it_in(house: House) -> None:
    operators, other = await groups(house, 2)
    people = house.services.authorization
    async with house.database.work() as work:
        fleet = await house.services.accounts.create_organisation(work, "Taxis", OrganisationKind.FLEET)
    async with house.database.work() as work:
        await house.services.accounts.create_user(
            work, organisation_id=fleet.id, email="fleet@example.org", name="Moses", password=PASSWORD,
            grants=[RoleGrant(role=Role.FLEET_MANAGER)],
        )  # fmt: skip
        ada = await people.create_driver(work, DriverDetails(name="Ada"), organisation_id=house.organisation_id)
        own = await people.create_group(work, GroupDetails(value="TAXIS"), organisation_id=fleet.id)
    async with house.database.work() as work:
        details = TokenDetails(value="T-1", group_id=operators, driver_id=ada.id)
        card = await people.create_token(work, details, organisation_id=fleet.id)
    client = await house.log_in("fleet@example.org")
    manager = Person(client, client.headers.pop("x-csrf-token"))
    path = f"/console/tokens/{card.id}"
    await saved(manager, path, note="van")
    kept = await people.get_token(card.id)
    assert (kept.note, kept.group_id, kept.driver_id) == ("van", operators, ada.id)
    assert other not in await manager.page(path)
    entered = {"value": "T-1", "kind": "ISO14443", "driver_id": ada.id, "has_credit": "true"}
    assert (await manager.send(path, **entered, group_id=other)).status_code == 422
    new = {"value": "T-2", "group_id": operators, "has_credit": "true"}
    assert (await manager.send("/console/tokens/new", **new)).status_code == 422
    assert await people.get_token(card.id) == kept
    await saved(manager, path, group_id=own.id)
    assert (await people.get_token(card.id)).group_id == own.id
    assert operators not in await manager.page(path)  # what was given up is not offered again


async def test_customer_goes_on_paying_for_whoever_was_chosen(house: House, operator: Person) -> None:
    payers = {"driver_ids": tuple(await drivers(house, 502)), "group_ids": tuple(await groups(house, 502))}
    made = await operator.send("/console/customers/new", name="Harbour Taxis", kind="business")
    customer_id = made.headers["location"].rpartition("/")[2]
    async with house.database.work() as work:
        await house.services.money.customers.update(work, customer_id, **payers)
    await saved(operator, f"/console/customers/{customer_id}", email="taxis@example.org")
    after = await house.services.money.customers.get(customer_id)
    assert after.email == "taxis@example.org"
    assert (set(after.driver_ids), set(after.group_ids)) == tuple(map(set, payers.values()))


async def test_legal_entity_goes_on_selling_at_every_site_of_its(house: House) -> None:
    operator = await person(house, Role.OPERATOR)
    places = await sites(house, 502)
    made = await operator.send("/console/legal-entities/new", **SELLER)
    assert made.status_code == 303
    [seller] = await house.services.money.entities.all()
    async with house.database.work() as work:
        await house.services.money.entities.update(work, seller.id, site_ids=tuple(places))
    await saved(operator, f"/console/legal-entities/{seller.id}", phone="+250 788")
    [after] = await house.services.money.entities.all()
    assert (after.phone, set(after.site_ids)) == ("+250 788", set(places))


async def test_station_stays_at_its_site_and_groups_in_its_list(house: House, operator: Person) -> None:
    site, group = (await sites(house, 301))[-1], (await groups(house, 201))[-1]
    station = await house.station("NYA-01", site_id=site)
    await saved(operator, f"/console/stations/{station}/settings", note="by the gate")
    after = await house.services.stations.get(station)
    assert (after.note, after.site_id) == ("by the gate", site)
    entered = {"list_mode": "groups", "list_groups": group, "allows_free": ""}
    await operator.send(f"/console/admission/sites/{site}", **entered)
    await saved(operator, f"/console/admission/sites/{site}", allows_free="no")
    rule = await house.services.admitting.rule(RuleScope.SITE, site)
    assert (rule.allows_free, rule.list_mode, rule.list_groups) == (False, ListMode.GROUPS, (group,))


async def test_template_stays_at_its_site(house: House, operator: Person) -> None:
    site = (await sites(house, 301))[-1]
    new = "/console/configuration/templates/new"
    made = await operator.send(new, name="Gate", reach="matching", site_id=site, is_active="true")
    path = made.headers["location"]
    await saved(operator, path, note="by the gate")
    assert f'<option value="{site}" selected>' in await operator.page(path)
