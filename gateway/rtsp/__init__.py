"""RTSP 1.0 (RFC 2326) in both roles: sans-IO protocol, SDP and authentication; asyncio client and server."""
