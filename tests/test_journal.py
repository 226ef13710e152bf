"""Ledgers on disk: appended by several, torn at every byte, each change of one found and named."""

from __future__ import annotations

import errno
import itertools
import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.clock import ManualClock, SystemClock
from gateway.base.clock_state import ClockState, Synchronisation, clock_state
from gateway.base.rfc3339 import format_utc_ns, parse_utc_ns
from gateway.ledger import lines as lines_module
from gateway.ledger.chain import START, Break, Fault, Head
from gateway.ledger.journal import SYNC_SECONDS, Journals, LedgerError
from gateway.ledger.keys import PublicKeys, Signer
from gateway.ledger.lines import Line
from gateway.ledger.proof import Proof, prove
from gateway.ledger.rows import fragment_body, parse

CAMERA = "unit-12"
UTC = "2023-11-14T22:13:20.000000000Z"
FRAGMENT = {"kind": "fragment", "file": "unit-12/a.mp4", "bytes": 4711, "sha256": "0f" * 32, "to": UTC}
OPENED = {"kind": "opened", "at": UTC}
CLOSED = {"kind": "closed", "at": UTC, "reason": None, "detail": 'a "quoted" Größe\n'}


@pytest.fixture
def journals(tmp_path):
    made = Journals.open(tmp_path, ManualClock())
    yield made
    made.close()


def file(journals: Journals) -> Path:
    return journals.folder / f"{CAMERA}.jsonl"


def proof(journals: Journals) -> Proof:
    return prove(journals.lines(CAMERA), PublicKeys.read(journals.folder))


def kinds(journals: Journals) -> list[str]:
    return [row.kind for row in journals.read(CAMERA)]


def test_a_row_is_canonical_json_linked_and_signed(journals):
    head = journals.append(CAMERA, [OPENED, FRAGMENT, CLOSED])
    lines = file(journals).read_bytes().splitlines()
    for line in lines:
        assert rfc8785.dumps(json.loads(line)) == line
    opened, fragment, closed = map(json.loads, lines)
    assert set(fragment) == {"body", "link", "sequence"}
    assert set(opened) == set(closed) == {"body", "key", "link", "sequence", "signature"}
    assert fragment["body"] == {**FRAGMENT, "camera": CAMERA, "utc": UTC}
    clock = closed["body"].pop("clock")
    assert clock["state"] in set(Synchronisation)
    assert closed["body"] == {**CLOSED, "camera": CAMERA, "utc": UTC}
    assert head == Head(3, bytes.fromhex(closed["link"])) == journals.head(CAMERA)
    assert proof(journals) == Proof(head, head, None, file(journals).stat().st_size)
    assert stat.S_IMODE(file(journals).stat().st_mode) == 0o640


def test_a_ledger_that_is_not_there_has_no_rows(journals):
    assert journals.head(CAMERA) == START
    assert list(journals.read(CAMERA)) == list(journals.read_back(CAMERA)) == journals.cameras() == []
    assert journals.torn(CAMERA) == 0
    assert not file(journals).exists()


def test_only_cameras_have_ledgers(journals):
    journals.append(CAMERA, [OPENED])
    journals.append("keys2", [OPENED])
    assert journals.cameras() == ["keys2", CAMERA]
    for name in ("../x", "keys", "Anchors", ""):
        with pytest.raises(ValueError, match="id"):
            journals.append(name, [OPENED])


@given(
    camera=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}", fullmatch=True),
    path=st.text(st.characters(exclude_categories=["Cs"])),
    size=st.integers(0, 2**53 - 1),
    ns=st.integers(0, 2**62),
)
@settings(max_examples=100)
def test_a_fragment_row_is_written_as_the_library_writes_it(camera, path, size, ns):
    row = {"kind": "fragment", "file": path, "bytes": size, "sha256": "0f" * 32, "to": format_utc_ns(ns)}
    whole = {**row, "camera": camera, "utc": format_utc_ns(ns)}
    assert fragment_body(camera, ns, row) == rfc8785.dumps(whole)
    assert parse_utc_ns(format_utc_ns(ns)) == ns


