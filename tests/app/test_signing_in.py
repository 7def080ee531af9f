"""What the settings say about signing in: providers from their file, secrets from files, and sentences about mistakes."""

from pathlib import Path

import msgspec
import pytest

from ingufu.accounts.sign_in.model import RoleRule
from ingufu.app.settings import Settings
from ingufu.app.settings_access import MailSettings, SignInSettings
from ingufu.app.settings_loading import load
from ingufu.app.signing_in import identity_providers, mail_rules, sign_in_rules
from ingufu.core.errors import SettingsError

FILE = """
[[provider]]
name = "corp"
label = "Log in with Corp"
issuer = "https://login.example.org"
client_id = "ingufu"
{secret}
admits_unknown = true
[[provider.roles]]
value = "ops"
role = "operator"
sites = ["s1"]
"""


def with_file(folder: Path, text: str) -> Settings:
    file = folder / "providers.toml"
    file.write_text(text)
    return msgspec.structs.replace(Settings(), sign_in=SignInSettings(providers=str(file)))


def test_providers_come_from_a_file_with_their_secrets_from_elsewhere(tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("CORP_SECRET", "from the environment")
    for line, expected in (
        (f'client_secret_file = "{secret}"', "s3cret"),
        ('client_secret_env = "CORP_SECRET"', "from the environment"),
        ("", ""),
    ):
        [provider] = identity_providers(with_file(tmp_path, FILE.format(secret=line)))
        assert provider.client_secret == expected
    assert provider.roles == (RoleRule(value="ops", role="operator", sites=("s1",)),)
    assert identity_providers(Settings()) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[provider]]\nname = 'corp'", "missing required field"),
        (FILE.format(secret="surprise = 1"), "surprise"),
        (FILE.format(secret="client_secret_env = 'NOT_SET_ANYWHERE'"), "NOT_SET_ANYWHERE"),
        (FILE.format(secret="client_secret_file = '/nowhere/at/all'"), "cannot be read"),
        (FILE.format(secret="") + FILE.format(secret=""), "twice"),
        (FILE.format(secret="").replace("https://", "http://"), "https://"),
        (FILE.format(secret="").replace('"corp"', '"../x"'), "letters, digits and hyphens"),
        (FILE.format(secret="scopes = ['email']"), "openid"),
        ("[[", "cannot be used"),
    ],
)
def test_mistakes_in_the_file_are_told(tmp_path, text, says):
    with pytest.raises(SettingsError, match=says):
        identity_providers(with_file(tmp_path, text))


def test_password_of_the_mail_server_comes_from_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("pa55\n")
    mail = MailSettings(server="mail.example.org", sender="a@example.org", password_file=str(file))
    assert mail_rules(msgspec.structs.replace(Settings(), mail=mail)).password == "pa55"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"INGUFU_MAIL_SERVER": "m"}, "mail.sender"),
        ({"INGUFU_MAIL_SERVER": "m", "INGUFU_MAIL_SENDER": "a@example.org"}, "http.public_url"),
        ({"INGUFU_MAIL_SECURITY": "maybe"}, "mail.security"),
        ({"INGUFU_SIGN_IN_PROVIDERS": "/nowhere/at/all"}, "there is no such file"),
    ],
)
def test_settings_that_do_not_fit_stop_the_start(environment, says):
    with pytest.raises(SettingsError, match=says):
        load(environment=environment)


def test_roles_that_need_a_second_factor_are_named():
    settings = load(environment={"INGUFU_SIGN_IN_SECOND_FACTOR_FOR": "admin, finance"})
    assert sign_in_rules(settings).second_factor_for == {"admin", "finance"}
