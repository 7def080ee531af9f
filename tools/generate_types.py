"""Writes the OCPP payload types from the JSON schemas that the development dependency `ocpp` carries.

`python tools/generate_types.py` writes `v16/types.py` and `v2/types.py`; `--check` only says whether they are fresh.
Descriptions are left where they are: only names and constraints are taken over.
"""

import argparse
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from type_schemas import Family, load_2, load_16
from type_source import write_source

PACKAGE = "ocpp"
TARGET = Path(__file__).resolve().parent.parent / "src" / "ingufu" / "ocpp"
LINE_LENGTH = 120


def main() -> None:
    """The files under `--into` are as the schemas ask, or with `--check`, the exit code says whether they are."""
    parser = argparse.ArgumentParser(description="Make the OCPP types from the JSON schemas.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is stale")
    parser.add_argument("--into", type=Path, default=TARGET, help="folder that holds v16/ and v2/")
    options = parser.parse_args()
    sources = {options.into / "v16" / "types.py": load_16(), options.into / "v2" / "types.py": load_2()}
    stale = [path for path, family in sources.items() if not _settle(path, family, write=not options.check)]
    if stale:
        names = ", ".join(str(path) for path in stale)
        sys.exit(f"Stale: {names} does not agree with the schemas of ocpp {_version()}. Run: make generate")


def _settle(path: Path, family: Family, *, write: bool) -> bool:
    source = formatted(write_source(family, f"{PACKAGE} {_version()}"))
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return True
    return path.is_file() and path.read_text(encoding="utf-8") == source


def formatted(source: str) -> str:
    """`source` as ruff formats it, without regard to any configuration around."""
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--target-version", "py311"]
    command = [*ruff, "--line-length", str(LINE_LENGTH), "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, encoding="utf-8", check=True).stdout


def _version() -> str:
    return importlib.metadata.version(PACKAGE)


if __name__ == "__main__":
    main()
