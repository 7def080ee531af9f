"""The review queue and the keys of meters in a real browser: done as people do them, accessible, whole on a phone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from billing.evidence.signing import Meter
from charging.stations import Station, reading
from ingufu.billing.evidence.model import NewMeterKey
from ingufu.charging.model import MeterReading, Sample, SignedValue
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)


class Filled:
    """What is in the queue: sessions by what is odd about them."""

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.meter = Meter()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        console.filled = console.run(fill(console))  # type: ignore[attr-defined]
        yield console


async def fill(console: Console) -> Filled:
    filled, services = Filled(), console.services
    zero = console.clock.now() - timedelta(hours=30)
    informative = {"TM": f"{zero:%Y-%m-%dT%H:%M:%S},000+0000 I"}  # not synchronised: no proof of when it was
    texts = [filled.meter.record(("B", 0, 1.0, informative)), filled.meter.record(("E", 60, 11.0, informative))]
    kinds: dict[str, dict[str, Any]] = {
        "sure": {},
        "missing": {"end": None},
        "missing-too": {"end": None},
        "backwards": {"middle": ["2000", "900", "1400"], "end": "2400"},
        "forged": {"signed": [texts[0].replace("1.0", "0.9"), texts[1].replace("11.0", "12.0")]},
        "late": {"minutes": 60 * 50},
        "proven": {"signed": texts},
    }
    station = console.net.stations["MUS-01"]
    heard = Station(services.database, services.charging, console.clock, station, "2.1")  # type: ignore[arg-type]
    async with services.database.work() as work:
        wanted = NewMeterKey(station_id=station, public_key=filled.meter.key.der_hex, meter_serial="M1", note="Label")
        await services.evidence.add_key(work, wanted, by="Keza")
    for index, (name, kind) in enumerate(kinds.items()):
        heard.zero = zero + timedelta(hours=3 * index) - timedelta(minutes=kind.get("minutes", 0))
        filled.sessions[name] = await one(heard, name, index + 2, **kind)
        await services.evidence.judge(filled.sessions[name])
    return filled


async def one(
    heard: Station,
    name: str,
    evse: int,
    end: str | None = "11000",
    minutes: int = 60,
    signed: Any = (),
    middle: Any = (),
) -> str:
    begin = told(heard, 0, "1000", "Transaction.Begin", signed[:1])
    await heard.start(reference=name, seq=0, minute=0, readings=begin, evse=evse)
    for index, value in enumerate(middle):
        await heard.read(
            reading(heard.at(10 + index * 10), value, context="Sample.Periodic"), reference=name, evse=evse
        )
    last = told(heard, minutes, end, "Transaction.End", signed[1:])
    await heard.end(reference=name, seq=1, minute=minutes, readings=last)
    return str((await heard.row(name)).id)


def told(heard: Station, minute: float, wh: str | None, context: str, texts: Any) -> tuple[MeterReading, ...]:
    samples = [] if wh is None else list(reading(heard.at(minute), wh, context=context).samples)
    samples += [Sample(raw_value="", context=context, signed=SignedValue(data=text, encoding="OCMF")) for text in texts]
    return (MeterReading(at=heard.at(minute), samples=tuple(samples)),) if samples else ()


@pytest.fixture(scope="module")
def state(console: Console) -> dict[str, Any]:
    return console.log_in()


def pages(console: Console) -> dict[str, str]:
    filled: Filled = console.filled  # type: ignore[attr-defined]
    station = f"/console/stations/{console.net.stations['MUS-01']}"
    return {
        "review-queue": "/console/review-queue",
        "review-sites": "/console/review-queue/sites",
        "decision": f"/console/review-queue/{filled.sessions['backwards']}/decide",
        "proven-session": f"/console/sessions/{filled.sessions['proven']}",
        "forged-session": f"/console/sessions/{filled.sessions['forged']}",
        "meter-keys": f"{station}/metering",
        "new-key": f"{station}/meter-keys/new",
    }


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize(
    "name", ["review-queue", "review-sites", "decision", "proven-session", "forged-session", "meter-keys", "new-key"]
)
def test_page_is_accessible_and_whole(
    console: Console, state: dict[str, Any], open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + pages(console)[name], scheme=scheme, width=width, height=844, storage_state=state, only_looks=True
    )
    take_picture(page, f"{name}-{'phone' if width < 500 else scheme}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_the_queue_in_french_is_whole_on_a_phone(console: Console, state: dict[str, Any], open_page: OpenPage) -> None:
    page = open_page(console.url + "/console/review-queue", width=390, height=844, storage_state=state, locale="fr-FR")
    take_picture(page, "review-queue-french")
    assert not overflows(page)


def toast(page: Page) -> Any:
    return page.locator("#toasts .toast").last


def row(page: Page, console: Console, name: str) -> Any:
    session = console.filled.sessions[name]  # type: ignore[attr-defined]
    return page.get_by_role("row").filter(has=page.locator(f'a[href$="/sessions/{session}"]'))


def test_a_session_is_decided_in_one_dialog(console: Console, state: dict[str, Any], open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/console/review-queue", storage_state=state, allow="status of 422")
    waiting = row(page, console, "backwards")
    expect(waiting).to_be_visible()
    waiting.get_by_role("link", name="Decide on the session").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="What is billed of this session?")).to_be_visible()
    dialog.get_by_label("Bill another energy").check()
    dialog.get_by_label("Energy", exact=False).last.fill("1,25")
    dialog.get_by_role("button", name="Decide").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    dialog.get_by_label("Why", exact=False).fill("Read at the meter.")
    dialog.get_by_role("button", name="Decide").click()
    expect(toast(page)).to_contain_text("The session is billed")
    expect(row(page, console, "backwards")).to_have_count(0)
    page.goto(f"{console.url}/console/sessions/{console.filled.sessions['backwards']}")  # type: ignore[attr-defined]
    truth = page.locator("#energy-truth")
    expect(truth).to_contain_text("Decided")
    expect(truth).to_contain_text("1.250 kWh")
    expect(truth).to_contain_text("Read at the meter.")


def test_several_proposals_are_billed_at_once(console: Console, state: dict[str, Any], open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/console/review-queue", storage_state=state)
    for name in ("missing", "missing-too"):
        row(page, console, name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Bill what is proposed…").click()
    expect(page.get_by_role("heading", name="Bill what is proposed for 2 sessions?")).to_be_visible()
    page.get_by_role("button", name="Bill what is proposed").click()
    expect(page.get_by_role("heading", name="Proposals billed")).to_be_visible()
    expect(page.locator("#results").get_by_text("Decided")).to_have_count(2)
    page.get_by_role("link", name="Back to the queue").click()
    expect(row(page, console, "late")).to_be_visible()
    expect(row(page, console, "missing")).to_have_count(0)


def test_the_queue_is_narrowed_to_one_doubt(console: Console, state: dict[str, Any], open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/console/review-queue", storage_state=state)
    page.get_by_label("Doubt").select_option("signature-invalid")
    expect(row(page, console, "late")).to_have_count(0)
    expect(row(page, console, "forged")).to_be_visible()


def test_a_key_is_registered_from_the_label_and_retired(
    console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    station = console.net.stations["NYA-01"]
    meter = Meter("secp384r1", serial="EM-4711")
    page = open_page(f"{console.url}/console/stations/{station}/metering", storage_state=state, allow="status of 422")
    page.get_by_role("link", name="Add a key…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Public key").fill("this is no key")
    dialog.get_by_role("button", name="Register").click()
    expect(dialog.get_by_role("alert")).to_contain_text("no public key that can be checked with")
    dialog.get_by_label("Public key").fill(meter.key.der_hex)
    dialog.get_by_label("Serial number of the meter").fill("EM-4711")
    dialog.get_by_role("button", name="Register").click()
    expect(toast(page)).to_contain_text("The key is registered")
    known = page.locator("#meter-keys").get_by_role("row").filter(has_text="EM-4711")
    expect(known).to_contain_text("secp384r1")
    known.get_by_role("link", name="Retire the key").click()
    page.get_by_role("dialog").get_by_role("button", name="Retire").click()
    expect(toast(page)).to_contain_text("The key is retired")
    expect(page.locator("#meter-keys").get_by_role("row").filter(has_text="EM-4711")).to_contain_text("retired")


def test_a_site_demands_signatures_after_asking_once(
    console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console/review-queue/sites", storage_state=state)
    site = page.get_by_role("row").filter(has_text="Nyarutarama Golf")
    site.get_by_role("button", name="Demand signatures…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody can decide otherwise")
    dialog.get_by_role("button", name="Demand signatures").click()
    expect(page.get_by_role("row").filter(has_text="Nyarutarama Golf")).to_contain_text("yes")


def test_who_may_only_look_is_offered_no_decision(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/console/review-queue", storage_state=console.log_in("jean@example.org"))
    expect(row(page, console, "late")).to_be_visible()
    expect(page.get_by_role("link", name="Decide…")).to_have_count(0)
    expect(page.locator("#bulk")).to_have_count(0)


def test_an_empty_queue_says_what_comes(tmp_path_factory: pytest.TempPathFactory, open_page: OpenPage) -> None:
    with running_console(tmp_path_factory.mktemp("empty"), is_empty=True) as console:
        page = open_page(f"{console.url}/console/review-queue", storage_state=console.log_in())
        expect(page.get_by_role("heading", name="No session waits")).to_be_visible()
        take_picture(page, "review-queue-empty")
