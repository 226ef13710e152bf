#!/usr/bin/env python3
"""Checks an evidence package of Sightline. Needs Python 3.9 or newer, and nothing else: no network, no other program.

    python3 verify.py               checks the folder that this script lies in
    python3 verify.py PACKAGE.zip   checks a package that was not unpacked

Prints what holds and what does not; exit code 0: everything holds, 1: something does not, 2: this is no package.
README.txt says what that proves. This script belongs to the package, so whoever could change the one could change the
other: take it from a copy you trust, or read it. It is short for that reason.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

FORMAT = "sightline evidence package 1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
CHUNK = 1 << 20


# ---- Ed25519 (RFC 8032, section 5.1), verification only

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]  # extended coordinates (5.1.4)


def _add(a: _Point, b: _Point) -> _Point:
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    u, v = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(a: _Point) -> _Point:
    s, t, u = a[0] * a[0] % _P, a[1] * a[1] % _P, 2 * a[2] * a[2] % _P
    h = s + t
    e, g = h - (a[0] + a[1]) ** 2, s - t
    f = u + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum_of_multiples(m: int, a: _Point, n: int, b: _Point) -> _Point:
    """m times a plus n times b, both at once."""
    choices = [None, a, b, _add(a, b)]
    result: _Point = (0, 1, 1, 0)
    for bit in range(max(m.bit_length(), n.bit_length()) - 1, -1, -1):
        result = _double(result)
        chosen = choices[(m >> bit & 1) | (n >> bit & 1) << 1]
        if chosen is not None:
            result = _add(result, chosen)
    return result


def _point(data: bytes) -> _Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_1 % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of the private half of `public` (32 bytes) made `signature` (64 bytes) of `message`."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= _ORDER:
        return False
    assert _BASE is not None
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    minus_key = (_P - key[0], key[1], 1, _P - key[3])
    found = _sum_of_multiples(s, _BASE, k, minus_key)
    return (found[0] - r[0] * found[2]) % _P == 0 and (found[1] - r[1] * found[2]) % _P == 0


# ---- what a package is made of


class NoPackageError(Exception):
    """This is none."""


class Package:
    """The files of a ZIP or of a folder it was unpacked to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = None if path.is_dir() else zipfile.ZipFile(path)

    def names(self) -> list[str]:
        """Every file, with / between folders."""
        if self._zip is not None:
            return [name for name in self._zip.namelist() if not name.endswith("/")]
        return [path.relative_to(self._path).as_posix() for path in self._path.rglob("*") if path.is_file()]

    def open(self, name: str) -> IO[bytes]:
        """One of them, to read."""
        return (self._path / name).open("rb") if self._zip is None else self._zip.open(name)

    def read(self, name: str) -> bytes:
        """All of a small one; empty when it is missing."""
        try:
            with self.open(name) as file:
                return file.read()
        except (OSError, KeyError, zipfile.BadZipFile):
            return b""


class Report:
    """What was found."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.faults: list[str] = []
        self._tell = tell

    def holds(self, what: str) -> None:
        """Something is as it was made."""
        self._tell("   holds  " + what)

    def note(self, what: str) -> None:
        """Something to know."""
        self._tell("    note  " + what)

    def fault(self, what: str) -> None:
        """Something is not."""
        self.faults.append(what)
        self._tell("NOT TRUE  " + what)


class Key(NamedTuple):
    """A public key, and since when it signed."""

    public: bytes
    utc: str


class Row(NamedTuple):
    """A row of a ledger whose link holds."""

    sequence: int
    link: str
    body: dict[str, Any]


# ---- hashes, chains, trees


def canonical(value: dict[str, Any]) -> bytes:
    """JSON as RFC 8785 writes it, for what stands in keys and anchors: texts, nulls, and objects of them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def chain_link(previous: str, sequence: int, body: bytes) -> str:
    """The link of a row: its body, its number and the link before it, hashed."""
    text = b'{"body":%b,"previous":"%b","sequence":%d}' % (body, previous.encode(), sequence)
    return hashlib.sha256(text).hexdigest()


def root_from_path(leaf: bytes, path: list[list[str]]) -> str:
    """The root of a Merkle tree (RFC 9162, 2.1) over a leaf, from the hashes beside its way up."""
    digest = hashlib.sha256(b"\x00" + leaf).digest()
    for side, other in path:
        pair = (bytes.fromhex(other), digest) if side == "left" else (digest, bytes.fromhex(other))
        digest = hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest()
    return digest.hex()


_ROW = re.compile(
    rb'\{"body":(\{.*\}),(?:"key":"([0-9a-f]{16})",)?"link":"([0-9a-f]{64})","sequence":([1-9][0-9]*)'
    rb'(?:,"signature":"([A-Za-z0-9+/]{86}==)")?\}'
)


# ---- the checks


