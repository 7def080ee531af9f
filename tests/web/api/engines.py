"""Which engine a test runs on: what concerns storage runs on both, all else on SQLite (see this folder's conftest)."""

import pytest

both_engines = pytest.mark.parametrize("storage_url", ["sqlite", "postgresql"], indirect=True)
