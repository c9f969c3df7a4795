"""What a store demands of whoever writes its tables: rights, triggers, foreign keys, sequences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.consistency.plan_rows import Verb
from holdfast.consistency.tables import LABELS, Column, Side, Table, TableName
from holdfast.errors import PermanentError
from resources.postgres import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """One foreign key.

    Attributes:
        columns: of the child, in the order of ``referenced``.
        is_deferrable: whether it may be checked at the end of a transaction.
        follows: whether children are deleted or changed with their parent.
        nullable: those of ``columns`` that may be null.
    """

    name: str
    child: TableName
    columns: tuple[str, ...]
    parent: TableName
    referenced: tuple[str, ...]
    is_deferrable: bool
    follows: bool
    nullable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnSequence:
    """A sequence that fills a column."""

    column: str
    name: TableName
    step: int
    may_move: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One table of one store, as a writer sees it.

    Attributes:
        has_triggers: whether the applications' triggers fire when it is written.
        has_late_keys: whether it has unique keys that are checked at the commit: a replica would not check them at all.
        is_cyclic: whether its foreign keys lead back to it.
    """

    side: Side
    table: Table
    has_triggers: bool = False
    has_late_keys: bool = False
    parents: tuple[ForeignKey, ...] = ()
    children: tuple[ForeignKey, ...] = ()
    sequences: tuple[OwnSequence, ...] = ()
    is_cyclic: bool = False

    @property
    def name(self) -> TableName:
        """Of the table."""
        return self.table.name

    @property
    def stored(self) -> tuple[Column, ...]:
        """Columns that are no generated ones: a row's image."""
        return tuple(column for column in self.table.columns if not column.generated)

    def column(self, name: str) -> Column:
        """A column that is there."""
        found = self.table.column(name)
        if found is None:
            raise PermanentError(f"{self.table.name} has no column {name} any more; nothing was changed")
        return found


@dataclass(slots=True)
class Needs:
    """What is about to be written: verbs by table."""

    verbs: dict[TableName, set[Verb]] = field(default_factory=dict)

    def add(self, name: TableName, verb: Verb) -> None:
        """Note one."""
        self.verbs.setdefault(name, set()).add(verb)


def read_shapes(db: Transaction, side: Side, tables: Iterable[Table], needs: Needs) -> dict[TableName, Shape]:
    """The shapes of tables that are about to be written; asks in a transaction that may write.

    Raises:
        PermanentError: this role may not write one of them as is needed, or the database is read-only.
    """
    by_oid = {table.oid: table for table in tables}
    oids = list(by_oid)
    _check_rights(db, side, by_oid, needs)
    keys = _foreign_keys(db, oids)
    cyclic = _cyclic(keys, [table.name for table in by_oid.values()])
    triggers = {row[0]: row[1:] for row in db.rows("repairs/triggers", oids=oids)}
    sequences: dict[int, list[OwnSequence]] = {}
    for oid, column, schema, name, step, may_move in db.rows("repairs/sequences", oids=oids):
        sequences.setdefault(oid, []).append(OwnSequence(column, TableName(schema, name), step, may_move))
    return {
        table.name: Shape(
            side=side,
            table=table,
            has_triggers=triggers[oid][0],
            has_late_keys=triggers[oid][1],
            parents=tuple(key for key in keys if key.child == table.name),
            children=tuple(key for key in keys if key.parent == table.name),
            sequences=tuple(sequences.get(oid, ())),
            is_cyclic=table.name in cyclic,
        )
        for oid, table in by_oid.items()
    }


def in_order(shapes: Mapping[TableName, Shape]) -> list[list[TableName]]:
    """Tables in groups, parents before their children; tables that refer to each other are one group."""
    names = sorted(shapes)
    parents = {name: {key.parent for key in shapes[name].parents} & shapes.keys() for name in names}
    reach = {name: _reached(name, parents) for name in names}
    groups: list[list[TableName]] = []
    left = list(names)
    while left:
        # Always found: what is reached from the fewest tables has no parent outside of its own group left.
        first = min(left, key=lambda name: (len(reach[name] & set(left) - {name}), name))
        group = [name for name in left if name == first or (name in reach[first] and first in reach[name])]
        groups.append(group)
        left = [name for name in left if name not in group]
    return groups


def _reached(name: TableName, parents: Mapping[TableName, set[TableName]]) -> set[TableName]:
    found: set[TableName] = set()
    open_ = [*parents[name]]
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_ += parents[one]
    return found


def _cyclic(keys: Sequence[ForeignKey], names: Sequence[TableName]) -> set[TableName]:
    parents: dict[TableName, set[TableName]] = {name: set() for name in names}
    for key in keys:
        if key.child in parents and key.parent in parents:
            parents[key.child].add(key.parent)
    return {name for name in names if name in _reached(name, parents)}


def _foreign_keys(db: Transaction, oids: Sequence[int]) -> list[ForeignKey]:
    found = []
    for name, cs, cn, columns, ps, pn, referenced, is_deferrable, follows, nullable in db.rows(
        "repairs/foreign_keys", oids=oids
    ):
        found.append(
            ForeignKey(
                name=name,
                child=TableName(cs, cn),
                columns=tuple(columns),
                parent=TableName(ps, pn),
                referenced=tuple(referenced),
                is_deferrable=is_deferrable,
                follows=follows,
                nullable=tuple(nullable),
            )
        )
    return found


def _check_rights(db: Transaction, side: Side, tables: Mapping[int, Table], needs: Needs) -> None:
    for oid, insert, update, delete, is_hidden, role, is_read_only in db.rows("repairs/rights", oids=list(tables)):
        name = tables[oid].name
        where = f"{name} in the {LABELS[side]}"
        if is_read_only:
            raise PermanentError(
                f"{where} cannot be written: the database is read-only (a standby, or over its size); nothing was "
                "changed. Make it writable, or write the other store only (--direction)"
            )
        rights = {"insert": insert, "update": update, "delete": delete}
        missing = sorted(verb for verb in needs.verbs.get(name, ()) if not rights[verb])
        if missing:
            raise PermanentError(
                f"{where} cannot be written: the role {role} may not {' or '.join(missing)}; nothing was changed. "
                f"Connect as a role that may, or grant {', '.join(missing)} on the table to it"
            )
        if is_hidden:
            raise PermanentError(
                f"{where} hides rows from the role {role} by row level security; nothing was changed. Connect as a "
                "role with BYPASSRLS (on Supabase: postgres), or as the table's owner"
            )
