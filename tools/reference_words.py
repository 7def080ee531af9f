"""Write the reference pages of events, errors, anomalies and verdicts from the code; `--check` compares only."""

import importlib
import inspect
import pkgutil
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

import ingufu
from ingufu.charging.model import AnomalyKind
from ingufu.core.errors import IngufuError
from ingufu.core.events import Event
from ingufu.stations.model import AttemptOutcome
from ingufu.web.errors import STATUSES

DOCS = Path(__file__).parent.parent / "docs" / "reference"
COMMON = {"occurred_at", "station_id", "transaction_id"}


def main() -> None:
    """Write the pages, or say which are not current."""
    pages = {DOCS / "events.md": events_page(), DOCS / "errors.md": errors_page()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.name} is not what the code says: run python tools/reference_words.py")
        sys.exit(1 if stale else 0)
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")


def events_page() -> str:
    """Return the page of all events."""
    lines = [
        "# Events",
        "",
        "Facts that Ingufu stores with the data they tell of, and hands to live listeners after the commit.",
        "Read them under `/api/v1/events`, and live under `/api/v1/live`.",
        "Each has `kind`, `occurred_at` (UTC), and where it applies `station_id` and `transaction_id`;",
        "what else it tells are its `details`.",
        "",
        "| Kind | What happened | Details |",
        "|---|---|---|",
    ]
    for kind in sorted(all_events(), key=lambda found: found.__name__):
        details = ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(kind) if field.name not in COMMON)
        lines.append(f"| `{kind.__name__}` | {meaning_of(kind)} | {details} |")
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Return the page of all errors, connection outcomes and anomalies."""
    lines = [
        "# Errors, refusals and anomalies",
        "",
        "## Errors of the API",
        "",
        "Every error is `application/problem+json` (RFC 9457) with a stable `code`.",
        "",
        "| Code | HTTP | Meaning |",
        "|---|---:|---|",
    ]
    lines += [
        f"| `{kind.code}` | {status_of(kind)} | {meaning_of(kind)} |"
        for kind in sorted(all_errors(), key=lambda found: found.code)
    ]
    lines += ["", "## How a connection attempt can end", "", words(AttemptOutcome)]
    lines += ["", "## Anomalies of transactions", "", "What is odd is kept as it came, marked, and answered.", ""]
    lines += [words(AnomalyKind)]
    return "\n".join(lines) + "\n"


def status_of(kind: type[IngufuError]) -> str:
    """Return the HTTP status that an error has, by its nearest ancestor in the table."""
    known = next((parent for parent in kind.__mro__ if parent in STATUSES), None)
    return "-" if known is None else str(STATUSES[known])


def words(kind: type[Enum]) -> str:
    return ", ".join(f"`{member.value}`" for member in kind) + "."


def meaning_of(kind: type[Any]) -> str:
    text = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    if not text:
        raise SystemExit(f"{kind.__module__}.{kind.__name__} has no docstring that says what it means.")
    return text.replace("|", "\\|")


def all_events() -> set[type[Event]]:
    load_everything()
    return {kind for kind in descendants(Event) if kind.__module__.startswith("ingufu.")}


def all_errors() -> set[type[IngufuError]]:
    load_everything()
    return {kind for kind in descendants(IngufuError) if "code" in vars(kind)}


def descendants(kind: type[Any]) -> set[type[Any]]:
    found = set(kind.__subclasses__())
    return found | {deeper for child in found for deeper in descendants(child)}


def load_everything() -> None:
    """Import every module of the package, so that every subclass is known."""
    for module in pkgutil.walk_packages(ingufu.__path__, "ingufu."):
        if not module.name.startswith(("ingufu.migrations", "ingufu.__main__")):
            importlib.import_module(module.name)


if __name__ == "__main__":
    main()
