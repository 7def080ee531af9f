"""Where the console's scripts, styles and icons are served: logical names to addresses that change with the content."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ingufu.core.errors import Unavailable

STATIC_FOLDER = Path(__file__).parent / "static"
OWN_FILES = (
    "ingufu.css",
    "tariffs.css",
    "ingufu.js",
    "theme.js",
    "charts.js",
    "map.js",
    "palette.js",
    "steps.js",
    "sign-in.js",
    "favicon.svg",
)


class _Bundle(msgspec.Struct, frozen=True):
    file: str
    size: int  # bytes
    sha384: str  # as in the integrity attribute


class _Manifest(msgspec.Struct, frozen=True):
    files: dict[str, _Bundle]


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of everything a page may load; made once at start."""

    addresses: Mapping[str, str]

    def asset(self, name: str) -> str:
        """Return the address of `name`, for instance `asset("ingufu.css")`; a page that asks for another is a bug.

        Raises LookupError.
        """
        try:
            return self.addresses[name]
        except KeyError:
            msg = f"no asset is called {name!r}; there are {', '.join(sorted(self.addresses))}"
            raise LookupError(msg) from None


def load_assets(folder: Path = STATIC_FOLDER, *, base_url: str = "/static") -> Assets:
    """Return the addresses of our own files in `folder` and of the bundles in its `vendor`.

    Bundles carry their hash in the name, our own files in the query: either may be cached for ever.
    Raises Unavailable if the bundles were never built.
    """
    manifest = folder / "vendor" / "manifest.json"
    try:
        bundles = msgspec.json.decode(manifest.read_bytes(), type=_Manifest).files
    except FileNotFoundError:
        msg = f"The console's scripts and styles are not built ({manifest} is missing); run `make assets`."
        raise Unavailable(msg) from None
    addresses = {name: f"{base_url}/vendor/{bundle.file}" for name, bundle in bundles.items()}
    for name in OWN_FILES:
        version = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16]
        addresses[name] = f"{base_url}/{name}?v={version}"
    return Assets(addresses=addresses)