def test_rows_are_read_back_from_the_end_across_blocks(journals, monkeypatch):
    monkeypatch.setattr(lines_module, "BLOCK", 97)
    for number in range(20):
        journals.append(CAMERA, [{**FRAGMENT, "bytes": number} if number % 3 else OPENED])
    forth = list(journals.read(CAMERA))
    assert [row.sequence for row in forth] == list(range(1, 21))
    assert list(journals.read_back(CAMERA)) == forth[::-1]
    again = Journals.open(journals.folder.parent, ManualClock())
    assert again.head(CAMERA) == forth[-1].head
    assert again.append(CAMERA, [FRAGMENT]).sequence == 21


def test_finding_the_head_of_a_long_ledger_reads_its_end_alone(journals, monkeypatch):
    journals.append(CAMERA, [OPENED, *itertools.repeat(FRAGMENT, 5000), CLOSED, FRAGMENT])
    read: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: read.append(size) or pread(fd, size, at))
    assert Journals.open(journals.folder.parent, ManualClock()).head(CAMERA).sequence == 5003
    assert sum(read) <= 2 * lines_module.BLOCK < file(journals).stat().st_size / 5


def test_a_last_row_torn_at_any_byte_is_cut_off_and_the_ledger_goes_on(journals, caplog):
    journals.append(CAMERA, [OPENED, FRAGMENT])
    kept = file(journals).stat().st_size
    journals.append(CAMERA, [CLOSED])
    whole = file(journals).read_bytes()
    for length in range(kept, len(whole) + 1):
        file(journals).write_bytes(whole[:length])
        torn = 0 if length == len(whole) else length - kept
        caplog.clear()
        after = Journals.open(journals.folder.parent, ManualClock())
        assert after.torn(CAMERA) == torn
        expected = 3 if length == len(whole) else 2
        assert after.head(CAMERA).sequence == expected == len(list(after.read(CAMERA)))
        assert after.append(CAMERA, [FRAGMENT]).sequence == expected + 1
        assert proof(after).broken is None
        assert after.torn(CAMERA) == 0
        assert [f"{torn} bytes of a row" in record.message for record in caplog.records] == [True] * bool(torn)
        after.close()


def test_zeros_that_a_power_cut_left_are_cut_off_too(journals):
    journals.append(CAMERA, [OPENED])
    with file(journals).open("ab") as end:
        end.write(bytes(300) + b'1}\n{"bo')
    after = Journals.open(journals.folder.parent, ManualClock())
    assert after.append(CAMERA, [CLOSED]).sequence == 2
    assert proof(after).broken is None


def test_after_a_line_that_is_no_row_recording_goes_on_and_the_proof_names_it(journals):
    journals.append(CAMERA, [OPENED])
    with file(journals).open("ab") as end:
        end.write(b"hello\n")
    after = Journals.open(journals.folder.parent, ManualClock())
    assert after.append(CAMERA, [CLOSED]).sequence == 2
    found = proof(after)
    assert found.broken == Break(2, Fault.UNREADABLE)
    assert file(after).read_bytes()[found.offset :].startswith(b"hello\n")
    with pytest.raises(LedgerError, match="row 2, at byte"):
        list(after.read(CAMERA))


def test_each_flipped_bit_is_found(journals):
    journals.append(CAMERA, [OPENED, FRAGMENT, FRAGMENT, CLOSED])
    keys = PublicKeys.read(journals.folder)
    whole = file(journals).read_bytes()
    lines = whole.splitlines()
    place = 0
    for number, line in enumerate(lines, 1):
        for at, bit in itertools.product(range(len(line)), (0, 5)):
            changed = line[:at] + bytes([line[at] ^ 1 << bit]) + line[at + 1 :]
            seen = [Line(0, other) for other in (*lines[: number - 1], changed, *lines[number:])]
            broken = prove(seen, keys).broken
            assert broken is not None, (number, at, bit)
            assert broken.sequence == number, (number, at, bit)
        place += len(line) + 1
        for bit in range(8):  # the line's end
            file(journals).write_bytes(whole[: place - 1] + bytes([0x0A ^ 1 << bit]) + whole[place:])
            broken = proof(journals).broken
            if number == len(lines):
                assert (broken, journals.torn(CAMERA)) == (None, len(line) + 1)
            else:
                assert broken == Break(number, Fault.UNREADABLE)


