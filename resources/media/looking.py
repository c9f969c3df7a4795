"""A look into the vaults: files that the books do not know, and copies whose file is gone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from holdfast.errors import HoldfastError
from holdfast.media.vaults import MediaVault, Stored
from resources.postgres import Postgres, Transaction

_BATCH: Final = 5000
_MISSING: Final = "the file is not in the vault any more"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look into one vault came to.

    Attributes:
        files, bytes: in it.
        strays: files that the books do not know.
        missing: copies whose file is gone: they are made anew.
        problem: why it could not be looked into; empty where it could.
    """

    vault: str
    files: int = 0
    bytes: int = 0
    strays: int = 0
    missing: int = 0
    problem: str = ""


def look_into(postgres: Postgres, vaults: Mapping[str, MediaVault], say: Say = lambda _: None) -> list[Look]:
    """List every vault and compare it with the books; nothing in a vault is changed.

    A copy that the list lacks is asked for by its id before it is believed to be gone: lists lag. Nothing is held in
    the books while a vault is asked.

    Raises:
        TransientError, PermanentError: as of ``Postgres.transaction``. What is wrong with a vault is told.
    """
    return [_look(postgres, vault, say) for vault in vaults.values()]


def note_spaces(postgres: Postgres, vaults: Mapping[str, MediaVault]) -> list[str]:
    """Write down how full each vault is; a sentence for each that does not say."""
    problems = []
    for label, vault in vaults.items():
        try:
            space = vault.space()
        except HoldfastError as error:
            problems.append(f"{label}: {error}")
            continue
        told = {"vault": label, "used_bytes": space.used_bytes, "limit_bytes": space.limit_bytes}
        with postgres.transaction() as db:
            db.execute("media_queue/note_space", **told)
    return problems


def never_looked_into(postgres: Postgres, vaults: Iterable[str]) -> list[str]:
    """Those of these vaults that were never listed: what an earlier tool left there is not known yet."""
    with postgres.transaction() as db:
        known = {vault for (vault,) in db.rows("media_books/looked_into")}
    return [label for label in vaults if label not in known]


def _look(postgres: Postgres, vault: MediaVault, say: Say) -> Look:
    seen: list[str] = []
    strays: list[str] = []
    size = 0
    try:
        for batch in _batches(vault.list()):
            seen += [one.remote_id for one in batch]
            size += sum(one.size_bytes for one in batch)
            with postgres.transaction() as db:
                strays += _keep(db, vault.label, batch)
            say(f"{vault.label}: {len(seen):,} files listed, {len(strays):,} of them unknown")
        missing = _confirmed(postgres, vault, seen)
    except HoldfastError as error:
        return Look(vault=vault.label, problem=f"{vault.label} could not be looked into: {error}")
    with postgres.transaction() as db:
        _give_back(db, vault.label, missing)
        db.execute("media_books/drop_strays", vault=vault.label, remote_ids=strays)
        db.execute("media_books/note_look", vault=vault.label, files=len(seen), bytes=size)
    return Look(vault=vault.label, files=len(seen), bytes=size, strays=len(strays), missing=len(missing))


def _batches(files: Iterator[Stored]) -> Iterator[list[Stored]]:
    while batch := list(islice(files, _BATCH)):
        yield batch


def _keep(db: Transaction, label: str, batch: Sequence[Stored]) -> list[str]:
    rows = db.rows(
        "media_books/keep_strays",
        vault=label,
        remote_ids=[one.remote_id for one in batch],
        names=[one.name for one in batch],
        sizes=[one.size_bytes for one in batch],
        sha256s=[one.sha256 for one in batch],
        md5s=[one.md5 for one in batch],
        urls=[one.url for one in batch],
    )
    return [remote_id for (remote_id,) in rows]


def _confirmed(postgres: Postgres, vault: MediaVault, seen: Sequence[str]) -> list[tuple[int, str]]:
    with postgres.transaction() as db:
        rows = db.rows("media_books/not_seen", vault=vault.label, remote_ids=list(seen))
    return [(item_id, remote_id) for item_id, remote_id in rows if vault.find(remote_id) is None]


def _give_back(db: Transaction, label: str, missing: Sequence[tuple[int, str]]) -> None:
    if missing:
        count = len(missing)
        db.rows(
            "media_reading/give_back",
            item_ids=[item_id for item_id, _ in missing],
            vaults=[label] * count,
            remote_ids=[remote_id for _, remote_id in missing],
            verdicts=["missing"] * count,
            problems=[_MISSING] * count,
        )
