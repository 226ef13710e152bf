"""ONVIF on the wire: SOAP, discovery, the client toward cameras, the device toward NVRs, metadata documents.

Knows nothing of `gateway` or `web`; what it needs from them it declares as a Protocol. This folder's parent has no
`__init__.py`: one there would hide the `onvif` package of onvif-zeep-async.
"""