def test_rows_that_are_missing_moved_or_unsigned_are_named(journals):
    journals.append(CAMERA, [OPENED, FRAGMENT, CLOSED, FRAGMENT])
    keys = PublicKeys.read(journals.folder)
    one, two, three, four = journals.lines(CAMERA)
    assert prove([one, three, four], keys).broken == Break(2, Fault.MISSING)
    assert prove([one, three, two, four], keys).broken == Break(2, Fault.MISSING)
    assert prove([one, two, three], keys).broken is None  # that takes an anchor
    row = parse(three.data)
    bare = b'{"body":%b,"link":"%b","sequence":3}' % (row.canonical, row.sha256.hex().encode())
    assert prove([one, two, Line(0, bare), four], keys).broken == Break(3, Fault.UNSIGNED)
    assert prove([one], PublicKeys()).broken == Break(1, Fault.UNSIGNED)


def test_a_disk_that_refuses_leaves_the_ledger_as_it_was(journals, monkeypatch):
    journals.append(CAMERA, [OPENED])
    before = file(journals).read_bytes()
    write = os.write

    def half(descriptor, data):
        if len(data) <= 10:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, bytes(data[:10]))

    def refuse(_):
        raise OSError(errno.EIO, "broken")

    for name, broken in (("write", half), ("fdatasync", refuse)):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, broken)
            with pytest.raises(OSError, match=r"full|broken"):
                journals.append(CAMERA, [CLOSED])
        assert file(journals).read_bytes() == before
    assert journals.append(CAMERA, [CLOSED]).sequence == 2
    assert proof(journals).broken is None


def test_signed_rows_are_synced_at_once_and_fragments_every_ten_seconds(tmp_path, monkeypatch):
    clock = ManualClock()
    journals = Journals.open(tmp_path, clock)
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(clock.monotonic()))
    began = clock.monotonic()
    journals.append(CAMERA, [OPENED])
    for _ in range(25):
        clock.advance(1)
        journals.append(CAMERA, [FRAGMENT])
    assert synced == [began, began + SYNC_SECONDS, began + 2 * SYNC_SECONDS]


def test_a_ledger_that_another_took_the_place_of_is_opened_again(journals):
    journals.append(CAMERA, [OPENED])
    copy = file(journals).read_bytes()
    journals.append(CAMERA, [CLOSED])
    file(journals).unlink()
    file(journals).write_bytes(copy)
    assert journals.append(CAMERA, [CLOSED]).sequence == 2
    assert proof(journals).broken is None


def _append(data_dir: Path, times: int) -> None:
    journals = Journals.open(data_dir, SystemClock())
    for number in range(times):
        journals.append(CAMERA, [FRAGMENT, OPENED] if number % 5 == 0 else [FRAGMENT])


def test_several_processes_make_one_chain(tmp_path):
    context = multiprocessing.get_context("fork")
    Journals.open(tmp_path, SystemClock()).close()
    others = [context.Process(target=_append, args=(tmp_path, 100)) for _ in range(2)]
    for process in others:
        process.start()
    _append(tmp_path, 100)
    for process in others:
        process.join(30)
        assert process.exitcode == 0
    journals = Journals.open(tmp_path, SystemClock())
    assert (proof(journals).broken, proof(journals).head.sequence) == (None, 3 * 120)


