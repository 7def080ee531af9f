"""Secrets at rest: sealed with a key in a file of its own."""

import stat
from pathlib import Path

import pytest

from ingufu.core.errors import Unavailable
from ingufu.infra.vault import Vault


def test_what_is_sealed_is_opened_by_the_same_key_for_the_same_thing(tmp_path: Path):
    path = tmp_path / "data" / "secrets.key"
    sealed = Vault(path).seal("hunter2 ÄÖ", "station/password")
    assert "hunter2" not in sealed
    assert Vault(path).open(sealed, "station/password") == "hunter2 ÄÖ"
    assert Vault(path).seal("hunter2 ÄÖ", "station/password") != sealed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Unavailable):
        Vault(path).open(sealed, "other/password")


@pytest.mark.parametrize("sealed", ["", "v1:", "v1:zz", "v1:" + "00" * 40, "plain text"])
def test_what_was_not_sealed_by_this_key_is_not_opened(tmp_path: Path, sealed: str):
    with pytest.raises(Unavailable):
        Vault(tmp_path / "secrets.key").open(sealed, "x")


def test_no_key_is_made_before_it_is_needed_and_a_broken_one_is_told(tmp_path: Path):
    path = tmp_path / "secrets.key"
    Vault(path)
    assert not path.exists()
    path.write_bytes(b"short")
    with pytest.raises(Unavailable):
        Vault(path).seal("a", "b")
    assert path.read_bytes() == b"short"
