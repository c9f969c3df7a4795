"""The applications' rows brought in line with the books, in both stores."""

from dataclasses import dataclass

from holdfast.errors import HoldfastError
from resources.media.columns import ensure_columns
from resources.media.projecting import carry_over, tell_all
from resources.media.shapes import BACKUP_TABLE
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True)
class InLine:
    """What bringing rows in line came to.

    Attributes:
        added_columns: names of those that were missing, with the store.
        behind_rows: of the primary that said something else than the books.
        told_rows: of these that say it now; the others were locked and are told next time.
        carried_rows: of the secondary that say it now as well.
        problems: sentences.
    """

    added_columns: tuple[str, ...]
    behind_rows: int
    told_rows: int
    carried_rows: int
    problems: tuple[str, ...]


def bring_in_line(primary: Postgres, secondary: Postgres | None) -> InLine:
    """Make room for what the backup says where it lacks, and say it, in both stores.

    What cannot be done is told, not raised: the books do not need it. A second call changes nothing.
    """
    added: list[str] = []
    problems: list[str] = []
    for label, store in (("primary", primary), ("secondary", secondary)):
        if store is not None:
            found = ensure_columns(store)
            added += [f"{label}: {name}" for name in found.added]
            problems += [f"{label}: {found.problem}"] if found.problem else []
    behind = told = carried = 0
    try:
        behind, told = tell_all(primary, BACKUP_TABLE)
        carried = carry_over(primary, secondary, BACKUP_TABLE) if secondary is not None else 0
    except HoldfastError as error:
        problems.append(f"{BACKUP_TABLE}: not every row says how its backup is: {error}")
    return InLine(tuple(added), behind, told, carried, tuple(problems))
