"""Tariff pages over HTTP: who may see and change what, and what is said in French."""

from decimal import Decimal

import pytest

from ingufu.accounts.model import Role
from ingufu.tariffs.model import Dimension, Element, PriceComponent, Terms
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Target, Where
from web.console.conftest import House, Person, person, words
from web.console.network import HOSTILE, Network


def terms(price: str) -> Terms:
    return Terms(
        currency="RWF",
        elements=(Element(components=(PriceComponent(dimension=Dimension.ENERGY, price=Decimal(price)),)),),
    )


async def make(net: Network, name: str, price: str = "300", site: str | None = None) -> str:
    services = net.services
    async with services.database.work() as work:
        new = NewTariff(organisation_id=net.organisation_id, name=name, terms=terms(price))
        made, _ = await services.tariffs.create(work, new, by="Keza")
    if site is not None:
        async with services.database.work() as work:
            where = Where(target=Target.SITE, target_id=net.sites[site])
            await services.tariffs.assign(work, made.id, where, by="Keza")
    return made.id


FORM = {
    "name": "Night owl", "currency": "RWF", "basis": "YES", "rule": "0", "r0-for": "charging", "r0-energy-price": "250",
    "begins": "now", "zone": "Africa/Kigali", "do": "save",
}  # fmt: skip


async def test_tariff_is_saved_by_a_plain_form_and_seen_over_the_api(operator: Person, net: Network) -> None:
    answer = await operator.send("/console/tariffs/new", **FORM)
    assert answer.status_code == 303
    page = words(await operator.page(answer.headers["location"]))
    assert "RWF 250 per kWh" in page
    tariff_id = answer.headers["location"].rpartition("/")[2]
    row = (await operator.client.get(f"/api/v1/tariffs/{tariff_id}")).json()
    assert row["current"]["terms"]["elements"][0]["components"][0]["price"] == "250"
    again = await operator.send("/console/tariffs/new", **FORM)
    assert again.status_code == 422
    assert "already" in words(again.text)


async def test_renaming_in_the_editor_makes_no_version(operator: Person, net: Network) -> None:
    tariff_id = await make(net, "Old name", "250")
    known = FORM | {"name": "New name", "basis": "NO", "seen": "1"}
    answer = await operator.send(f"/console/tariffs/{tariff_id}/edit", **known)
    assert answer.status_code == 303
    assert len(await net.services.tariffs.versions(tariff_id)) == 1
    assert (await net.services.tariffs.get(tariff_id)).name == "New name"


async def test_second_of_two_editors_is_told_before_anything_is_replaced(operator: Person, net: Network) -> None:
    tariff_id = await make(net, "Night owl", "200")
    path = f"/console/tariffs/{tariff_id}/edit"
    assert 'name="seen" value="1"' in await operator.page(path)
    assert (await operator.send(path, **FORM, seen="1")).status_code == 303
    repeated = await operator.send(path, **(FORM | {"r0-energy-price": "260"}), seen="1")
    assert repeated.status_code == 422
    assert "Somebody saved another version meanwhile" in words(repeated.text)
    assert 'value="260"' in repeated.text
    assert 'name="seen" value="2"' in repeated.text
    assert len(await net.services.tariffs.versions(tariff_id)) == 2
    assert (await operator.send(path, **(FORM | {"r0-energy-price": "260"}), seen="2")).status_code == 303


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("valid-from", "2020-01-01T00:00", "Nothing can be changed for the past"),
        ("valid-from", "tomorrow", "Write it as date and time"),
        ("valid-from", "", "From when? Enter date and time."),
        ("name", "", "Give the tariff a name."),
        ("r0-energy-price", "-5", "A price is not negative."),
        ("currency", "XXX", "Give the three letters of a currency"),
        ("r0-energy-feed", "nothing", "There is no such price feed."),
    ],
)
async def test_what_is_wrong_stands_on_the_page_with_all_that_was_typed(
    operator: Person, net: Network, field: str, typed: str, said: str
) -> None:
    known = FORM | {"begins": "later", "valid-from": "2030-01-01T00:00", "r0-note": HOSTILE} | {field: typed}
    answer = await operator.send("/console/tariffs/new", **known)
    assert answer.status_code == 422
    assert said in words(answer.text)
    assert 'value="250"' in answer.text or field == "r0-energy-price"
    assert HOSTILE not in answer.text
    assert await net.services.tariffs.all() == []


async def test_time_that_is_not_there_is_refused(operator: Person, net: Network) -> None:
    known = FORM | {"begins": "later", "valid-from": "2027-03-28T02:30", "zone": "Europe/Paris"}
    answer = await operator.send("/console/tariffs/new", **known)
    assert "That time is not there: clocks go forward then." in words(answer.text)
    known["valid-from"] = "2027-03-28T03:30"
    answer = await operator.send("/console/tariffs/new", **known)
    assert answer.status_code == 303
    (made,) = await net.services.tariffs.all()
    (version,) = await net.services.tariffs.versions(made.id)
    assert version.valid_from.isoformat() == "2027-03-28T01:30:00+00:00"


