"""Files are brought back from the vaults, as the books know them, or as a vault lists them where the books are lost."""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Final

from holdfast.errors import PermanentError
from holdfast.media.items import Kind, MediaClass, MediaItem, MediaSource, printable_url
from holdfast.media.naming import vault_name
from holdfast.media.proofs import Proof
from holdfast.media.restores import Choice, Outcome, Report, Source, Wanted, merged, safe_name, told_apart
from holdfast.media.vaults import MediaVault
from resources.folder_files import partial_of
from resources.media.restored_file import restore_file
from resources.postgres import Postgres

Say = Callable[[str], None]
_SAY_S: Final = 5.0
_WAIT_S: Final = 0.5
_MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class _Row:
    """A file with one of its copies; without a vault where it has none."""

    item_id: int
    source_table: str
    source_id: str
    media_class: MediaClass
    kind: Kind
    url: str
    created_at: datetime
    deadline_at: datetime
    content_type: str
    vault: str | None
    remote_id: str | None
    name: str | None
    is_adopted: bool | None
    size_bytes: int | None
    sha256: bytes | None


def wanted_in_books(
    postgres: Postgres, choice: Choice, sources: Sequence[MediaSource], labels: Sequence[str]
) -> list[Wanted]:
    """The chosen files as the books know them, each with its proven copies in the order that the catalogue says.

    Args:
        postgres: the books.
        choice: which files.
        sources: the catalogue.
        labels: of the vaults that may be read.

    Raises:
        PermanentError: there is no such file.
    """
    asked = {"id": choice.id, "media_class": choice.media_class, "since": choice.since, "until": choice.until}
    with postgres.transaction() as db:
        rows = db.fetch("media_reading/restorable", _Row, **asked)
    if not rows and choice.id is not None:
        raise PermanentError(
            f"the books know no file of {choice.id!r}; nothing was restored. Expected the id of a row of the "
            "application, or a file's number; holdfast.media_files has both"
        )
    orders = {(one.table, one.media_class): one.vaults for one in sources}
    files = (list(group) for _, group in groupby(rows, attrgetter("item_id")))
    return told_apart(
        _wanted(file, orders.get((file[0].source_table, file[0].media_class), ()), labels) for file in files
    )


def wanted_in_vaults(vaults: Mapping[str, MediaVault], choice: Choice) -> list[Wanted]:
    """The chosen files as the vaults list them, whatever the books say; names tell class, month and id.

    Raises:
        PermanentError: a day is chosen, which no name tells.
    """
    prefix = f"{choice.media_class}/{choice.month}" if choice.media_class else ""
    return merged([list(_listed(vault, prefix, choice)) for vault in vaults.values()])


class Restoring:
    """Brings files back, several at once."""

    def __init__(self, vaults: Mapping[str, MediaVault], folder: Path, *, workers: int, say: Say) -> None:
        """Asks nothing yet.

        Args:
            vaults: by label.
            folder: below which every file gets its name.
            workers: files at once.
            say: hears of progress every five seconds.
        """
        self._vaults, self._folder, self._workers, self._say = vaults, folder, workers, say
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._received_bytes = 0

    def plan(self, wanted: Sequence[Wanted]) -> Report:
        """What would be done, and whether there is room for it. Writes nothing.

        Raises:
            PermanentError: the disk has no room for it.
        """
        self._demand_room(wanted)
        return self._report(wanted)

    def run(self, wanted: Sequence[Wanted]) -> Report:
        """Bring them back; what cannot be is told, the others are brought back all the same.

        Raises:
            PermanentError: the disk has no room for it; nothing was written.
        """
        report = self.plan(wanted)
        began_s = said_s = time.monotonic()
        for outcome in self._outcomes(wanted):
            if outcome:
                report.add(outcome)
            if time.monotonic() - said_s > _SAY_S:
                said_s = time.monotonic()
                self._say(self._progress(report, said_s - began_s))
        report.received_bytes, report.seconds = self._received_bytes, time.monotonic() - began_s
        return report

    def _outcomes(self, wanted: Sequence[Wanted]) -> Iterator[Outcome | None]:
        """What came of each file, as it comes; nothing now and then, so that progress can be told."""
        waiting, running = iter(wanted), set[Future[Outcome]]()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="media-restore") as pool:
            try:
                while True:
                    running |= {pool.submit(self._one, one) for one in islice(waiting, self._workers - len(running))}
                    if not running:
                        return
                    ended, running = wait(running, timeout=_WAIT_S, return_when=FIRST_COMPLETED)
                    outcomes: list[Outcome | None] = [one.result() for one in ended]
                    yield from outcomes or [None]
            finally:
                self._stop.set()

    def _one(self, wanted: Wanted) -> Outcome:
        return restore_file(wanted, self._folder, self._vaults, stop=self._stop, received=self._receive)

    def _receive(self, count: int) -> None:
        with self._lock:
            self._received_bytes += count

    def _report(self, wanted: Sequence[Wanted]) -> Report:
        wanted_bytes = sum(one.size_bytes for one in wanted)
        return Report(folder=str(self._folder), wanted_files=len(wanted), wanted_bytes=wanted_bytes)

    def _demand_room(self, wanted: Iterable[Wanted]) -> None:
        there = self._folder.absolute()
        while not there.exists():
            there = there.parent
        free, needed = (
            shutil.disk_usage(there).free,
            sum(_missing_bytes(self._folder / one.name, one) for one in wanted),
        )
        if needed > free:
            raise PermanentError(
                f"{self._folder}: {needed} bytes are to be written and {free} are free: {needed - free} are missing. "
                "Nothing was written. Make room, choose another folder, or restore a class or a month at a time"
            )

    def _progress(self, report: Report, seconds: float) -> str:
        rate = self._received_bytes / seconds if seconds else 0.0
        left = max(report.wanted_bytes - self._received_bytes, 0)
        then = f", {left / rate:.0f} s left" if rate and not report.already_files else ""
        return (
            f"{report.done_files} of {report.wanted_files} files, {self._received_bytes / _MB:.1f} of "
            f"{report.wanted_bytes / _MB:.1f} MB, {rate / _MB:.1f} MB/s{then}"
        )


