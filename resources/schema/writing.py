"""Plans as SQL that a person reads and psql runs, and the hash that names a plan."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from holdfast.consistency.tables import LABELS, TableName
from holdfast.errors import PermanentError
from holdfast.schema.planning import Plan
from holdfast.schema.sides import quoted
from holdfast.schema.steps import Name, Part, Raw, Stage, Statement, Step, Value
from resources.queries import template

VARIABLES: Final = {"a": "DATABASE_URL", "b": "SUPABASE_DB_URL"}
LOCK_TIMEOUT_S: Final = 2
_STAGES: Final[dict[Stage, str]] = {
    "labels": "labels of types: committed first, because a new label cannot be used before",
    "objects": "one transaction: all of it, or nothing",
    "indexes": "outside of transactions: writers go on while these are built",
    "constraints": "one transaction: what needed those indexes",
    "validation": "each by itself: rows that are there are held against new constraints; writers go on",
}
_INTO: Final = "-- into: "
_TABLES: Final = "-- tables: "
_SHA: Final = "-- sha256: "
_PLAIN: Final = re.compile(r"[\w ]+(\.[\w ]+)?")
_WIDTH: Final = 118


def written(statement: Statement) -> str:
    """A statement as SQL."""
    return _composed(statement).as_string(None)


def document(plans: Sequence[Plan], tables: Iterable[TableName]) -> str:
    """Plans as a file: comments say what and why, the rest is what would be run.

    Its first lines hold the hash that applying asks for.
    """
    body = "\n".join(_plan_lines(plans))
    steps = sum(len(plan.steps) for plan in plans)
    head = [
        f"-- holdfast schema plan: {steps} statements, {sum(len(plan.left) for plan in plans)} differences left to you",
        f"{_TABLES}{', '.join(map(_listed, tables))}",
        "-- Only adds: nothing here drops, alters or narrows what is there. Rights of new tables are for you to grant.",
        "-- Apply: holdfast schema apply FILE --confirm SHA256 (schemas are read again; an edited file is refused),",
        "-- or run it yourself: psql URL -v ON_ERROR_STOP=1 -f FILE",
        f"{_SHA}{_hash(body)}",
    ]
    return "\n".join([*head, "", body, ""])


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a plan's file says of itself.

    Attributes:
        sha256: in its head.
        tables: names with commas.
        sides: the stores it is for.
        is_whole: whether what it would run is what its head was written for.
    """

    sha256: str
    tables: str
    sides: tuple[str, ...]
    is_whole: bool


def read_plan(text: str) -> PlanFile:
    """Read a plan's file.

    Raises:
        PermanentError: it is none.
    """
    lines = text.splitlines()
    sha256 = next((line.removeprefix(_SHA) for line in lines if line.startswith(_SHA)), None)
    tables = next((line.removeprefix(_TABLES) for line in lines if line.startswith(_TABLES)), None)
    if sha256 is None or tables is None:
        raise PermanentError(
            f"this is no plan: expected a line that begins with {_SHA.strip()!r} and one with {_TABLES.strip()!r}; "
            "nothing was changed. Make one: holdfast schema plan --out FILE"
        )
    sides = tuple(line.removeprefix(_INTO)[:1] for line in lines if line.startswith(_INTO))
    return PlanFile(sha256, tables, sides, is_whole=_hash(text) == sha256)


def digest(plans: Sequence[Plan]) -> str:
    """The hash of what plans would run, and where; what is only said about it does not count."""
    return _hash("\n".join(_plan_lines(plans)))


def _listed(table: TableName) -> str:
    """A table's name as a list on a command line has it."""
    return str(table) if _PLAIN.fullmatch(str(table)) else quoted(table)


def _hash(text: str) -> str:
    counted = (line for line in text.splitlines() if line.strip() and (not _is_comment(line) or line.startswith(_INTO)))
    return hashlib.sha256("\n".join(counted).encode()).hexdigest()


def _is_comment(line: str) -> bool:
    return line.startswith("--")


def _plan_lines(plans: Sequence[Plan]) -> Iterator[str]:
    for plan in plans:
        yield f"{_INTO}{plan.side} (the {LABELS[plan.side]}, {VARIABLES[plan.side]})"
        if plan.not_owned:
            yield from _comment(f"this role does not own, and so cannot alter: {', '.join(plan.not_owned)}")
        yield ""
        for stage, why in _STAGES.items():
            if steps := plan.of(stage):
                yield from _stage_lines(stage, why, steps)
        if plan.left:
            yield from _left_lines(plan)


def _stage_lines(stage: Stage, why: str, steps: Sequence[Step]) -> Iterator[str]:
    is_transaction = stage in ("labels", "objects", "constraints")
    yield f"-- {why}"
    if is_transaction:
        yield "begin;"
        yield "set local search_path = pg_catalog;"
        yield f"set local lock_timeout = '{LOCK_TIMEOUT_S}s';"
    for step in steps:
        if step.note:
            yield from _comment(step.note)
        yield written(step.statement)
    if is_transaction:
        yield "commit;"
    yield ""


def _left_lines(plan: Plan) -> Iterator[str]:
    yield "-- left to you: nothing below is ever run"
    for finding in plan.left:
        yield from _comment(f"{finding.sentence}: {finding.left}")
        for statement in finding.advice:
            yield from (f"--     {line}" for line in written(statement).splitlines())
    yield ""


def _comment(text: str) -> Iterator[str]:
    """Text as comment lines; a line break in a name cannot end the comment."""
    line = "--"
    for word in text.split():
        if len(line) + len(word) > _WIDTH and line != "--":
            yield line
            line = "--  "
        line = f"{line} {word}"
    yield line


@cache
def _template(name: str) -> SQL:
    lines = template(f"schema_changes/{name}").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    return SQL(text)


def _composed(statement: Statement) -> Composed:
    return _template(statement.template).format(**{name: _part(part) for name, part in statement.parts.items()})


def _part(part: Part) -> Composable:
    match part:
        case None:
            return SQL("")
        case Name(parts):
            return Identifier(*parts)
        case Raw(text):
            return SQL(text)
        case Value(text):
            return Literal(text)
        case Statement():
            # A piece brings the blank before it along.
            return SQL(" ") + _composed(part)
    has_lines = len(part) > 1 and any(isinstance(one, Statement) for one in part)
    return SQL(",\n    " if has_lines else ", ").join(
        _composed(one) if isinstance(one, Statement) else _part(one) for one in part
    )
