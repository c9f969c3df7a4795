"""The journal of a repair: what every row was and became, one JSON line each, written before the commit."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from holdfast.consistency.plan_rows import VERBS, Verb, key_from
from holdfast.consistency.reports import key_document
from holdfast.consistency.tables import OTHER, Key, Side, TableName
from holdfast.errors import PlanError

FORMAT: Final = 1
_KIND: Final = "holdfast repair journal"
_PLAIN: Final = re.compile(r"\w+")

# A row: the text of each column that is not generated, None for null.
Image = Mapping[str, str | None]


def table_text(name: TableName) -> str:
    """A table's name so that ``TableName.parse`` reads the same again, whatever letters it has."""
    parts = [name.name] if name.schema == "public" else [name.schema, name.name]
    return ".".join(part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"' for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a journal is of.

    Attributes:
        stores: identity of the database of each store.
        began_at: ISO text in UTC.
    """

    repair_id: str
    stores: Mapping[Side, str]
    began_at: str

    def to_line(self) -> str:
        """First line of the file."""
        body = {"kind": _KIND, "format": FORMAT, "repair_id": self.repair_id, "stores": dict(self.stores)}
        return _line(body | {"began_at": self.began_at})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row that a repair wrote, or was about to write when it was cut off: the row itself tells.

    Attributes:
        table: with its schema, as ``TableName`` reads it.
        side: the store that was written.
        before: the whole row, None where there was none.
        after: likewise.
    """

    table: str
    side: Side
    verb: Verb
    key: Key
    key_columns: tuple[str, ...]
    before: Image | None
    after: Image | None
    batch: int = 0

    def to_line(self) -> str:
        """One line of the file."""
        return _line(
            {
                "batch": self.batch,
                "table": self.table,
                "into": self.side,
                "action": self.verb,
                "key": key_document(self.key),
                "key_columns": list(self.key_columns),
                "before": self.before,
                "after": self.after,
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read one line.

        Raises:
            ValueError: it says something that no journal says.
        """
        if document["action"] not in VERBS or document["into"] not in OTHER:
            raise ValueError(f"an action {document['action']!r} into {document['into']!r}")
        return cls(
            table=document["table"],
            side=document["into"],
            verb=document["action"],
            key=key_from(document["key"]),
            key_columns=tuple(document["key_columns"]),
            before=document["before"],
            after=document["after"],
            batch=document["batch"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """A journal that was read back."""

    header: Header
    entries: Sequence[Entry] = field(default_factory=tuple)


def read_journal(lines: Iterable[str], *, source: str) -> Journal:
    """Read a journal.

    A last line without its end was being written when the process was cut off: its transaction never committed.

    Raises:
        PlanError: it is no journal, one of another version, or damaged before its end.
    """
    header: Header | None = None
    entries = []
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            break
        try:
            document = json.loads(line)
            if header is None:
                header = _header(document, source)
            elif "action" in document:
                entries.append(Entry.from_document(document))
        except (ValueError, KeyError, TypeError) as error:
            raise PlanError(f"{source}, line {number}, is damaged: {error!r}; nothing was changed") from error
    if header is None:
        raise PlanError(f"{source} is no journal of a repair: it has no first line; nothing was changed")
    return Journal(header=header, entries=tuple(entries))


def read_header(line: str, *, source: str) -> Header:
    """Read the first line. Errors as of ``read_journal``."""
    return read_journal([line], source=source).header


def _header(document: Any, source: str) -> Header:
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise PlanError(f"{source} is no journal of a repair; nothing was changed")
    if document.get("format") != FORMAT:
        raise PlanError(
            f"{source} is a journal of format {document.get('format')}, this Holdfast reads format {FORMAT}; nothing "
            "was changed. Use the Holdfast that wrote it"
        )
    return Header(repair_id=document["repair_id"], stores=dict(document["stores"]), began_at=document["began_at"])


def _line(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"
