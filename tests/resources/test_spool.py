import errno
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from holdfast.errors import PermanentError, TransientError
from resources.spool import Spool

PROJECT = Path(__file__).resolve().parents[2]


class Receiver:
    """Takes entries; away when told so."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.is_away = False

    def send(self, packed: Sequence[bytes]) -> None:
        if self.is_away:
            raise TransientError("away")
        self.entries += packed


def numbered(*numbers: int) -> list[bytes]:
    return [b"%d" % number for number in numbers]


def test_entries_leave_in_the_order_they_came(tmp_path: Path) -> None:
    spool, receiver = Spool(tmp_path, segment_bytes=100), Receiver()
    for number in range(50):
        spool.append(b"%d" % number)
    assert len(spool) == 50
    assert spool.drain(receiver.send, batch=7) == 50
    assert receiver.entries == numbered(*range(50))
    assert len(spool) == 0
    assert not list(tmp_path.glob("*.cycles"))


def test_entries_survive_a_restart(tmp_path: Path) -> None:
    first = Spool(tmp_path, segment_bytes=100)
    for number in range(50):
        first.append(b"%d" % number)
    first.close()
    second, receiver = Spool(tmp_path), Receiver()
    second.append(b"50")
    second.drain(receiver.send)
    assert receiver.entries == numbered(*range(51))


def test_what_could_not_be_sent_stays(tmp_path: Path) -> None:
    spool, receiver = Spool(tmp_path), Receiver()
    spool.append(b"1")
    receiver.is_away = True
    with pytest.raises(TransientError, match="away"):
        spool.drain(receiver.send)
    spool.append(b"2")
    receiver.is_away = False
    assert spool.drain(receiver.send) == 2
    assert receiver.entries == [b"1", b"2"]


@pytest.mark.parametrize("cut_bytes", range(1, 18))
def test_a_half_written_tail_is_cut_and_said_and_costs_no_earlier_entry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cut_bytes: int
) -> None:
    spool = Spool(tmp_path)
    for number in (1, 2, 33333):
        spool.append(b"%d" % number)
    spool.close()
    (segment,) = tmp_path.glob("*.cycles")
    os.truncate(segment, segment.stat().st_size - cut_bytes % 17 - (cut_bytes == 17))
    if cut_bytes == 17:
        segment.write_bytes(segment.read_bytes()[:-3] + b"\0\0\0")
    receiver = Receiver()
    with caplog.at_level(logging.WARNING):
        again = Spool(tmp_path)
    again.append(b"4")
    again.drain(receiver.send)
    assert receiver.entries == [b"1", b"2", b"4"]
    assert "are no whole entry" in caplog.text


def test_a_damaged_segment_costs_itself_from_there_on_and_its_bytes_are_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=30)
    for number in range(10, 20):
        spool.append(b"%d" % number)
    spool.close()
    segments = sorted(tmp_path.glob("*.cycles"))
    content = bytearray(segments[1].read_bytes())
    content[-1] ^= 1
    segments[1].write_bytes(content)
    receiver = Receiver()
    Spool(tmp_path).drain(receiver.send)
    assert receiver.entries == numbered(*range(10, 15), *range(16, 20))
    assert list(tmp_path.glob("*.damaged"))


def test_a_second_process_on_the_same_folder_is_refused_by_number(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with pytest.raises(PermanentError, match=rf"another collector \(pid {os.getpid()}\) already runs here"):
        Spool(tmp_path)
    spool.close()
    spool.close()
    Spool(tmp_path).close()


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool, receiver = Spool(tmp_path, limit_bytes=100), Receiver()
    spool.append(b"x" * 50)
    with pytest.raises(TransientError, match="is full: 62 of 100 bytes"):
        spool.append(b"y" * 50)
    spool.append(b"z")
    spool.drain(receiver.send)
    assert receiver.entries == [b"x" * 50, b"z"]


def test_a_full_disk_is_said_and_leaves_no_half_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, receiver, write = Spool(tmp_path), Receiver(), os.write

    def write_half(handle: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content[: len(content) // 2])

    spool.append(b"before")
    monkeypatch.setattr(os, "write", write_half)
    with pytest.raises(TransientError, match="the disk is full; this entry is not in the spool"):
        spool.append(b"x" * 40)
    monkeypatch.undo()
    spool.append(b"after")
    spool.close()
    Spool(tmp_path).drain(receiver.send)
    assert receiver.entries == [b"before", b"after"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="cannot be used"):
        Spool(tmp_path / "file" / "spool")


WORKER = """
import os, sys
from pathlib import Path
from resources.spool import Spool

folder, first = Path(sys.argv[1]), int(sys.argv[2])
appended = os.open(folder.parent / "appended", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sent = os.open(folder.parent / "sent", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
spool = Spool(folder, segment_bytes=2000)
print("ready", flush=True)
number = first
while True:
    spool.append(b"%d:" % number + b"x" * (number % 300))
    os.write(appended, b"%d\\n" % number)
    number += 1
    if number % 5 == 0:
        spool.drain(lambda batch: os.write(sent, b"".join(one.split(b":")[0] + b"\\n" for one in batch)), batch=3)
"""


def test_killed_at_any_point_it_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    """Each round kills a process in the middle of appends and drains; the next one goes on with its folder."""
    folder, first = tmp_path / "spool", 0
    for number in range(12):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), str(first)], stdout=subprocess.PIPE, cwd=PROJECT
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(0.005 + 0.0101 * number)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        # What was appended may have been killed before it was noted: numbers go on behind a gap.
        first = max([int(n) for n in (tmp_path / "appended").read_text().split()], default=first) + 100
    receiver = Receiver()
    Spool(folder).drain(receiver.send)
    sent = [int(n) for n in (tmp_path / "sent").read_text().split()]
    sent += [int(entry.split(b":")[0]) for entry in receiver.entries]
    appended = {int(n) for n in (tmp_path / "appended").read_text().split()}
    assert len(appended) > 100
    assert appended <= set(sent)
    once = list(dict.fromkeys(sent))
    assert once == sorted(once)
