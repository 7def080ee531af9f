"""Where the data lies."""

from pathlib import Path

import pytest

from ingufu.core.errors import SettingsError
from ingufu.infra.storage.postgresql_backup import split_password
from ingufu.infra.storage.targets import StorageUrl

DATA = Path("/srv/ingufu")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (None, "/srv/ingufu/ingufu.sqlite"),
        ("", "/srv/ingufu/ingufu.sqlite"),
        ("sqlite:///other.db", "/srv/ingufu/other.db"),
        ("sqlite:////var/lib/a%20b.db", "/var/lib/a b.db"),
    ],
)
def test_sqlite_is_a_file(text: str | None, path: str) -> None:
    assert StorageUrl.parse(text, DATA).path == Path(path)


@pytest.mark.parametrize("text", ["postgresql://u:secret@db:5432/ingufu?sslmode=require", "postgres://u:secret@db/x"])
def test_password_is_not_shown(text: str) -> None:
    url = StorageUrl.parse(text, DATA)
    assert url.dsn == text
    assert "secret" not in f"{url} {url!r} {[url]}"
    assert "u@db" in str(url)


@pytest.mark.parametrize("text", ["mysql://x/y", "sqlite:///", "sqlite://memory", "ingufu.db", "postgresql"])
def test_anything_else_is_a_wrong_setting(text: str) -> None:
    with pytest.raises(SettingsError, match=r"sqlite:///.*postgresql://"):
        StorageUrl.parse(text, DATA)


@pytest.mark.parametrize(
    ("dsn", "shown", "password"),
    [
        ("postgresql://u:p%40ss@db:1/x", "postgresql://u@db:1/x", "p@ss"),
        ("postgresql://u@/x?host=/run&password=p%26", "postgresql://u@/x?host=%2Frun", "p&"),
        ("postgresql:///x", "postgresql:///x", ""),
        ("postgresql://db1,db2/x", "postgresql://db1,db2/x", ""),
    ],
)
def test_password_is_taken_out_of_the_url(dsn: str, shown: str, password: str) -> None:
    assert split_password(dsn) == (shown, password)
