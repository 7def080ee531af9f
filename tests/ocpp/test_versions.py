"""The versions side by side: which is spoken, what each knows, and that the support page tells the truth of it."""

import re
from pathlib import Path

import msgspec
import pytest

from ingufu.ocpp import versions
from ingufu.ocpp.table import Loss
from ingufu.ocpp.v2 import types as v2
from ingufu.ocpp.v16 import types as v16
from ingufu.ocpp.versions import VERSIONS, Version

PAGE = Path(__file__).parents[2] / "docs" / "support.md"
EACH = pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.name)


def test_the_first_known_subprotocol_of_a_station_is_spoken():
    assert versions.negotiate(("ocpp2.1", "ocpp1.6")) is VERSIONS["2.1"]
    assert versions.negotiate(("ocpp0.1", "ocpp2.0", "ocpp1.6", "ocpp2.1")) is VERSIONS["1.6"]
    assert versions.negotiate(("ocpp1.5", "OCPP1.6")) is None
    assert versions.negotiate(()) is None


@EACH
def test_tables_hold_messages_of_their_own_version_only(version: Version):
    assert set(version.inbound) <= version.actions
    for action, row in version.inbound.items():
        assert row.request is version.messages[action][0], action
    for row in version.outbound.values():
        assert row.action in version.actions
        assert row.response is version.messages[row.action][1]


@EACH
def test_every_action_goes_in_a_direction_and_only_data_transfer_in_both(version: Version):
    assert set(version.inbound) | set(version.requests) == version.actions
    assert set(version.inbound) & set(version.requests) == {"DataTransfer"}


@EACH
def test_what_carries_money_is_marked_so(version: Version):
    money = {action for action, row in version.inbound.items() if row.loss is Loss.MONEY}
    assert money == (
        {"StartTransaction", "StopTransaction", "MeterValues"}
        if version.name == "1.6"
        else {"TransactionEvent", "MeterValues"}
    )


@EACH
def test_only_a_boot_may_come_before_it(version: Version):
    assert {action for action, row in version.inbound.items() if row.may_precede_boot} == {"BootNotification"}


@EACH
def test_stand_ins_are_for_required_properties(version: Version):
    for action, row in version.inbound.items():
        names = {field.encode_name: field.required for field in msgspec.structs.fields(row.request)}
        for name in row.stand_ins:
            assert names[name], (action, name)


def test_the_families_know_as_many_actions_as_the_standards():
    assert (len(v16.ACTIONS), len(v2.ACTIONS_201), len(v2.ACTIONS_21)) == (39, 64, 91)


@EACH
def test_the_support_page_says_of_every_action_what_is_done_about_it(version: Version):
    assert table(f"OCPP {version.name}, from stations") == {
        action: inbound(version, action) for action in version.inbound
    }
    typed = {row.action for row in version.outbound.values()}
    expected = {action: "done" if action in typed else "by raw command" for action in version.requests}
    assert table(f"OCPP {version.name}, to stations") == expected


def inbound(version: Version, action: str) -> str:
    handler = version.inbound[action].handler
    if handler.__module__.endswith(".refusals"):
        return "refused"
    return "kept" if handler.__module__ == "ingufu.ocpp.notices" else "done"


def table(heading: str) -> dict[str, str]:
    """Return action and state of the table under a heading, and see that a refusal has its reason."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| (\w+) \| ([a-z ]+) \|(.*)\|$", section, re.MULTILINE)
    rows = {action: state for action, state, _ in found if action != "Action"}
    assert len(rows) == len([action for action, _, _ in found if action != "Action"])
    for action, state, text in found:
        assert text.strip() or state == "by raw command", action
    return rows
