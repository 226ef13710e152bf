"""`[[alerts.webhook]]` and `[[alerts.mail]]`: what holds, what is refused, and that no secret is shown."""

from __future__ import annotations

import base64

import pytest

from gateway.base.alert_words import Grade, Kind
from gateway.base.channel_settings import signing_keys
from gateway.base.differences import differences, flatten
from gateway.base.errors import SettingsError
from gateway.base.settings import Settings, load
from tests.certificates import certificate

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
HOOK = f'[[alerts.webhook]]\nname = "ops"\nurl = "https://example.org/hook"\nsecret = "{SECRET}"\n'
MAIL = """[[alerts.mail]]
name = "desk"
host = "mail.example.org"
from = "Sightline <s@example.org>"
to = ["a@example.org"]
"""


def read(tmp_path, text) -> Settings:
    file = tmp_path / "sightline.toml"
    file.write_text(text)
    return load(file, {})


def test_a_web_hook_is_told_of_all_and_a_mail_of_what_matters_most_unless_they_say_otherwise(tmp_path):
    alerts = read(tmp_path, HOOK + MAIL).alerts
    (hook,), (mail,) = alerts.webhook, alerts.mail
    assert alerts.channels == (hook, mail)
    assert (hook.grades, hook.resolved, hook.positions) == ((Grade.HIGH, Grade.ACTIVITY), True, False)
    assert (mail.grades, mail.resolved, mail.security, mail.per_minute) == ((Grade.HIGH,), False, "starttls", 6)
    assert (mail.sender, mail.to) == ("Sightline <s@example.org>", ("a@example.org",))


def test_a_channel_wants_what_its_filters_let_through(tmp_path):
    (hook,) = read(tmp_path, HOOK + 'grades = ["high"]\nkinds = ["sos"]\ngroups = ["north"]\n').alerts.webhook
    assert hook.wants(Kind.SOS, Grade.HIGH, ["north", "bikes"])
    assert not hook.wants(Kind.SOS, Grade.ACTIVITY, ["north"])
    assert not hook.wants(Kind.UNIT_LOST, Grade.HIGH, ["north"])
    assert not hook.wants(Kind.SOS, Grade.HIGH, [])
    (mail,) = read(tmp_path, MAIL).alerts.mail
    assert mail.wants(Kind.NOT_RECORDING, Grade.HIGH, [])
    assert not mail.wants(Kind.NOT_RECORDING, Grade.ACTIVITY, [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HOOK.replace("https:", "ftp:"), "https://"),
        (HOOK.replace("example.org", ""), "names a host"),
        (HOOK.replace("/hook", "/hook#x"), "https://"),
        (HOOK.replace(f'secret = "{SECRET}"\n', ""), '"secret" or "secret_file"'),
        (HOOK + 'secret_file = "s"\n', '"secret" or "secret_file"'),
        (HOOK.replace("whsec_", ""), "openssl rand"),
        (HOOK.replace(SECRET, "whsec_c2hvcnQ="), "24 to 64"),
        (HOOK.replace(SECRET, SECRET + " whsec_!"), "24 to 64"),
        (HOOK.replace('"ops"', '"two words"'), "cannot be a name"),
        (HOOK + 'grades = ["off"]\n', "high"),
        (HOOK + 'kinds = ["fire"]\n', "kinds"),
        (HOOK + 'certificates = "nowhere.pem"\n', "certificates"),
        (HOOK + HOOK, 'called "ops"'),
        (HOOK + MAIL.replace('"desk"', '"ops"'), 'called "ops"'),
        (MAIL.replace("s@example.org", "nobody"), "no e-mail address"),
        (MAIL.replace("s@example.org", "s@example.org\\nBcc: x@example.org"), "no e-mail address"),
        (MAIL.replace('"a@example.org"', '"a@example.org, b@example.org"'), "no e-mail address"),
        (MAIL.replace('["a@example.org"]', "[]"), "to"),
        (MAIL + 'username = "u"\n', '"username" and "password"'),
        (MAIL + 'password = "p"\n', '"username" and "password"'),
        (MAIL + 'username = "u"\npassword = "p"\npassword_file = "p"\n', '"password" or "password_file"'),
        (MAIL + 'username = "u"\npassword = "p"\nsecurity = "none"\n', "in the clear"),
        (MAIL + "per_minute = 0\n", "per_minute"),
        (MAIL + 'username = "u"\npassword_file = "nowhere"\n', "cannot be read"),
        (HOOK.replace(f'secret = "{SECRET}"', 'secret_file = "nowhere"'), "cannot be read"),
    ],
)
def test_what_does_not_hold_is_named_and_no_secret_is(tmp_path, text, says):
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    assert says in str(refused.value)
    assert SECRET[6:] not in str(refused.value)


def test_secrets_come_from_files_beside_the_settings(tmp_path):
    other = "whsec_" + base64.b64encode(b"y" * 24).decode()
    (tmp_path / "hook").write_text(f"{SECRET}\n{other}\n")
    (tmp_path / "pass").write_text("pass word\n")
    certificate(tmp_path)
    alerts = read(
        tmp_path,
        HOOK.replace(f'secret = "{SECRET}"', 'secret_file = "hook"\ncertificates = "certificate.pem"')
        + MAIL
        + 'username = "u"\npassword_file = "pass"\n',
    ).alerts
    assert signing_keys(alerts.webhook[0].secret.get_secret_value()) == (bytes(range(32)), b"y" * 24)
    assert alerts.webhook[0].certificates == tmp_path / "certificate.pem"
    assert alerts.mail[0].password.get_secret_value() == "pass word"


@pytest.mark.parametrize("held", ["", "  \n", "whsec_short"])
def test_a_file_without_a_secret_is_refused(tmp_path, held):
    (tmp_path / "hook").write_text(held)
    with pytest.raises(SettingsError, match='web hook "ops": secret_file'):
        read(tmp_path, HOOK.replace(f'secret = "{SECRET}"', 'secret_file = "hook"'))


def test_what_a_reading_changes_shows_no_secret(tmp_path):
    def mark(secret: str) -> str:
        return str(hash(secret))

    before = flatten(read(tmp_path, MAIL + 'username = "u"\npassword = "first"\n'), mark)
    after = flatten(read(tmp_path, MAIL + 'username = "u"\npassword = "second"\n' + HOOK), mark)
    told = " ".join(str(difference.json()) for difference in differences(before, after))
    assert "alerts.webhook" in told
    assert "alerts.mail" in told
    assert not any(secret in told for secret in (SECRET, "first", "second"))
