"""The reference says what the program says, and what the documents show works."""

import re
import subprocess
import sys
from pathlib import Path

from ingufu.app.settings import Settings, catalogue
from ingufu.app.settings_loading import load
from ingufu.importing.model import Kind
from ingufu.importing.reading import read_csv, read_json
from ingufu.importing.writing import carry_out

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def test_the_reference_is_current():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "reference.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_is_documented():
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    for path, setting in catalogue().items():
        assert f"`{path}`" in page
        assert setting.meaning in page


def test_the_example_file_holds_every_setting_and_sets_none():
    text = (REFERENCE / "settings.toml").read_text(encoding="utf-8")
    assert load(file=REFERENCE / "settings.toml", environment={}) == Settings()
    assert len(re.findall(r"^#\w+ = ", text, flags=re.MULTILINE)) == len(catalogue())


def test_the_example_file_without_its_signs_gives_the_defaults(tmp_path):
    text = (REFERENCE / "settings.toml").read_text(encoding="utf-8")
    path = tmp_path / "all.toml"
    path.write_text(re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    assert load(file=path, environment={}) == Settings()


async def test_the_import_files_of_the_documents_can_be_imported(desk):
    page = (ROOT / "docs" / "how-to" / "import.md").read_text(encoding="utf-8")
    (content,) = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    (cells,) = re.findall(r"```csv\n(.*?)```", page, flags=re.DOTALL)
    for rows, errors, _ in (read_json("network.json", content), read_csv("stations.csv", cells, Kind.STATIONS)):
        assert errors == []
        report = await carry_out(desk, rows)
        assert report.is_written, report.errors
    assert [one.identity for one in await desk.services.stations.all()] == ["HARBOUR-1", "HARBOUR-2", "HARBOUR-3"]
