"""Quirks as data: that all are there and tested, how files are read, and which are chosen."""

import re
from pathlib import Path

import pytest

from ingufu.core.errors import SettingsError
from ingufu.stations.quirks import choosing, reading
from ingufu.stations.quirks.model import NO_EFFECTS, NOTHING, Does, Facts, Why, merge

ALL = range(1, 69)
SCENARIOS = Path(__file__).parents[1] / "scenarios" / "quirks"
OWN = """
about = "Ours"

[[quirk]]
number = 1001
group = "measurement"
title = "T"
who = "w"
odd = "o"
cope = "c"
reference = "r"
match = [{ vendor = "acme*", firmware = ">=1.4,<2" }]
does = { least_interval_s = 60 }
"""


def facts(**known: object) -> Facts:
    return Facts(**{"identity": "CS", **known})  # type: ignore[arg-type]


def test_all_68_quirks_are_shipped_in_order():
    assert [quirk.number for quirk in reading.shipped()] == list(ALL)


def test_each_quirk_has_a_test_over_a_real_socket():
    text = "".join(file.read_text(encoding="utf-8") for file in SCENARIOS.glob("test_*.py"))
    named = re.findall(r"def test_quirk_((?:\d\d_)+)", text)
    tested = {int(number) for numbers in named for number in numbers.rstrip("_").split("_")}
    assert tested == set(ALL)


@pytest.mark.parametrize("quirk", reading.shipped(), ids=lambda quirk: f"{quirk.number:02}")
def test_a_quirk_is_coped_with_for_everybody_or_does_something(quirk):
    assert quirk.is_general or quirk.does != NOTHING
    assert quirk.is_general or quirk.match or "witched on" in quirk.cope


def test_every_thing_that_can_be_done_is_documented_and_used_or_meant_for_own_files():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "odd-stations.md").read_text(encoding="utf-8")
    assert [name for name in Does.__struct_fields__ if f"`{name}" not in page] == []
    used = {name for quirk in reading.shipped() for name in Does.__struct_fields__
            if getattr(quirk.does, name) != getattr(NOTHING, name)}  # fmt: skip
    assert set(Does.__struct_fields__) - used == {"scales"}


@pytest.mark.parametrize(
    ("wanted", "firmware", "fits"),
    [
        (">=5.5,<5.6", "5.5", True),
        (">=5.5,<5.6", "v5.5.12-rc1", True),
        (">=5.5,<5.6", "5.6.0", False),
        (">=5.5,<5.6", "5.10", False),
        ("=1.2", "1.2.0", True),
        ("<2", "beta", False),
        ("5.*", "5.9", True),
        ("5.*", "6.5.9", False),
    ],
)
def test_firmware_is_compared_by_its_numbers_or_by_a_pattern(wanted: str, firmware: str, fits: bool):
    assert choosing.is_within(wanted, firmware) is fits


def test_quirks_are_chosen_by_make_by_identity_and_by_hand():
    catalogue = reading.shipped()
    grizzl_e = {one.quirk.number: one.why for one in choosing.choose(catalogue, facts(vendor="United Chargers"))}
    assert grizzl_e == {1: Why.MODEL, 15: Why.MODEL, 50: Why.MODEL}
    assert [one.quirk.number for one in choosing.choose(catalogue, facts(identity="grs-17"))] == [1]
    by_hand = choosing.choose(catalogue, facts(vendor="united chargers", switched={"15": False, "8": True}))
    assert {one.quirk.number: one.why for one in by_hand} == {1: Why.MODEL, 8: Why.OPERATOR, 50: Why.MODEL}
    assert choosing.choose(catalogue, facts()) == ()


def test_what_quirks_do_is_put_together_and_known_by_number():
    effects = merge(choosing.choose(reading.shipped(), facts(vendor="HUAWEI", switched={"47": True, "44": True})))
    assert effects.does.converts_limits_to_watts
    assert effects.does.least_current_a == 6
    assert (effects.number("binds_by_connector"), effects.number("free_tokens")) == (47, 44)
    assert merge(()) is NO_EFFECTS


def test_an_own_folder_adds_and_replaces(tmp_path: Path):
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "replaced.toml").write_text(OWN.replace("1001", "25"))
    loaded = {quirk.number: quirk for quirk in reading.load(tmp_path)}
    assert len(loaded) == 69
    assert loaded[1001].source == "own.toml"
    assert loaded[25].does.polls_meter_values_s == 0


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("number = 1001", "number = 0", 5, ">= 1"),
        ('group = "measurement"', 'group = "weather"', 6, "weather"),
        ('odd = "o"', "", 4, "odd"),
        ("least_interval_s = 60", "least_intervall_s = 60", 13, "least_intervall_s"),
        ("least_interval_s = 60", 'least_interval_s = "60"', 13, "int"),
        (">=1.4,<2", ">=1.4 to 2", 12, "range"),
        ('vendor = "acme*", firmware = ">=1.4,<2"', "", 12, "nobody|everybody|names nothing"),
        ("least_interval_s = 60", 'token_pattern = "("', 13, "regular expression"),
        ("least_interval_s = 60", 'token_pattern = "x"', 13, "group"),
    ],
)
def test_a_wrong_file_is_refused_with_file_line_and_reason(tmp_path: Path, old: str, new: str, line: int, reason: str):
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace(old, new))
    with pytest.raises(SettingsError) as refused:
        reading.load(tmp_path)
    assert f"{file}, line {line}: " in refused.value.message
    assert re.search(reason, refused.value.message)


def test_what_is_no_toml_a_number_twice_or_an_unknown_low_number_is_refused(tmp_path: Path):
    file = tmp_path / "own.toml"
    file.write_text("about = \n")
    with pytest.raises(SettingsError, match=r"own\.toml is not TOML: .*line 1"):
        reading.load(tmp_path)
    file.write_text(OWN.replace("1001", "400"))
    with pytest.raises(SettingsError, match="quirk 400 is not known here"):
        reading.load(tmp_path)
    file.write_text(OWN)
    (tmp_path / "twice.toml").write_text(OWN)
    with pytest.raises(SettingsError, match="1001 stands in"):
        reading.load(tmp_path)
    with pytest.raises(SettingsError, match="no folder"):
        reading.load(tmp_path / "nowhere")
