"""The asset build: locked, repeatable without network, complete, and light."""

import base64
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from ingufu.core.errors import Unavailable
from ingufu.web.assets import OWN_FILES, STATIC_FOLDER, load_assets

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tools" / "assets"
VENDOR = STATIC_FOLDER / "vendor"
NO_NETWORK = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "npm_config_registry": "http://127.0.0.1:1",
    "npm_config_offline": "true",
}


@pytest.fixture(scope="module")
def build_assets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_assets", ROOT / "tools" / "build_assets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the build reads and made, with the packages linked, away from the project's own folders."""
    shutil.copytree(SOURCES, tmp_path / "tools" / "assets")
    shutil.copytree(VENDOR, tmp_path / "src" / "ingufu" / "web" / "static" / "vendor")
    shutil.copytree(ROOT / "build" / "test-assets", tmp_path / "build" / "test-assets")
    (tmp_path / "build" / "assets").mkdir()
    (tmp_path / "build" / "assets" / "node_modules").symlink_to(ROOT / "build" / "assets" / "node_modules")
    return tmp_path


def manifest(vendor: Path = VENDOR) -> dict[str, dict[str, str | int]]:
    files: dict[str, dict[str, str | int]] = json.loads((vendor / "manifest.json").read_bytes())["files"]
    return files


def test_lock_file_names_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(lock)["packages"]
    assert '"resolved"' not in lock
    assert "registry" not in lock
    assert all("integrity" in package for path, package in packages.items() if path)
    assert "omit-lockfile-registry-resolved=true" in (SOURCES / ".npmrc").read_text(encoding="utf-8")


def test_second_build_does_nothing_and_needs_no_network() -> None:
    before = {path: path.stat().st_mtime_ns for path in VENDOR.iterdir() if path.name != "manifest.json"}
    done = subprocess.run(
        [sys.executable, "tools/build_assets.py"], cwd=ROOT, env=NO_NETWORK, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path: path.stat().st_mtime_ns for path in VENDOR.iterdir() if path.name != "manifest.json"} == before


def test_changed_entry_is_built_anew_without_network_and_with_the_same_result_elsewhere(
    build_assets: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NO_NETWORK.items():
        monkeypatch.setenv(name, value)
    where = build_assets.places(project)
    assert build_assets.build(where) is False
    icons = where.sources / "icons.txt"
    icons.write_text(icons.read_text(encoding="utf-8") + "filled/bolt\n", encoding="utf-8")
    assert build_assets.build(where) is True
    assert build_assets.build(where) is False
    made, original = manifest(where.vendor), manifest()
    assert made.keys() == original.keys()
    assert {name for name in made if made[name] != original[name]} == {"icons.svg"}
    assert 'id="bolt-filled"' in (where.vendor / str(made["icons.svg"]["file"])).read_text(encoding="utf-8")


def test_lost_bundle_is_noticed(build_assets: ModuleType, project: Path) -> None:
    where = build_assets.places(project)
    (where.vendor / str(manifest(where.vendor)["htmx.js"]["file"])).unlink()
    assert build_assets.build(where) is True


def test_unknown_icon_stops_the_build_with_its_name(build_assets: ModuleType, project: Path) -> None:
    where = build_assets.places(project)
    (where.sources / "icons.txt").write_text("no-such-icon\n", encoding="utf-8")
    with pytest.raises(build_assets.BuildFailed, match="no-such-icon"):
        build_assets.build(where)


def test_broken_entry_stops_the_build_with_the_bundlers_words(build_assets: ModuleType, project: Path) -> None:
    where = build_assets.places(project)
    (where.sources / "charts.js").write_text('import "echarts/nowhere";', encoding="utf-8")
    with pytest.raises(build_assets.BuildFailed, match="echarts/nowhere"):
        build_assets.build(where)


def test_manifest_tells_the_truth_about_every_file() -> None:
    for entry in manifest().values():
        content = (VENDOR / str(entry["file"])).read_bytes()
        assert len(content) == entry["size"]
        assert entry["sha384"] == "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def test_every_asset_has_an_address_that_leads_to_a_file() -> None:
    addresses = load_assets().addresses
    assert set(addresses) == {*manifest(), *OWN_FILES}
    for address in addresses.values():
        assert (STATIC_FOLDER / address.removeprefix("/static/").partition("?")[0]).is_file()


def test_address_changes_with_the_content(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    shutil.copytree(STATIC_FOLDER, folder)
    before = load_assets(folder).asset("ingufu.css")
    (folder / "ingufu.css").write_text("body {}", encoding="utf-8")
    assert load_assets(folder).asset("ingufu.css") != before


def test_missing_bundles_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="make assets"):
        load_assets(tmp_path)


def test_bundles_name_no_foreign_host_to_load_from() -> None:
    loads = re.compile(
        rb"""(?:@import|url\(|src=|<link[^>]+href=|import\(|fetch\(|importScripts\()\s*["']?(?:https?:)?//[a-z]"""
    )
    for path in [*VENDOR.glob("*.css"), *VENDOR.glob("*.js"), *(STATIC_FOLDER / name for name in OWN_FILES)]:
        assert loads.findall(path.read_bytes()) == [], path.name


def test_licences_of_all_bundled_packages_are_shipped() -> None:
    text = (VENDOR / "LICENSES.txt").read_text(encoding="utf-8")
    for package in (
        "@tabler/core",
        "@tabler/icons",
        "echarts",
        "zrender",
        "htmx.org",
        "htmx-ext-sse",
        "leaflet",
        "topojson-client",
        "tslib",
    ):
        assert f"\n{package} " in f"\n{text}"
    assert "Apache License" in text
    assert "Permission is hereby granted" in text


def test_axe_is_for_tests_only() -> None:
    assert (ROOT / "build" / "test-assets" / "axe.min.js").is_file()
    assert not list(STATIC_FOLDER.rglob("*axe*"))


def test_own_script_stays_small() -> None:
    assert (STATIC_FOLDER / "ingufu.js").stat().st_size < 21_000  # what is seldom needed is a module of its own


def test_every_variable_of_the_styles_has_a_value() -> None:
    """Tabler's parts are taken without Tabler's own tokens: ours must give each of their variables a value."""
    ours = "".join((STATIC_FOLDER / name).read_text(encoding="utf-8") for name in ("ingufu.css", "tariffs.css"))
    parts = (VENDOR / str(manifest()["tabler.css"]["file"])).read_text(encoding="utf-8")
    used = set(re.findall(r"var\((--[\w-]+)\)", ours + parts))  # those without a fallback
    given = set(re.findall(r"(--[\w-]+)\s*:", ours + parts))
    assert used - given == set()


def test_wheel_carries_the_bundles_and_an_editable_build_leaves_them_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for entry in manifest().values():
        assert f"ingufu/web/static/vendor/{entry['file']}" in names
    assert "ingufu/web/static/vendor/LICENSES.txt" in names
    assert "ingufu/web/console/templates/base.html" in names
    assert not [name for name in names if "node_modules" in name or "axe" in name]