@given(st.lists(st.lists(st.sampled_from([FRAGMENT, OPENED, CLOSED]), max_size=3), max_size=6), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_whatever_is_appended_and_wherever_it_is_torn_the_ledger_holds(tmp_path_factory, appends, at):
    data_dir = tmp_path_factory.mktemp("ledger")
    journals = Journals.open(data_dir, ManualClock())
    told = []
    for bodies in appends:
        journals.append(CAMERA, bodies)
        told += [body["kind"] for body in bodies]
    assert kinds(journals) == told
    journals.close()
    if told:
        size = file(journals).stat().st_size
        os.truncate(file(journals), at % (size + 1))
    after = Journals.open(data_dir, ManualClock())
    after.append(CAMERA, [OPENED])
    assert proof(after).broken is None
    *left, last = kinds(after)
    assert (left, last) == (told[: len(left)], "opened")


# ---- keys


def test_keys_are_for_the_gateways_eyes_alone(tmp_path):
    signer = Signer.open(tmp_path, ManualClock())
    (private,) = (tmp_path / "signing").iterdir()
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.name == f"{signer.current}.pem"
    assert Signer.open(tmp_path, ManualClock()).current == signer.current
    private.chmod(0o640)
    with pytest.raises(Exception, match="can be read by others"):
        Signer.open(tmp_path, ManualClock())


def test_a_new_key_is_vouched_for_by_the_one_before_and_each_ledger_says_so(journals):
    other = Journals.open(journals.folder.parent, ManualClock())  # as another process has it
    other.append(CAMERA, [OPENED])
    journals.append("unit-13", [OPENED])
    old, new = journals.rotate()
    assert other.signer.current == journals.signer.current == new != old
    other.append(CAMERA, [CLOSED])
    assert [(row.kind, row.signature.key) for row in journals.read(CAMERA) if row.signature] == [
        ("opened", old), ("key", old), ("closed", new),
    ]  # fmt: skip
    assert [row.kind for row in journals.read("unit-13")] == ["opened", "key"]
    keys = PublicKeys.read(journals.folder)
    assert (list(keys.keys), keys.keys[new].previous, keys.faults) == ([old, new], old, ())
    assert proof(journals).broken is None
    assert [path.name for path in (journals.folder.parent / "signing").iterdir()] == [f"{new}.pem"]


def test_a_rotation_that_failed_half_way_goes_on_with_the_next_row(journals):
    journals.append(CAMERA, [OPENED])
    old, new = journals.signer.renew()
    journals.append(CAMERA, [FRAGMENT])
    assert [(row.kind, row.signature and row.signature.key) for row in journals.read(CAMERA)] == [
        ("opened", old), ("key", old), ("fragment", None),
    ]  # fmt: skip
    journals.append(CAMERA, [CLOSED])
    assert proof(journals).signed.sequence == 4
    assert list(PublicKeys.read(journals.folder).keys) == [old, new]


def test_a_lost_key_is_replaced_and_told(journals, caplog):
    journals.append(CAMERA, [OPENED])
    for private in (journals.folder.parent / "signing").iterdir():
        private.unlink()
    after = Journals.open(journals.folder.parent, ManualClock())
    assert "no signing key is left" in caplog.text
    after.append(CAMERA, [CLOSED])
    assert kinds(after) == ["opened", "key", "closed"]
    assert proof(after).broken is None
    assert ["begins anew" in fault for fault in PublicKeys.read(journals.folder).faults] == [True]


def test_each_flipped_bit_of_the_public_keys_is_found(journals):
    journals.append(CAMERA, [OPENED])
    journals.rotate()
    data = (journals.folder / "keys.jsonl").read_bytes()
    for at, bit in itertools.product(range(0, len(data), 2), (0, 5)):
        changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        if changed.strip() != data.strip():
            assert PublicKeys.parse(changed).faults, (at, bit)


# ---- the clock


def test_the_kernel_says_how_well_its_clock_keeps_utc(tmp_path):
    assert clock_state().synchronisation in set(Synchronisation)
    for state, said in (
        (ClockState(Synchronisation.SYNCHRONISED, 12), {"state": "synchronised", "error_ms": 12}),
        (ClockState(Synchronisation.UNKNOWN, None), {"state": "unknown"}),
    ):
        clock = ManualClock()
        journals = Journals(
            Journals.open(tmp_path, clock).folder, Signer.open(tmp_path, clock), clock, state=lambda s=state: s
        )
        journals.append(CAMERA, [OPENED])
        assert next(journals.read_back(CAMERA)).body["clock"] == said