def check(package: Package, report: Report) -> None:
    """Check everything in the package.

    Raises:
        NoPackageError: it is none.
    """
    raw = package.read(MANIFEST)
    try:
        manifest = json.loads(raw)
        if manifest["format"] != FORMAT:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise NoPackageError(f"there is no {MANIFEST} of an evidence package") from None
    keys = check_keys(package.read("keys.jsonl"), report)
    check_signature(raw, package.read(SIGNATURE), keys, report)
    try:
        check_content(package, manifest, keys, report)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        report.fault(f"{MANIFEST}: it says what no manifest says ({error})")
    for key_id, key in keys.items():
        report.note(f"key {key_id} (since {key.utc}) is {key.public.hex()}: compare that with what its owner says")


def check_content(package: Package, manifest: dict[str, Any], keys: dict[str, Key], report: Report) -> None:
    """Hold the files against what the manifest says of them."""
    points: dict[str, list[tuple[int, str, int]]] = {}
    for camera in manifest["cameras"]:
        rows = [row for part in camera["ledgers"] for row in check_ledger(package, part, camera["id"], keys, report)]
        collect_points(camera, rows, points, report)
        check_anchors(camera, {row.sequence: row.link for row in rows}, keys, report)
    check_files(package, manifest["files"], points, report)
    if manifest["audit"] is not None:
        check_audit(package, manifest["audit"]["file"], report)


def check_keys(data: bytes, report: Report) -> dict[str, Key]:
    """The public keys: the first vouches for itself, each other one is signed by one before it."""
    keys: dict[str, Key] = {}
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
            signature = base64.b64decode(row.pop("signature"), validate=True)
            public = base64.b64decode(row["public"], validate=True)
            vouching = public if row["previous"] is None else keys[row["previous"]].public
            good = row["key"] == hashlib.sha256(public).hexdigest()[:16]
            good = good and ed25519_verifies(vouching, canonical(row), signature)
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            report.fault(f"row {number} of keys.jsonl is no key that one before it vouches for")
            continue
        if row["previous"] is None and keys:
            report.fault(f"row {number} of keys.jsonl begins anew: no key before it vouches for it")
        keys[row["key"]] = Key(public, row["utc"])
    return keys


def check_signature(manifest: bytes, signature: bytes, keys: dict[str, Key], report: Report) -> None:
    """The manifest is what the gateway signed."""
    try:
        said = json.loads(signature)
        key = keys[said["key"]]
        good = ed25519_verifies(key.public, hashlib.sha256(manifest).digest(), base64.b64decode(said["signature"]))
    except (ValueError, KeyError, TypeError):
        good = False
    if good:
        report.holds(f"{MANIFEST}: signed by key {said['key']}")
    else:
        report.fault(f"{MANIFEST}: it is not what was signed")


def check_ledger(
    package: Package, said: dict[str, Any], camera: str, keys: dict[str, Key], report: Report
) -> list[Row]:
    """The rows of one camera: numbers, links and signatures. Returns those up to the first that does not hold."""
    name, link, sequence = said["file"], said["after"]["link"], said["after"]["sequence"]
    first, rows, signed = sequence + 1, [], 0
    for line in package.read(name).splitlines():
        sequence += 1
        found = _ROW.fullmatch(line)
        if found is None or int(found[4]) != sequence:
            report.fault(f"{name}: row {sequence} is missing or no row")
            break
        body, key, stated, _, signature = found.groups()
        link = chain_link(link, sequence, body)
        if stated.decode() != link:
            report.fault(f"{name}: row {sequence} was changed: its link does not hold")
            break
        content = json.loads(body)
        if signature is not None:
            known = keys.get(key.decode()) if key else None
            if known is None or not ed25519_verifies(known.public, bytes.fromhex(link), base64.b64decode(signature)):
                report.fault(f"{name}: row {sequence} is not signed by a key of this package")
                break
            signed = sequence
        elif content.get("kind") != "fragment":
            report.fault(f"{name}: row {sequence} should be signed, and is not")
            break
        rows.append(Row(sequence, link, content))
    if rows and rows[-1].sequence == said["to"]["sequence"] and link == said["to"]["link"]:
        report.holds(f"{name}: rows {first} to {sequence} of the ledger of {camera}; the last signed one is {signed}")
    elif rows and rows[-1].sequence == sequence:
        report.fault(f"{name}: it ends with row {sequence}, but should end with row {said['to']['sequence']}")
    elif not rows and said["to"]["sequence"] != said["after"]["sequence"]:
        report.fault(f"{name}: no row of it holds")
    return rows


def collect_points(
    camera: dict[str, Any], rows: list[Row], points: dict[str, list[tuple[int, str, int]]], report: Report
) -> None:
    """What the rows say of each recorded file: how its first so many bytes hash. And that they speak of each at all."""
    by_file: dict[str, list[tuple[int, str, int]]] = {}
    finished = set()
    for row in rows:
        if row.body.get("kind") in {"fragment", "segment", "imported"}:
            by_file.setdefault(row.body["file"], []).append((row.body["bytes"], row.body["sha256"], row.sequence))
            if row.body["kind"] != "fragment":
                finished.add(row.body["file"])
                recovered = row.body.get("recovered")
                if recovered is not None and any(s["file"] == row.body["file"] for s in camera["segments"]):
                    report.note(
                        f"{row.body['file']}: found after a crash; only its first {recovered['proven_bytes']} bytes "
                        "were hashed before"
                    )
    for segment in camera["segments"]:
        file = segment["file"]
        if file in finished:
            points[segment["name"]] = by_file[file]
        elif segment["row"] is not None:
            report.fault(f"{segment['name']}: the ledger's row {segment['row']} is not in this package")
        else:
            report.note(f"{segment['name']}: is older than the ledger; only the manifest vouches for it")


