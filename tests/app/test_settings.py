"""Settings from every origin, and the sentence for every way in which one can be wrong."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingufu.app.settings import FLAGS, Settings, catalogue, sections, split_address
from ingufu.app.settings_loading import HANDED_OVER, hand_over, handed_over, load
from ingufu.core.errors import SettingsError


def loaded(text: str = "", environment: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load(environment=environment or {}, flags={name.replace("__", "."): value for name, value in flags.items()})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ingufu.toml"


def from_file(file: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(file=file, environment=environment or {})


def sentence(file: Path, text: str = "", environment: dict[str, str] | None = None, **flags: Any) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(
            file=file,
            environment=environment or {},
            flags={name.replace("__", "."): value for name, value in flags.items()},
        )
    return caught.value.message


def test_without_anything_defaults_hold():
    assert load(environment={"PATH": "/bin", "HOME": "/"}) == Settings()
    assert str(Settings().data_folder) == "data"


def test_flags_win_over_environment_over_file_over_default(file):
    text = "data = 'file'\noperator = 'File'\n[http]\nlisten = '127.0.0.1:1'\npublic_url = 'http://file'\n"
    environment = {"INGUFU_HTTP_LISTEN": "127.0.0.1:2", "INGUFU_OPERATOR": "Environment"}
    file.write_text(text)
    settings = load(file=file, environment=environment, flags={"http.listen": "127.0.0.1:3", "data": None})
    assert settings.http.listen == "127.0.0.1:3"
    assert settings.operator == "Environment"
    assert settings.data == "file"
    assert settings.http.public_url == "http://file"
    assert settings.log.level == "info"


def test_the_environment_speaks_text_for_every_type():
    settings = load(
        environment={
            "INGUFU_OCPP_HEARTBEAT_INTERVAL_S": "60",
            "INGUFU_OCPP_DRAIN_S": "0.5",
            "INGUFU_OCPP_ALLOWS_COMPRESSION": "false",
            "INGUFU_HTTP_TRUSTED_PROXIES": "10.0.0.1, ::1,",
            "INGUFU_OCPP_UNKNOWN_STATIONS": "refuse",
        }
    )
    assert settings.ocpp.heartbeat_interval_s == 60
    assert settings.ocpp.drain_s == 0.5
    assert settings.ocpp.allows_compression is False
    assert settings.http.trusted_proxies == ("10.0.0.1", "::1")
    assert settings.ocpp.unknown_stations == "refuse"


def test_a_folder_may_be_named_from_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/operator")
    assert load(environment={"INGUFU_DATA": "~/ingufu"}).data_folder == Path("/home/operator/ingufu")


def test_every_default_passes_its_own_limits():
    for setting in catalogue().values():
        assert msgspec.convert(setting.default, setting.hint, strict=False) == setting.default


def test_every_setting_says_what_it_is_and_what_it_must_be():
    for setting in catalogue().values():
        assert setting.meaning.endswith("."), setting.path
        assert setting.requirement, setting.path
    assert all(text.endswith(".") for text in sections().values())
    assert set(FLAGS) <= set(catalogue())


def test_variables_are_distinct():
    variables = [setting.variable for setting in catalogue().values()]
    assert len(set(variables)) == len(variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[ocpp]\nheartbeat_interval_s = 5", "is '5'; it must be a whole number at least 10 and at most 86400."),
        (
            "[ocpp]\nheartbeat_interval_s = 'soon'",
            "is 'soon'; it must be a whole number at least 10 and at most 86400.",
        ),
        ("[ocpp]\nheartbeat_interval_s = 60.5", "is '60.5'; it must be a whole number at least 10 and at most 86400."),
        ("[ocpp]\nheartbeat_interval_s = []", "is '[]'; it must be a whole number at least 10 and at most 86400."),
        ("[http]\nsession_hours = nan", "is 'nan'; it must be a number above 0 and at most 720."),
        ("[http]\nsession_hours = 0", "is '0'; it must be a number above 0 and at most 720."),
        ("[ocpp]\nunknown_stations = 'maybe'", "is 'maybe'; it must be wait or refuse."),
        ("[ocpp]\nallows_compression = 'perhaps'", "is 'perhaps'; it must be true or false."),
        ("[http]\nlisten = 8080", "is '8080'; it must be text."),
        ("[ocpp]\ncertificates = 'one.pem'", "is 'one.pem'; it must be a list of text."),
        ("[ocpp]\ncertificates = [1]", "is '[1]'; it must be a list of text."),
        ("[log]\nlevel = 'loud'", "is 'loud'; it must be debug, info, warning or error."),
        ("[ocpp]\nmax_message_bytes = 1", "it must be a whole number at least 16384 and at most 67108864."),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_it_must_be(text, expected, file):
    path = text.partition("]")[0].strip("[") + "." + text.partition("\n")[2].partition(" ")[0]
    said = sentence(file, text)
    assert said.startswith(f"{path}, in {file}, ")
    assert said.endswith(expected)


def test_a_wrong_value_of_environment_and_flag_names_them(file):
    assert sentence(file, environment={"INGUFU_LOG_LEVEL": "loud"}) == (
        "log.level, from the environment variable INGUFU_LOG_LEVEL, is 'loud'; "
        "it must be debug, info, warning or error."
    )
    assert sentence(file, http__listen="8080") == (
        "http.listen, from the flag --http is '8080'; it must be an address and a port, such as 127.0.0.1:8080."
    )


def test_a_long_wrong_value_is_cut(file):
    assert len(sentence(file, f"[log]\nlevel = '{'x' * 10_000}'")) < 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("heartbeat = 5", "heartbeat, in {file}, is no setting."),
        ("[ocpp]\nheartbeat_interval = 5", "is no setting. Did you mean ocpp.heartbeat_interval_s?"),
        ("[ocp]\nlisten = 'x'", "ocp.listen, in {file}, is no setting. Did you mean ocpp.listen?"),
        ("[ocp]\n", "ocp, in {file}, is no setting. Did you mean ocpp?"),
        ("ocpp = 5", "ocpp, in {file}, is no setting."),
        ("[data]\nfolder = 'x'", "data.folder, in {file}, is no setting."),
        ("[[ocpp]]\nlisten = 'x'", "ocpp, in {file}, is no setting."),
    ],
)
def test_what_is_no_setting_is_named_with_its_nearest_neighbour(text, expected, file):
    assert expected.format(file=file) in sentence(file, text)


def test_an_environment_variable_that_names_no_setting_is_refused(file):
    assert sentence(file, environment={"INGUFU_OCPP_LISTN": "x"}) == (
        "The environment variable INGUFU_OCPP_LISTN names no setting. Did you mean INGUFU_OCPP_LISTEN?"
    )


def test_variables_of_the_command_line_are_no_settings():
    assert load(environment={"INGUFU_CONFIG": "x", "INGUFU_REQUIRE": "postgresql"}) == Settings()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "does not exist."),
        (b"[ocpp\n", "is not TOML:"),
        (b"data = '\xff'", "is not UTF-8 text."),
        ("folder", "cannot be read: Is a directory."),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content, expected, file):
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(file=file, environment={})
    assert caught.value.message.startswith(f"The settings file {file} ")
    assert expected in caught.value.message


def test_the_password_of_a_database_is_never_repeated(file):
    for text in ("database = 'postgresql://u:hunter2@h/d'\n[ocpp]\nlisten=''", "database = 'mysql://u:hunter2@h/d'"):
        assert "hunter2" not in sentence(file, text)
    assert "hunter2" not in sentence(file, "database = ['hunter2']")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[ocpp]\nlisten = ''", "No station could connect: ocpp.listen, ocpp.tls_listen, ocpp.mutual_tls_listen"),
        ("[ocpp]\nlisten = '9000'", "ocpp.listen, in {file} is '9000'; it must be an address and a port"),
        ("[ocpp]\nlisten = '127.0.0.1:99999'", "it must be an address and a port"),
        ("[ocpp]\nlisten = ':::9000'", "it must be an address and a port"),
        ("[http]\nlisten = ''", "http.listen, in {file} is ''; it must be an address and a port"),
        ("[ocpp]\nlisten = '127.0.0.1:8080'", "is '127.0.0.1:8080', but http.listen listens there already."),
        ("[ocpp]\nbase_path = 'ocpp'", "ocpp.base_path, in {file}, is 'ocpp'; it must be a path such as /ocpp"),
        ("[ocpp]\nbase_path = '/a b'", "it must be a path such as /ocpp"),
        ("database = 'mysql://x'", "database, in {file}, must be a postgresql:// URL, or empty"),
        ("data = ' '", "data, in {file}, is empty; it must name a folder."),
        ("[http]\npublic_url = 'example.org'", "must be a http:// or https:// address."),
        ("[ocpp]\npublic_url = 'https://example.org'", "must be a ws:// or wss:// address."),
        ("[http]\ntrusted_proxies = ['proxy.local']", "holds 'proxy.local'; it must hold IP addresses."),
        ("[ocpp]\ntls_listen = '127.0.0.1:9001'", "ocpp.certificates, which has its default, is empty, but a TLS"),
        ("[ocpp]\ncertificates = ['{here}']", "ocpp.private_keys, which has its default, must name as many files"),
        (
            "[ocpp]\nmutual_tls_listen = '127.0.0.1:9001'\ncertificates = ['{here}']\nprivate_keys = ['{here}']",
            "ocpp.client_authorities, which has its default, is empty, but ocpp.mutual_tls_listen needs to know",
        ),
        ("[http]\ncertificate = '{here}'", "http.private_key, which has its default, and http.certificate belong"),
        (
            "[http]\ncertificate = '{here}'\nprivate_key = 'none.pem'",
            "http.private_key, in {file}, names none.pem, and there is no such file.",
        ),
        (
            "[sign_in]\nsecond_factor_for = ['finance', 'admins']",
            "sign_in.second_factor_for, in {file}, holds 'admins', which is no role. Is admin meant? It must hold admin,",
        ),
        (
            "[ocpp]\ncertificates = ['none.pem']\nprivate_keys = ['{here}']",
            "ocpp.certificates, in {file}, names none.pem, and there is no such file.",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(text, expected, file):
    file.touch()
    assert expected.format(file=file) in sentence(file, text.replace("{here}", str(file)))


def test_a_second_factor_is_demanded_of_roles_that_are_built_in_of_ones_own_and_of_all(file):
    wanted = ("all", "admin", "site-host", "019caafc-85d0-723e-8790-183afb5f69fb")
    assert "'site-host', which is no role" in sentence(file, f"[sign_in]\nsecond_factor_for = {list(wanted)}")
    kept = tuple(one for one in wanted if one != "site-host")
    file.write_text(f"[sign_in]\nsecond_factor_for = {list(kept)}")
    assert load(file=file, environment={}).sign_in.second_factor_for == kept


def test_two_listeners_on_any_free_port_are_no_contradiction(file):
    settings = from_file(file, "[http]\nlisten = '127.0.0.1:0'\n[ocpp]\nlisten = '127.0.0.1:0'")
    assert settings.ocpp.listen == settings.http.listen


def test_addresses_of_both_families_are_read():
    assert split_address("[::1]:9000", "x") == ("::1", 9000)
    assert split_address("station.local:0", "x") == ("station.local", 0)


def test_settings_are_handed_over_whole_to_own_processes_and_replace_the_environment(file):
    settings = from_file(file, "database = 'postgresql://h/d'\n[ocpp]\nlisten = '127.0.0.1:0'\ncertificates = []")
    environment = hand_over(settings, {"PATH": "/bin", "INGUFU_LOG_LEVEL": "debug"})
    assert set(environment) == {"PATH", HANDED_OVER}
    assert handed_over(environment) == settings
    assert handed_over({}) is None


def test_handed_over_settings_that_are_none_are_refused_without_repeating_them():
    for text in ("{", '{"data": 5}', '{"secret": "hunter2"}'):
        with pytest.raises(SettingsError, match="does not hold settings") as caught:
            handed_over({HANDED_OVER: text})
        assert "hunter2" not in caught.value.message
