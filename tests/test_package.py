"""Evidence packages: what is in one, and that its own script, with nothing but Python, finds whatever was changed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.evidence.package_files.verify import ed25519_verifies
from gateway.evidence.verify_path import verify_path
from gateway.store.tables import audit
from tests.proof_rig import RECORDED, make_package, opened


@pytest.fixture(scope="module")
def archive(built_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(built_archive, tmp_path_factory.mktemp("archive") / "copy"))


def script(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The package's script in a Python that sees nothing of ours."""
    command = [sys.executable, "-I", "-S", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


@pytest.fixture(scope="module")
def made(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(make_package(archive, tmp_path_factory.mktemp("packages") / "one"))


@pytest.fixture
def unpacked(made: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(made) as file:
        file.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_the_package_holds_and_its_own_script_says_so(made: Path, unpacked: Path) -> None:
    for ran in (script(unpacked / "verify.py"), script(unpacked / "verify.py", made)):
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.endswith("Everything in this package is as it was made.\n")
        assert "NOT TRUE" not in ran.stdout
        assert "was anchored at" in ran.stdout
    manifest = json.loads((unpacked / "manifest.json").read_text())
    assert (manifest["by"], manifest["reason"]) == ("ann", "a complaint")
    (camera,) = manifest["cameras"]
    assert [segment["row"] is not None for segment in camera["segments"]] == [True]
    assert camera["withheld"] == []


def test_recorded_files_are_in_it_byte_for_byte(archive: Path, unpacked: Path) -> None:
    files = sorted((unpacked / "recordings").rglob("*.mp4"))
    assert len(files) == 1
    for file in files:
        assert file.read_bytes() == (archive / RECORDED / file.relative_to(unpacked / "recordings")).read_bytes()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("recordings/**/*.mp4", "were changed: they are not those of row"),
        ("unit-12/video.mp4", "were changed: they are not those of the manifest"),
        ("unit-12/ledger-1.jsonl", "its link does not hold"),
        ("audit.jsonl", "its link does not hold"),
        ("keys.jsonl", "keys.jsonl"),
        ("manifest.json", "it is not what was signed"),
        ("manifest.sig", "it is not what was signed"),
        ("verify.py", "were changed: they are not those of the manifest"),
    ],
)
def test_a_changed_byte_is_named(unpacked: Path, tmp_path: Path, name: str, says: str) -> None:
    trusted = Path(shutil.copy(unpacked / "verify.py", tmp_path / "trusted.py"))
    (path,) = unpacked.glob(name)
    data = bytearray(path.read_bytes())
    at = data.find(b"a complaint") if name in {"manifest.json", "audit.jsonl"} else len(data) // 2
    data[at] ^= 1
    path.write_bytes(data)
    ran = script(trusted, unpacked)
    assert ran.returncode == 1
    assert says in ran.stdout


def test_a_missing_file_is_named(unpacked: Path) -> None:
    (path,) = (unpacked / "recordings").rglob("*.mp4")
    path.unlink()
    ran = script(unpacked / "verify.py")
    assert ran.returncode == 1
    assert f"{path.relative_to(unpacked).as_posix()}: it is missing" in ran.stdout


async def test_who_may_not_have_positions_gets_no_recorded_file_that_has_some(archive: Path, tmp_path: Path) -> None:
    made = await make_package(archive, tmp_path / "less", positions=frozenset())
    with zipfile.ZipFile(made) as file:
        names = file.namelist()
        (camera,) = json.loads(file.read("manifest.json"))["cameras"]
    assert not any(name.startswith("recordings/") or "positions" in name for name in names)
    assert [one["why"] for one in camera["withheld"]] == ["it has positions, which whoever asked may not have"]
    assert "unit-12/video.mp4" in names


async def test_the_archive_knows_its_packages_and_the_credentials_in_them(
    archive: Path, made: Path, unpacked: Path
) -> None:
    async with opened(archive) as it:
        report = await verify_path(it.proving, made, archive / RECORDED)
        assert report.holds, report.findings
        assert "its keys are those of this archive" in report.notes
        assert "its 6 rows of the audit are those of this archive" in report.notes
        video = unpacked / "unit-12" / "video.mp4"
        report = await verify_path(it.proving, video, archive / RECORDED)
        assert report.holds, report.findings
        assert any("its Content Credentials hold, and are ours: unit-12" in note for note in report.notes)
        data = bytearray(video.read_bytes())
        data[-100] ^= 1
        video.write_bytes(data)
        report = await verify_path(it.proving, video, archive / RECORDED)
        assert "its Content Credentials do not hold" in str(report.findings[0])


async def test_an_audit_at_home_that_was_written_anew_is_not_the_packages(
    made: Path, archive: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(archive, tmp_path / "archive"))
    async with opened(copy) as it:
        anew = update(audit).where(audit.c.id == 3).values(sha256=bytes(32))
        await it.database.write(lambda connection: connection.execute(anew))
        report = await verify_path(it.proving, made, copy / RECORDED)
    assert list(map(str, report.findings)) == ["audit.jsonl: row 3 is not the one that this archive's audit has"]


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [  # RFC 8032 section 7.1, tests 1 to 3
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)  # fmt: skip
def test_the_scripts_ed25519_is_that_of_the_rfc(public: str, message: str, signature: str) -> None:
    key, text, signed = (bytes.fromhex(value) for value in (public, message, signature))
    assert ed25519_verifies(key, text, signed)
    assert not ed25519_verifies(key, text + b"x", signed)
    assert not ed25519_verifies(key, text, signed[:-1] + bytes([signed[-1] ^ 1]))
