"""docs/conformance.md: the cases that there are tests for, what came of them, and those that are not fulfilled."""

from collections.abc import Iterator, Mapping

from conformance.cases import VERSIONS, Case, all_cases
from conformance.open_cases import OPEN

HEAD = """\
# Conformance

Test cases of the Open Charge Alliance for a CSMS, as scenarios over a real connection.
This is no certificate: the alliance's test documents were not at hand, and the list of cases and what they expect is rebuilt from public sources.

Each scenario drives the CSMS as a person would, by the REST API, against a simulated station or a raw one that says exactly what the case needs.
Every frame that the CSMS sends in them is held against the original JSON schema of its version by a validator that is not ours.

The blocks are provisioning, authorisation with local lists and Plug & Charge, transactions, remote control, availability, reservation, metering and data transfer, with what they need of the handshake.
Security and certificates, tariffs and payment, smart charging, firmware, diagnostics and display are not among them.

`make conformance` runs the scenarios and writes this page.

For a run of the alliance's own tool against a server, set the station that the tool plays:

- `is_silent`: it hears nothing but what a person asks of it, and nothing is asked before a reservation.
- `is_strict`: it is held to the schemas, and to its boot before anything else.
- Leave `password_grace_s` at 0 and `subprotocol_mismatch` at `refuse`.
- What a case wants sent exactly so, with any field present or left out, goes by `POST /api/v1/stations/{id}/commands/{Action}` or the form of the console; with `validate=false` also what no schema allows.
"""
OPEN_HEAD = """
## Open

Cases of these blocks that are not fulfilled, or have no scenario yet, and why.

| Case | OCPP | Why |
|---|---|---|
"""


def document(results: Mapping[tuple[str, str], str]) -> str:
    """Return the page for what came of each case and version; one that was not run is told so."""
    return "".join([HEAD, *_sums(results), *_blocks(results), *_open()])


def listed(text: str) -> dict[str, set[str]]:
    """Return which case and version a page lists as passed, by its first column and the columns of the versions."""
    found: dict[str, set[str]] = {}
    for line in text.partition("## Open")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| TC_"):
            found[cells[0]] = {version for version, cell in zip(VERSIONS, cells[2:], strict=True) if cell == "passed"}
    return found


def _sums(results: Mapping[tuple[str, str], str]) -> Iterator[str]:
    yield "\n| | " + " | ".join(VERSIONS) + " |\n|---|" + "---|" * len(VERSIONS) + "\n"
    for name, is_so in (("Passed", True), ("Failed or not run", False)):
        told = [
            sum((results.get((one.number, each)) == "passed") is is_so for one in all_cases() if each in one.versions)
            for each in VERSIONS
        ]
        yield f"| {name} | {' | '.join(map(str, told))} |\n"
    told = [sum(each in one.versions for one in OPEN) for each in VERSIONS]
    yield f"| Open | {' | '.join(map(str, told))} |\n"


def _blocks(results: Mapping[tuple[str, str], str]) -> Iterator[str]:
    blocks: dict[str, list[Case]] = {}
    for one in all_cases():
        blocks.setdefault(one.block, []).append(one)
    for name, cases in sorted(blocks.items()):
        yield f"\n## {name}\n\n| Case | What is shown | {' | '.join(VERSIONS)} |\n|---|---|{'---|' * len(VERSIONS)}\n"
        for one in sorted(cases, key=_order):
            told = [results.get((one.number, each), "not run") if each in one.versions else "" for each in VERSIONS]
            yield f"| {one.number} | {one.title} | {' | '.join(told)} |\n"


def _order(one: Case) -> tuple[str | int, ...]:
    parts = one.number.split("_")
    return tuple(f"{int(part):04}" if part.isdigit() else part for part in parts)


def _open() -> Iterator[str]:
    if OPEN:
        yield OPEN_HEAD
    for one in OPEN:
        yield f"| {one.number} | {', '.join(one.versions)} | {one.reason} |\n"
