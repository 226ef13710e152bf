"""ONVIF's own schemas, as onvif-zeep-async bundles them, to hold our answers against."""

from __future__ import annotations

import functools
from pathlib import Path

import onvif
from lxml import etree

from onvif_protocol.soap import Element

WSDL_OF = {
    "http://www.onvif.org/ver10/device/wsdl": "devicemgmt.wsdl",
    "http://www.onvif.org/ver10/media/wsdl": "media.wsdl",
    "http://www.onvif.org/ver10/deviceIO/wsdl": "deviceio.wsdl",
    "http://www.onvif.org/ver10/events/wsdl": "events.wsdl",
    "http://docs.oasis-open.org/wsn/b-2": "events.wsdl",
    "http://www.onvif.org/ver10/search/wsdl": "search.wsdl",
    "http://www.onvif.org/ver10/recording/wsdl": "recording.wsdl",
    "http://www.onvif.org/ver10/replay/wsdl": "replay.wsdl",
    "http://www.onvif.org/ver20/imaging/wsdl": "imaging.wsdl",
}
BUNDLED = Path(onvif.__file__).parent / "wsdl"


@functools.cache
def _schema(wsdl: Path) -> etree.XMLSchema:
    embedded = etree.parse(wsdl).find(".//{http://www.w3.org/2001/XMLSchema}schema")
    assert embedded is not None
    # Parsed anew, so that its relative imports are found beside the WSDL.
    return etree.XMLSchema(etree.fromstring(etree.tostring(embedded), base_url=str(wsdl)))


def violations(body: Element, wsdl: Path | None = None) -> list[str]:
    """What is wrong with the body of a message; nothing, it is hoped. Of services that the bundled WSDLs know, or of
    the one in `wsdl`."""
    schema = _schema(wsdl or BUNDLED / WSDL_OF[str(etree.QName(body).namespace)])
    schema.validate(etree.fromstring(etree.tostring(body)))
    return [error.message for error in schema.error_log]