async def test_viewer_reads_and_changes_nothing(operator: Person, viewer: Person, net: Network) -> None:
    tariff_id = await make(net, "Public", site="Kigali Heights")
    page = await viewer.page(f"/console/tariffs/{tariff_id}")
    assert "RWF 300 per kWh" in words(page)
    assert "Change prices" not in page
    assert "Retire" not in words(page)
    assert "New tariff" not in words(await viewer.page("/console/tariffs"))
    await viewer.page("/console/tariffs/new", 403)
    for path, fields in {
        "/console/tariffs/new": FORM,
        f"/console/tariffs/{tariff_id}/edit": FORM,
        f"/console/tariffs/{tariff_id}/retire": {},
        f"/console/tariffs/{tariff_id}/assign": {"target": "everyone"},
        "/console/tariffs/feeds": {"name": "x"},
    }.items():
        assert (await viewer.send(path, **fields)).status_code == 403, path
    assert len(await net.services.tariffs.versions(tariff_id)) == 1
    result = words(await viewer.page(f"/console/tariffs/calculator?kwh=10&site={net.sites['Kigali Heights']}"))
    assert "RWF 3,000" in result


async def test_somebody_of_one_site_sees_what_applies_there(house: House, net: Network) -> None:
    own = await make(net, "Own", site="Kigali Heights")
    other = await make(net, "Other", site="Musanze Gate")
    host = await person(house, Role.OPERATOR, net.sites["Kigali Heights"], email="host@example.org")
    page = words(await host.page("/console/tariffs"))
    assert "Own" in page
    assert "Other" not in page
    assert "New tariff" not in page
    await host.page(f"/console/tariffs/{own}")
    await host.page(f"/console/tariffs/{other}", 404)
    assert "RWF 3,000" in words(await host.page(f"/console/tariffs/calculator?kwh=10&tariff={own}"))
    refused = await host.page(f"/console/tariffs/calculator?kwh=10&tariff={other}", 422)
    assert "There is no such tariff." in words(refused)


async def test_form_of_another_page_is_refused(operator: Person, net: Network) -> None:
    assert (await operator.send("/console/tariffs/new", csrf="forged", **FORM)).status_code == 403
    assert await net.services.tariffs.all() == []


async def test_list_is_searched_filtered_and_paged(operator: Person, net: Network) -> None:
    for number in range(52):
        await make(net, f"Tariff {number:02d}", site="Kigali Heights" if number == 7 else None)
    page = await operator.page("/console/tariffs")
    assert "50 of 52" in words(page)
    following = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "Tariff 51" in words(await operator.page(following))
    assert "1 of 1" in words(await operator.page("/console/tariffs?q=fF 07"))
    assert "1 of 1" in words(await operator.page("/console/tariffs?target=site"))
    assert "No tariff fits" in words(await operator.page("/console/tariffs?retired=yes"))


async def test_calculator_explains_that_nothing_applies(operator: Person, net: Network) -> None:
    page = words(await operator.page("/console/tariffs/calculator?kwh=10&minutes=20&station=NYA-01:1"))
    assert "No tariff applies" in page
    assert "EVSE: no tariff is given to it" in page
    assert "NOWHERE" in words(await operator.page("/console/tariffs/calculator?kwh=10&station=NOWHERE", 422))


async def test_two_tariffs_stand_side_by_side(operator: Person, net: Network) -> None:
    cheap, dear = await make(net, "Cheap", "200"), await make(net, "Dear", "400")
    page = words(await operator.page(f"/console/tariffs/calculator?kwh=2,5&tariff={cheap}&other={dear}"))
    assert "RWF 500" in page
    assert "RWF 1,000" in page


async def test_tariffs_speak_french(operator: Person, net: Network) -> None:
    tariff_id = await make(net, "Public", site="Kigali Heights")
    operator.client.headers["Accept-Language"] = "fr"
    page = words(await operator.page(f"/console/tariffs/{tariff_id}"))
    assert "300 RWF par kWh" in page.replace("\u202f", " ")
    assert "Où il s\u2019applique" in page
    assert "Site: Kigali Heights" in page
    assert "En vigueur depuis" in page


@pytest.mark.parametrize("path", ["tariffs/nothing", "tariffs/nothing/edit", "tariffs/feeds/nothing"])
async def test_what_is_not_there_is_said(operator: Person, net: Network, path: str) -> None:
    await operator.page(f"/console/{path}", 404)
