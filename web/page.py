"""The page's files, and the street map that somebody may have dropped into the data directory."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from gateway.base.errors import NotFoundError
from web.routes import Body, Route
from web.services import services

STATIC = Path(__file__).parent / "static"
MAP_FILE = "region.pmtiles"
MANIFEST = "manifest.webmanifest"
_YEAR = "public, max-age=31536000, immutable"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


async def index(_: web.Request) -> web.StreamResponse:
    """`GET /`."""
    return _file(STATIC / "index.html", "no-cache")


async def top_file(request: web.Request) -> web.StreamResponse:
    """`GET /{file}`: a file beside index.html (icon, manifest, service worker)."""
    response = _file(STATIC / request.match_info["file"], "no-cache")
    if request.match_info["file"] == MANIFEST:
        response.content_type = "application/manifest+json"  # W3C appmanifest, 4; no table of types knows it
    return response


async def asset(request: web.Request) -> web.StreamResponse:
    """`GET /assets/{file}`: named after a hash of its content, so it never changes."""
    return _file(STATIC / "assets" / request.match_info["file"], _YEAR)


async def region(request: web.Request) -> web.StreamResponse:
    """`GET /region.pmtiles`: with HTTP Range."""
    path = services(request).settings.data_dir / MAP_FILE
    if not path.is_file():
        raise NotFoundError(f"there is no {MAP_FILE} in the data directory: the map shows no streets")
    return web.FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})


def _file(path: Path, cache: str) -> web.FileResponse:
    # A variable of a route holds no "/", but it may be "..".
    if path.parent.name not in {"static", "assets"} or path.name in {"", ".", ".."} or not path.is_file():
        if path.name == "index.html":
            raise NotFoundError('the page is not built: run "make setup"')
        raise NotFoundError(f"there is no {path.name} here")
    return web.FileResponse(path, headers={"Cache-Control": cache})


_ANY = Body("application/octet-stream", {"type": "string", "format": "binary"})
ROUTES = [
    Route("GET", "/", index, "Open the page", "page", answers={200: Body("text/html", {"type": "string"})}),
    Route("GET", "/region.pmtiles", region, "Read street tiles", "page", answers={200: _ANY}),
    Route("GET", "/assets/{file}", asset, "Read a file of the page", "page", answers={200: _ANY}),
    Route("GET", "/{file}", top_file, "Read a file of the page", "page", answers={200: _ANY}),
]
