"""What a store's catalogue says of the tables that are compared."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from holdfast.consistency.tables import TableName
from holdfast.schema.model import (
    ColumnSchema,
    ConstraintKind,
    ConstraintSchema,
    IndexSchema,
    Need,
    Needs,
    PolicySchema,
    StoreSchema,
    TableSchema,
    TypeSchema,
)
from resources.postgres import Transaction
from resources.stores import Store

Row = tuple[Any, ...]
# What needs something: column, default, constraint, index or policy; of which table; its name.
Dependent = tuple[str, int, str]

_KINDS: Final[dict[str, ConstraintKind]] = {
    "p": "primary key",
    "u": "unique",
    "f": "foreign key",
    "c": "check",
    "x": "exclude",
}


def read_schema(store: Store, names: Iterable[TableName]) -> StoreSchema:
    """The tables of these names that a store has, with everything their definitions need.

    Reads catalogues only, in one snapshot: a role that may connect may do it.

    Raises:
        TransientError: the store is away.
        PermanentError: it refused the login.
    """
    with store.snapshot() as db:
        return _read(db, store, sorted(names))


def _read(db: Transaction, store: Store, names: Sequence[TableName]) -> StoreSchema:
    found = db.rows("schema/tables", schemas=[name.schema for name in names], names=[name.name for name in names])
    oids = [row[0] for row in found]
    (version, schemas, roles, has_auth) = db.rows("schema/facts")[0]
    offers = {_need(offered) for (offered,) in db.rows("schema/offers")}
    parts = _Parts(db, oids)
    tables = [parts.table(*row) for row in found]
    return StoreSchema(
        side=store.side,
        version=version,
        tables={table.name: table for table in tables},
        types={row[0]: _type(row) for row in db.rows("schema/types", oids=oids)},
        schemas=frozenset(schemas),
        roles=frozenset(roles),
        offers=frozenset(offers),
        relations=frozenset(TableName(*row) for row in db.rows("schema/relations")),
        has_auth=has_auth,
    )


class _Parts:
    """What belongs to tables, by their object number."""

    def __init__(self, db: Transaction, oids: Sequence[int]) -> None:
        self.needs: dict[Dependent, set[Need]] = defaultdict(set)
        for what, oid, name, needed in db.rows("schema/needs", oids=oids):
            self.needs[what, oid, name].add(_need(needed))
        self.columns = _by_table(db.rows("schema/columns", oids=oids))
        self.constraints = _by_table(db.rows("schema/constraints", oids=oids))
        self.indexes = _by_table(db.rows("schema/indexes", oids=oids))
        self.policies = _by_table(db.rows("schema/policies", oids=oids))
        self.triggers = _by_table(db.rows("schema/triggers", oids=oids))

    def table(self, oid: int, schema: str, name: str, *facts: Any) -> TableSchema:
        kind, has_rls, is_forced, key, parent_schema, parent, bound, is_empty, is_owner, is_unlogged, readers = facts
        return TableSchema(
            name=TableName(schema, name),
            kind=kind,
            columns=tuple(self._column(oid, row) for row in self.columns[oid]),
            constraints=tuple(self._constraint(oid, row) for row in self.constraints[oid]),
            indexes=tuple(self._index(oid, row) for row in self.indexes[oid]),
            policies=tuple(self._policy(oid, row) for row in self.policies[oid]),
            triggers=dict(self.triggers[oid]),
            has_row_security=has_rls,
            is_forced=is_forced,
            partition_key=key,
            parent=_name(parent_schema, parent),
            bound=bound,
            is_empty=is_empty,
            is_owner=is_owner,
            is_unlogged=is_unlogged,
            readers=tuple(readers),
        )

    def _needs(self, what: str, oid: int, name: str) -> Needs:
        return frozenset(self.needs[what, oid, name])

    def _column(self, oid: int, row: Row) -> ColumnSchema:
        name, kind, is_not_null, collation, default, generated, identity, sequence_schema, sequence = row
        needs = self._needs("default", oid, name)
        return ColumnSchema(
            name=name,
            type=kind,
            is_not_null=is_not_null,
            collation=collation,
            default=default,
            generated=generated,
            identity=identity,
            sequence=_name(sequence_schema, sequence),
            needs=self._needs("column", oid, name),
            # A sequence of its own is made together with the default.
            default_needs=needs - {("table", str(_name(sequence_schema, sequence)))},
        )

    def _constraint(self, oid: int, row: Row) -> ConstraintSchema:
        name, kind, definition, columns, is_validated, references_schema, references, referenced = row
        return ConstraintSchema(
            name=name,
            kind=_KINDS[kind],
            definition=definition,
            columns=tuple(columns),
            is_validated=is_validated,
            references=_name(references_schema, references),
            referenced=tuple(referenced),
            needs=self._needs("constraint", oid, name),
        )

    def _index(self, oid: int, row: Row) -> IndexSchema:
        name, definition, method, columns, descending, is_unique, is_partial, is_valid = row
        return IndexSchema(
            name=name,
            definition=definition,
            method=method,
            columns=tuple(columns),
            descending=frozenset(place - 1 for place in descending),
            is_unique=is_unique,
            is_partial=is_partial,
            is_valid=is_valid,
            needs=self._needs("index", oid, name),
        )

    def _policy(self, oid: int, row: Row) -> PolicySchema:
        name, command, is_permissive, roles, using, check = row
        return PolicySchema(
            name=name,
            command=command,
            is_permissive=is_permissive,
            roles=tuple(roles),
            using=using,
            check=check,
            needs=self._needs("policy", oid, name),
        )


def _type(row: Row) -> TypeSchema:
    name, schema, kind, labels, definition, extension, refuses_null, needed = row
    return TypeSchema(
        name=name,
        schema=schema,
        kind=kind,
        labels=tuple(labels),
        definition=definition,
        extension=extension,
        refuses_null=refuses_null,
        needs=frozenset() if needed is None else frozenset({_need(needed)}),
    )


def _by_table(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for oid, *rest in rows:
        found[oid].append(tuple(rest))
    return found


def _name(schema: str | None, name: str | None) -> TableName | None:
    return TableName(schema, name) if schema is not None and name is not None else None


def _need(text: str) -> Need:
    kind, _, identity = text.partition(" ")
    return ("table", str(TableName.parse(identity))) if kind == "relation" else (kind, identity)
