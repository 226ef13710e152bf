"""The settings: what is accepted, what overrides what, and what an error says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.base.errors import SettingsError
from gateway.base.settings import Address, load, parse_address, public_address

WHOLE = """
data_dir = "data"
database = ""
[http]
listen = "127.0.0.1:8080"
[webrtc]
listen = "0.0.0.0:8189"
public_addresses = []
[rtsp]
listen = "0.0.0.0:8554"
[onvif]
devices = "one"
base_port = 8600
[discovery]
interfaces = []
[[cameras]]
id = "unit-12"
name = "Unit 12"
url = "rtsp://10.1.2.3/stream"
username = "op"
password = "secret"
transport = "tcp"
record = true
connect = "always"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "sightline.toml"
    path.write_text(text)
    return path


def test_every_key_of_the_public_surface_is_accepted(tmp_path):
    settings = load(written(tmp_path, WHOLE), {})
    assert settings.cameras[0].label == "Unit 12"
    assert settings.data_dir == tmp_path / "data"


def test_defaults_need_no_file():
    settings = load(None, {})
    assert settings.http.listen == "127.0.0.1:8080"
    assert settings.cameras == ()


@pytest.mark.parametrize("name", ["SIGHTLINE_HTTP_LISTEN", "SIGHTLINE_HTTP__LISTEN"])
def test_the_environment_overrides_the_file(tmp_path, name):
    path = written(tmp_path, '[http]\nlisten = "127.0.0.1:1"')
    assert load(path, {name: "127.0.0.1:2"}).http.listen == "127.0.0.1:2"


def test_a_list_in_the_environment_is_json():
    assert load(None, {"SIGHTLINE_DISCOVERY_INTERFACES": '["lo"]'}).discovery.interfaces == ("lo",)
    with pytest.raises(SettingsError, match="write JSON"):
        load(None, {"SIGHTLINE_DISCOVERY_INTERFACES": "lo"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", 'unknown key "colour"'),
        ("[http]\nport = 80", 'unknown key "http.port"'),
        ('[http]\nlisten = "80"', '"http.listen": write "address:port"'),
        ('[[cameras]]\nid = "a"', r'"cameras\[a\]": write either "url"'),
        ('[[cameras]]\nid = "a b"\nurl = "rtsp://h/"', '"a b" cannot be an id'),
        ('[[cameras]]\nid = "../x"\nurl = "rtsp://h/"', "cannot be an id"),
        ('[[cameras]]\nid = "a"\nurl = "http://h/"', "begins with rtsp:// or rtsps://"),
        ('[[cameras]]\nid = "a"\nurl = "rtsp://u:hush@h/"\nusername = "v"', "not both"),
        ('[[cameras]]\nid = "a"\nurl = "rtsp://h/"\nspeed = 1', r'unknown key "cameras\[a\].speed"'),
        ('[[cameras]]\nurl = "rtsp://h/"', r'"cameras\[1\].id" is missing'),
        ('[[cameras]]\nid="a"\nurl="rtsp://h/"\n[[cameras]]\nid="A"\nurl="rtsp://h/"', 'two cameras have the id "A"'),
        ('[[cameras]]\nid="a"\nurl="rtsp://h/"\npassword_file="gone"', "password_file .*gone cannot be read"),
        ("data_dir = ", "is not TOML"),
        ('[onvif]\ndevices = "many"', '"onvif.devices"'),
    ],
)
def test_an_error_names_the_key_and_what_to_write(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said) as caught:
        load(written(tmp_path, text), {})
    assert "hush" not in str(caught.value)


def test_an_unknown_variable_is_an_error():
    with pytest.raises(SettingsError, match="SIGHTLINE_COLOUR names no setting"):
        load(None, {"SIGHTLINE_COLOUR": "red"})


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.toml", {})


def test_a_password_comes_from_its_file_and_is_not_shown(tmp_path):
    (tmp_path / "pw").write_text("hush\n")
    path = written(tmp_path, '[[cameras]]\nid = "a"\nurl = "rtsp://h/"\npassword_file = "pw"')
    camera = load(path, {}).cameras[0]
    assert camera.password.get_secret_value() == "hush"
    assert "hush" not in repr(camera)


def test_a_password_in_the_url_is_taken_out_of_it(tmp_path):
    camera = load(written(tmp_path, '[[cameras]]\nid = "a"\nurl = "rtsp://op:hu%40sh@h:554/s?x=1"'), {}).cameras[0]
    assert camera.url == "rtsp://h:554/s?x=1"
    assert (camera.username, camera.password.get_secret_value()) == ("op", "hu@sh")


def test_what_kubernetes_sets_is_no_setting():
    load(None, {"SIGHTLINE_SERVICE_HOST": "10.0.0.1", "SIGHTLINE_PORT_8080_TCP_ADDR": "10.0.0.1"})


def test_addresses():
    assert parse_address("[::1]:8080") == Address("::1", 8080)
    assert str(parse_address("[::1]:0")) == "[::1]:0"
    for bad in ("", "host", ":80", "host:", "host:99999", "u@host:1"):
        with pytest.raises(ValueError, match="address:port"):
            parse_address(bad)


def test_ice_servers_are_one_address_or_several(tmp_path):
    text = """
[[webrtc.ice_servers]]
urls = "stun:stun.example.org"
[[webrtc.ice_servers]]
urls = ["turn:[2001:db8::1]:3478?transport=udp", "turns:turn.example.org"]
username = "ann"
credential = "hush"
"""
    stun, turn = load(written(tmp_path, text), {}).webrtc.ice_servers
    assert stun.urls == ("stun:stun.example.org",)
    assert turn.urls == ("turn:[2001:db8::1]:3478?transport=udp", "turns:turn.example.org")
    assert "hush" not in repr(turn)
    environment = {"SIGHTLINE_WEBRTC_ICE_SERVERS": '[{"urls": "stun:other.example"}]'}
    assert load(None, environment).webrtc.ice_servers[0].urls == ("stun:other.example",)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ('{ urls = "https://example.org" }', "stun:host:port"),
        ('{ urls = "stun:a>; rel=x" }', "stun:host:port"),
        ("{ urls = [] }", "name a server"),
        ('{ urls = "turn:turn.example.org", username = "ann" }', 'needs "username" and "credential"'),
        ('{ urls = "turn:turn.example.org", username = "a\\nb", credential = "hush" }', "printable ASCII"),
        ('{ urls = "turn:turn.example.org", username = "ann", credential = "hush\\r\\n" }', "printable ASCII"),
    ],
)
def test_an_ice_server_that_cannot_be_is_refused(tmp_path, server, said):
    with pytest.raises(SettingsError, match=said) as refused:
        load(written(tmp_path, f"[webrtc]\nice_servers = [{server}]"), {})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("203.0.113.7", "203.0.113.7", 0),
        ("203.0.113.7:9000", "203.0.113.7", 9000),
        ("2001:db8::1", "2001:db8::1", 0),
        ("[2001:db8::1]:9000", "2001:db8::1", 9000),
    ],
)
def test_a_public_address_may_have_a_port_of_its_own(text, host, port):
    assert public_address(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", "example.org", "example.org:9000", "203.0.113.7:", "203.0.113.7:99999", "[::1]"])
def test_a_public_address_must_be_one(text):
    with pytest.raises(ValueError, match="IP address"):
        public_address(text)
