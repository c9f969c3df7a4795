"""What is brought back from the vaults: which files, where each of them can be read, and what came of it."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from holdfast.errors import PermanentError
from holdfast.media.items import MediaClass
from holdfast.media.proofs import Proof
from holdfast.vaults import check_name

End = Literal["restored", "already", "failed"]
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._@+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which files. What is None chooses nothing; all None: every file.

    Attributes:
        id: the application's row, or the item's number.
        since, until: when the application made the row, [since, until), UTC.
    """

    id: str | None = None
    media_class: MediaClass | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def month(self) -> str:
        """``2026-11`` where a whole month is chosen, which is what names in a vault tell; else empty.

        Raises:
            PermanentError: a day is chosen.
        """
        if self.since is None:
            return ""
        if self.until != _month_after(self.since) or self.since.day != 1:
            raise PermanentError(
                f"{self.since:%Y-%m-%d}: names in a vault tell the month only; nothing was restored. Choose the month "
                f"({self.since:%Y-%m}), or read from the books"
            )
        return f"{self.since:%Y-%m}"

    def names(self, name: str) -> bool:
        """Whether a file of this name in a vault is chosen: ``class/month/id-digest.extension``."""
        folder, _, rest = name.partition("/")
        month, _, file = rest.partition("/")
        if self.media_class and folder != self.media_class:
            return False
        if self.month and month != self.month:
            return False
        return self.id is None or file.startswith(f"{_plain(self.id)}-")


def days(text: str) -> tuple[datetime, datetime]:
    """The instants at which a day (``2026-11-20``) or a month (``2026-11``) begins and ends, UTC.

    Raises:
        PermanentError: it is neither.
    """
    for form, after in (("%Y-%m-%d", lambda at: at + timedelta(days=1)), ("%Y-%m", _month_after)):
        try:
            begin = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return begin, after(begin)
    raise PermanentError(f"{text!r} is neither a day (2026-11-20) nor a month (2026-11); nothing was restored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a file can be read, and what it has to be."""

    vault: str
    remote_id: str
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file that is to be brought back.

    Attributes:
        title: what it is, for people.
        name: its path below the folder it is restored to.
        sources: in the order in which they are tried.
        problem: why there is no source; empty where there is one.
    """

    title: str
    name: str
    sources: tuple[Source, ...] = ()
    problem: str = ""

    @property
    def size_bytes(self) -> int:
        """Of the file; 0 where nobody has it."""
        return max((source.proof.size_bytes for source in self.sources), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one file.

    Attributes:
        end: ``already``: the same file was there.
        vault: where it came from; empty where it did not.
        is_proven: whether a checksum was compared, and not the size alone.
        problem: why it is not there; or, with ``restored``, what was wrong with vaults before the last one.
    """

    wanted: Wanted
    end: End
    vault: str = ""
    is_proven: bool = True
    problem: str = ""


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of a restore. Wanted files are restored, there already, or failed.

    Attributes:
        received_bytes: what vaults gave in this run.
    """

    folder: str
    wanted_files: int = 0
    wanted_bytes: int = 0
    restored_files: int = 0
    already_files: int = 0
    unproven_files: int = 0
    received_bytes: int = 0
    seconds: float = 0.0
    by_vault: dict[str, int] = field(default_factory=dict)
    failed: list[Outcome] = field(default_factory=list)
    notes: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        if outcome.end == "failed":
            self.failed.append(outcome)
            return
        self.restored_files += outcome.end == "restored"
        self.already_files += outcome.end == "already"
        self.unproven_files += not outcome.is_proven
        if outcome.vault:
            self.by_vault[outcome.vault] = self.by_vault.get(outcome.vault, 0) + 1
        if outcome.problem:
            self.notes.append(outcome)

    @property
    def done_files(self) -> int:
        """Files of which it is known what came of them."""
        return self.restored_files + self.already_files + len(self.failed)


def safe_name(name: str) -> str:
    """The name as a path that stays inside a folder: other tools may have stored files under any name."""
    try:
        return check_name(name)
    except PermanentError:
        parts = [_UNSAFE.sub("-", part).strip(".- ")[:80] or "file" for part in name.split("/") if part]
        plain = "/".join(parts)[:140].strip("/. ") or "file"
        return _apart(plain, name)


def told_apart(wanted: Iterable[Wanted]) -> list[Wanted]:
    """The same files, none of them under the name of another: a vault may hold two of one name."""
    seen: dict[str, int] = {}
    found = []
    for one in wanted:
        seen[one.name] = seen.get(one.name, 0) + 1
        is_first = seen[one.name] == 1 or not one.sources
        found.append(one if is_first else replace(one, name=_apart(one.name, one.sources[0].remote_id)))
    return found


def merged(listings: Sequence[Iterable[Wanted]]) -> list[Wanted]:
    """Files of several vaults: one of the same name and size in a later vault is another source of the first."""
    found: dict[tuple[str, int], Wanted] = {}
    rest: list[Wanted] = []
    for number, listing in enumerate(listings):
        fresh: dict[tuple[str, int], Wanted] = {}
        for one in listing:
            key = (one.name, one.size_bytes)
            if number and key in found:
                found[key] = replace(found[key], sources=found[key].sources + one.sources)
            elif key in fresh:
                rest.append(one)
            else:
                fresh[key] = one
        found = fresh | found
    return told_apart(sorted([*found.values(), *rest], key=lambda one: one.name))


def _apart(name: str, by: str) -> str:
    stem, dot, extension = name.rpartition(".")
    digest = hashlib.sha256(by.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{stem}-{digest}.{extension}" if dot and "/" not in extension else f"{name}-{digest}"


def _plain(source_id: str) -> str:
    """An id as names in a vault have it (``holdfast.media.naming``)."""
    return re.sub(r"[^A-Za-z0-9]+", "-", source_id).strip("-")[:60].strip("-") or "item"


def _month_after(at: datetime) -> datetime:
    return (at.replace(day=1) + timedelta(days=32)).replace(day=1)