def check_anchors(camera: dict[str, Any], links: dict[int, str], keys: dict[str, Key], report: Report) -> None:
    """The heads of the ledger that were kept elsewhere."""
    last = None
    for anchor in camera["anchors"]:
        number, _, link = anchor["head"].partition(":")
        leaf = f"camera/{camera['id']} {anchor['head']}".encode()
        statement = {"root": anchor["root"], "utc": anchor["utc"]}
        key = keys.get(anchor["key"])
        if links.get(int(number)) != link:
            report.fault(f"{camera['id']}: row {number} is not the one that was anchored at {anchor['utc']}")
        elif root_from_path(leaf, anchor["path"]) != anchor["root"]:
            report.fault(f"{camera['id']}: the anchor of {anchor['utc']} does not hold its row")
        elif key is None or not ed25519_verifies(
            key.public, hashlib.sha256(canonical(statement)).digest(), base64.b64decode(anchor["signature"])
        ):
            report.fault(f"{camera['id']}: the anchor of {anchor['utc']} is not signed by a key of this package")
        else:
            last = anchor
            report.holds(f"{camera['id']}: row {number} was anchored at {anchor['utc']}, root {anchor['root']}")
            if anchor["token"] is not None:
                report.note(
                    f"a time stamp of another authority (RFC 3161) lies in {anchor['token']}; to check it: openssl ts "
                    f"-verify -digest {anchor['root']} -in {anchor['token']} -CAfile THE_AUTHORITY.pem"
                )
    if last is None:
        report.note(f"{camera['id']}: no anchor covers these rows: only signatures vouch for them")


def check_files(
    package: Package, files: list[dict[str, Any]], points: dict[str, list[tuple[int, str, int]]], report: Report
) -> None:
    """Every file of the manifest, and every one that it does not name."""
    present = set(package.names())
    for file in files:
        name = file["name"]
        if name not in present:
            report.fault(f"{name}: it is missing")
            continue
        fault = check_file(package, file, points.get(name, []))
        if fault is not None:
            report.fault(f"{name}: {fault}")
        elif name in points:
            report.holds(f"{name}: as recorded, {len(points[name])} rows of the ledger vouch for it")
        else:
            report.holds(name)
    for name in sorted(present - {file["name"] for file in files} - {MANIFEST, SIGNATURE}):
        report.note(f"{name}: does not belong to the package")


def check_file(package: Package, said: dict[str, Any], points: list[tuple[int, str, int]]) -> str | None:
    """What is wrong with a file, and from which byte on."""
    digest, reached, held = hashlib.sha256(), 0, 0
    try:
        with package.open(said["name"]) as file:
            for size, sha256, row in [*points, (said["bytes"], said["sha256"], 0)]:
                for chunk in _chunks(file, size - reached):
                    digest.update(chunk)
                    reached += len(chunk)
                of = f"row {row} of the ledger" if row else "the manifest"
                if reached < size:
                    return f"it ends at byte {reached}, but {of} knows {size} bytes"
                if reached != size or digest.hexdigest() != sha256:
                    return f"bytes {held} to {size - 1} were changed: they are not those of {of}"
                held = reached
            if file.read(1):
                return f"something was added behind byte {reached - 1}"
    except (OSError, zipfile.BadZipFile, io.UnsupportedOperation) as error:
        return f"it cannot be read behind byte {held}: {error}"
    return None


def _chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = file.read(min(CHUNK, size))
        if not chunk:
            return
        size -= len(chunk)
        yield chunk


def check_audit(package: Package, name: str, report: Report) -> None:
    """Each row of the audit is what its link in the audit's chain was made of."""
    count = 0
    for line in package.read(name).splitlines():
        try:
            row = json.loads(line)
            link = chain_link(row["previous"], row["sequence"], row["body"].encode())
        except (ValueError, KeyError, TypeError, AttributeError):
            report.fault(f"{name}: line {count + 1} is no row")
            return
        if link != row["link"]:
            report.fault(f"{name}: row {row['sequence']} was changed: its link does not hold")
            return
        count += 1
    report.holds(f"{name}: {count} rows; whoever keeps the whole audit can find their links in it")


def main() -> int:
    """Check the package named on the command line."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    report = Report(print)
    try:
        check(Package(path), report)
    except (NoPackageError, OSError, zipfile.BadZipFile) as error:
        print(f"{path} is no evidence package: {error}")
        return 2
    print()
    if report.faults:
        print(f"This package does NOT hold: {len(report.faults)} things in it are not as they were made.")
        return 1
    print("Everything in this package is as it was made.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
