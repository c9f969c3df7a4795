"""Memories to the vault and back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from holdfast.baselines.exporting import ExportedSeries, ImportPlan, export, parse_export, plan_import, rename
from holdfast.baselines.lending import SeriesKey
from holdfast.baselines.memory import Memory
from holdfast.vaults import Vault
from resources.baselines.store import (
    StoredMemory,
    instant,
    read_memories,
    read_units,
    save,
    set_aside,
    settle_origins,
)
from resources.postgres import Postgres, Transaction

PREFIX: Final = "baselines/"
KEEP_DAYS: Final = 14
_NIGHTLY: Final = re.compile(r"baselines/\d{4}-\d{2}-\d{2}\.json\.gz")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        name: under which name.
        series: series in it.
        bytes: its size.
        left_out: series whose memory cannot be read.
    """

    name: str
    series: int
    bytes: int
    left_out: tuple[SeriesKey, ...]


def nightly_name(day: date) -> str:
    """Under which name a night's export is kept."""
    return f"{PREFIX}{day.isoformat()}.json.gz"


def export_baselines(postgres: Postgres, vault: Vault, name: str) -> Exported:
    """Write every memory that can be read into the vault; the same memories give the same bytes."""
    with postgres.transaction() as db:
        stored, broken = read_memories(db)
    content = export(
        ExportedSeries(
            server_id=one.server_id,
            metric=one.metric,
            version=one.version,
            unit=one.unit,
            memory=one.memory,
            inherited_from=one.inherited_from,
        )
        for one in stored
    )
    vault.put(name, content)
    return Exported(name, len(stored), len(content), tuple(one.key for one in broken))


def forget_old(vault: Vault) -> list[str]:
    """Remove nightly exports but the newest 14; the names that went. What was exported by hand stays."""
    nightly = [name for name in vault.names(PREFIX) if _NIGHTLY.fullmatch(name)]
    for name in nightly[:-KEEP_DAYS]:
        vault.remove(name)
    return nightly[:-KEEP_DAYS]


def import_baselines(
    postgres: Postgres, vault: Vault, name: str, *, renames: Mapping[str, str], now: datetime, apply: bool
) -> ImportPlan:
    """Plan what an export in the vault would replace, or replace it, all in one transaction.

    What is replaced is set aside as a version. What an imported memory lacks is learned from the history by the next
    learning, as far back as 28 days.

    Args:
        postgres: the primary.
        vault: where the export is.
        name: its name there.
        renames: names of servers in the export to their names now.
        now: nothing that was learned later than this is taken.
        apply: False: only plan.

    Raises:
        NotInVaultError: there is no such export.
        PermanentError: a server to rename is not in it, or two servers would become one; nothing was changed.
        DamagedBaselineError: it is not whole; nothing was changed.
        BaselineVersionError: it was written in another format; nothing was changed.
    """
    exported = rename(parse_export(vault.get(name), name), renames, name)
    with postgres.transaction() as db:
        db.execute("baselines/lock")
        stored, broken = read_memories(db, sorted({one.server_id for one in exported}))
        memories: dict[SeriesKey, Memory | None] = {one.key: one.memory for one in stored}
        memories |= dict.fromkeys((one.key for one in broken), None)
        plan = plan_import(exported, memories, read_units(db), int(now.timestamp()))
        if apply:
            written = set(plan.written)
            versions = {one.key: one.version for one in stored} | {one.key: one.version for one in broken}
            _write(db, [one for one in exported if one.key in written], versions)
    return plan


def _write(db: Transaction, exported: Sequence[ExportedSeries], versions: Mapping[SeriesKey, int]) -> None:
    for one in exported:
        set_aside(db, one.server_id, one.metric, "replaced by an import")
    save(db, [_stored(one, versions.get(one.key)) for one in exported])
    for server_id in sorted({one.server_id for one in exported}):
        until = [one.memory.learned_until_s for one in exported if one.server_id == server_id]
        if (at := instant(min(until))) is not None:
            db.execute("baselines/rewind_progress", server_id=server_id, at=at)
    settle_origins(db)


def _stored(one: ExportedSeries, replaced_version: int | None) -> StoredMemory:
    return StoredMemory(
        server_id=one.server_id,
        metric=one.metric,
        version=one.version if replaced_version is None else max(one.version, replaced_version + 1),
        unit=one.unit,
        memory=one.memory,
        inherited_from=one.inherited_from,
    )
