"""RFC 3161 with OpenSSL as the authority: what is asked, what is believed, and that OpenSSL believes it, too."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from gateway.access.fetch import Fetcher
from gateway.base.clock import ManualClock
from gateway.base.settings import Evidence
from gateway.base.workers import Threads
from gateway.evidence.findings import Report
from gateway.evidence.verify import verify_archive
from gateway.ledger.anchor import ANCHORS_FILE, parse
from gateway.ledger.anchors import Anchors
from gateway.ledger.chain import Head
from gateway.ledger.journal import Journals
from gateway.ledger.timestamp import ANSWER_TYPE, REQUEST_TYPE, Certificates, StampError, check
from tests.proof_rig import ELSEWHERE, opened

pytestmark = pytest.mark.peer

CONFIGURATION = """
[tsa]
default_tsa = stamps
[stamps]
serial = serial
signer_cert = signer.pem
signer_key = signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
{certificates}
"""


class Authority:
    """A time stamp authority in a folder of its own. `chain`: it sends its root along, as some do."""

    def __init__(self, folder: Path, *, chain: bool = False) -> None:
        self.folder = folder
        self.asked = 0
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(certificates="certs = root.pem" if chain else ""))
        (folder / "serial").write_text("01")
        (folder / "usage").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.openssl("req", "-x509", *new, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Root")
        self.openssl("req", *new, "-keyout", "signer.key", "-out", "signer.csr", "-subj", "/CN=Stamps")
        self.openssl(
            "x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
            "-out", "signer.pem", "-extfile", "usage",
        )  # fmt: skip
        self.pem = folder / "believed.pem"
        self.pem.write_bytes((folder / "root.pem").read_bytes() + (folder / "signer.pem").read_bytes())

    def openssl(self, *arguments: str) -> bytes:
        run = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def stamp(self, sha256: bytes) -> bytes:
        """A time stamp of it, made now."""
        self.openssl("ts", "-query", "-digest", sha256.hex(), "-sha256", "-cert", "-out", "asked.tsq")
        self.openssl("ts", "-reply", "-queryfile", "asked.tsq", "-out", "answer.tsr", "-config", "tsa.cnf")
        return (self.folder / "answer.tsr").read_bytes()

    async def answer(self, request: web.Request) -> web.Response:
        assert request.content_type == REQUEST_TYPE
        self.asked += 1
        (self.folder / "asked.tsq").write_bytes(await request.read())
        self.openssl("ts", "-reply", "-queryfile", "asked.tsq", "-out", "answer.tsr", "-config", "tsa.cnf")
        return web.Response(body=(self.folder / "answer.tsr").read_bytes(), content_type=ANSWER_TYPE)


@pytest.mark.parametrize("chain", [False, True], ids=["alone", "with its root, in an order that DER forbids"])
async def test_each_anchor_is_stamped_and_openssl_believes_it(tmp_path, aiohttp_server_at, chain):
    (tmp_path / "authority").mkdir()
    authority = Authority(tmp_path / "authority", chain=chain)
    url = await aiohttp_server_at(authority.answer)
    clock, threads, fetcher = ManualClock(), Threads("disk", 1), Fetcher()
    journals = Journals.open(tmp_path / "data", clock)
    settings = Evidence(timestamp_url=url, timestamp_certificates=authority.pem)

    async def audit_head() -> Head:
        return Head(1, bytes(32))

    anchors = Anchors(
        journals, audit_head, threads, lambda to, data: fetcher.exchange(to, data, REQUEST_TYPE, ANSWER_TYPE), clock,
        lambda: settings,
    )  # fmt: skip
    try:
        anchor = await anchors.anchor()
        assert anchor is not None
        assert anchors.places[0].problem is None
        assert anchors.anchored_ns == clock.utc_ns()
        assert anchor.token is not None
        (authority.folder / "kept.tsr").write_bytes(anchor.token)
        said = authority.openssl(
            "ts", "-verify", "-digest", anchor.root.hex(), "-in", "kept.tsr", "-CAfile", "root.pem",
            "-untrusted", "signer.pem",
        )  # fmt: skip
        assert b"OK" in said
        certificates = Certificates.parse(authority.pem.read_bytes())
        assert check(anchor.token, anchor.root, certificates) > 0
        with pytest.raises(StampError, match="something else"):
            check(anchor.token, bytes(32), certificates)
        (tmp_path / "other").mkdir()
        stranger = Certificates.parse(Authority(tmp_path / "other").pem.read_bytes())
        with pytest.raises(StampError, match="do not vouch"):
            check(anchor.token, anchor.root, stranger)
    finally:
        await fetcher.close()
        anchors.close()
        threads.close()
        journals.close()


async def test_a_verification_believes_stamps_only_of_those_it_knows(tmp_path: Path, built_archive: Path) -> None:
    archive = Path(shutil.copytree(built_archive, tmp_path / "archive"))
    (tmp_path / "authority").mkdir()
    (tmp_path / "stranger").mkdir()
    authority, stranger = Authority(tmp_path / "authority"), Authority(tmp_path / "stranger")
    anchors = archive / "ledger" / ANCHORS_FILE
    before, last = anchors.read_bytes().splitlines()[0] + b"\n", parse(anchors.read_bytes().splitlines()[-1])
    stamped = replace(last, token=authority.stamp(last.root)).line()

    async def verified(line: bytes, of: Authority | None) -> Report:
        for path in (anchors, archive / ELSEWHERE):
            path.write_bytes(before + line)
        certificates = Certificates() if of is None else Certificates.parse(of.pem.read_bytes())
        async with opened(archive) as it:
            return await verify_archive(replace(it.proving, certificates=certificates))

    report = await verified(stamped, authority)
    assert report.holds, report.findings
    assert report.anchored_ns is not None
    assert report.anchored_ns > last.utc_ns, "it is now that OpenSSL stamps"
    report = await verified(stamped, None)
    assert report.holds
    assert any("time stamps were not checked" in note for note in report.notes)
    assert report.anchored_ns == last.utc_ns
    report = await verified(stamped, stranger)
    assert "its time stamp does not hold: the certificates do not vouch for it" in str(report.findings[0])
    of_another_root = replace(last, token=authority.stamp(bytes(32))).line()
    report = await verified(of_another_root, authority)
    assert f"row 2 of {ANCHORS_FILE}: its time stamp does not hold: it stamps something else" in map(
        str, report.findings
    )


@pytest.fixture
async def aiohttp_server_at():
    """Serves one handler on a free port of the loopback; its URL."""
    runners = []

    async def serve(handler) -> str:
        app = web.Application()
        app.router.add_post("/tsr", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/tsr"

    yield serve
    for runner in runners:
        await runner.cleanup()
