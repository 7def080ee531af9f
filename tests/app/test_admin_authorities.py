"""Trusted authorities from the shell: imported, listed, removed, and every mistake told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.shell import Shell
from certificates.pki import hierarchy


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("admin") / "data")
    assert shell("migrate").code == 0
    yield shell
    shell.close()


def test_authorities_are_imported_listed_and_removed(shell, tmp_path: Path):
    tree = hierarchy()
    file = tmp_path / "roots.pem"
    file.write_text(tree.chain_of_authorities)
    made = shell("admin", "authority", "import", str(file), "--note", "test", "--json").json
    assert [(one["name"], one["is_root"]) for one in made] == [
        ("CN=MO Root", True),
        ("CN=MO Sub 1", False),
        ("CN=MO Sub 2", False),
    ]
    again = shell("admin", "authority", "import", "-", "--purpose", "contract", "--json", stdin=tree.root.pem).json
    assert [one["id"] for one in again] == [made[0]["id"]]
    listed = shell("admin", "authority", "list").out
    assert "CN=MO Root" in listed
    assert made[0]["fingerprint"] in listed
    done = shell("admin", "authority", "remove", made[0]["fingerprint"][:12].upper())
    assert (done.code, done.out) == (0, "CN=MO Root is trusted no longer.\n")
    assert shell("admin", "authority", "remove", made[0]["fingerprint"]).code != 0


def test_what_is_no_authority_is_told_in_a_sentence(shell, tmp_path: Path):
    file = tmp_path / "leaf.pem"
    file.write_text(hierarchy().contract.pem)
    done = shell("admin", "authority", "import", str(file))
    assert done.code != 0
    assert "is no authority" in done.err