def _wanted(copies: Sequence[_Row], order: Sequence[str], labels: Sequence[str]) -> Wanted:
    """One file: the copies that can be read here and are of the same content as the first of them."""
    first = copies[0]
    title = f"{first.source_table}/{first.source_id} ({first.media_class}, item {first.item_id})"
    whole = [copy for copy in copies if copy.vault and copy.remote_id and copy.sha256 and copy.size_bytes is not None]
    if not whole:
        problem = f"no vault has a proven copy of it; its link is {printable_url(first.url)}"
        return Wanted(title=title, name=_name(first), problem=problem)
    usable = [copy for copy in whole if copy.vault in labels]
    usable.sort(key=lambda copy: (order.index(copy.vault) if copy.vault in order else len(order), copy.vault))
    if not usable:
        has = " and ".join(str(copy.vault) for copy in whole)
        problem = f"its copies are in {has}, and only {' and '.join(labels) or 'no vault'} may be read here"
        return Wanted(title=title, name=_name(whole[0]), problem=problem)
    sources = [_source(copy) for copy in usable]
    same = tuple(one for one in sources if one.proof == sources[0].proof)
    return Wanted(title=title, name=_name(usable[0]), sources=same)


def _source(copy: _Row) -> Source:
    proof = Proof(size_bytes=copy.size_bytes or 0, sha256=copy.sha256)
    return Source(vault=copy.vault or "", remote_id=copy.remote_id or "", proof=proof)


def _name(copy: _Row) -> str:
    """The name in the vault; a file that another tool stored gets the one that we had given it."""
    if copy.name and not copy.is_adopted:
        return safe_name(copy.name)
    item = MediaItem(
        item_id=copy.item_id,
        source_table=copy.source_table,
        source_id=copy.source_id,
        media_class=copy.media_class,
        kind=copy.kind,
        url=copy.url,
        created_at=copy.created_at,
        deadline_at=copy.deadline_at,
    )
    return vault_name(item, copy.content_type)


def _listed(vault: MediaVault, prefix: str, choice: Choice) -> Iterator[Wanted]:
    for stored in vault.list(prefix):
        if choice.names(stored.name):
            proof = Proof(
                size_bytes=stored.size_bytes,
                sha256=stored.sha256,
                md5=stored.md5,
                etag=stored.etag,
                part_bytes=vault.part_bytes,
            )
            source = Source(vault=vault.label, remote_id=stored.remote_id, proof=proof)
            yield Wanted(title=f"{vault.label}: {stored.name}", name=safe_name(stored.name), sources=(source,))


def _missing_bytes(target: Path, wanted: Wanted) -> int:
    """What is still to be written of a file."""
    if target.exists():
        return 0
    partial = partial_of(target, target.name)
    return max(wanted.size_bytes - (partial.stat().st_size if partial.exists() else 0), 0)
