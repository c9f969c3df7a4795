"""What one store's catalogue says of its tables: names as they are, definitions as the server writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from holdfast.consistency.tables import Side, TableName

# Something a definition needs that is not part of every server: what it is, and its name with its schema.
# E.g. ("type", "public.mood"), ("function", "auth.uid()").
Need = tuple[str, str]
Needs = frozenset[Need]

TableKind = Literal["table", "partitioned", "other"]
ConstraintKind = Literal["primary key", "unique", "foreign key", "check", "exclude"]
Command = Literal["select", "insert", "update", "delete", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSchema:
    """One column.

    Attributes:
        type: as ``format_type`` writes it.
        collation: where it is not its type's own, with its schema.
        default: expression, also of a generated column; None where there is none.
        default_needs: what the default needs besides the type.
        generated: ``s`` stored, ``v`` virtual, or empty.
        identity: ``a`` always, ``d`` by default, or empty.
        sequence: that the column owns and numbers itself by, where it is no identity.
    """

    name: str
    type: str
    is_not_null: bool = False
    collation: str | None = None
    default: str | None = None
    generated: str = ""
    identity: str = ""
    sequence: TableName | None = None
    needs: Needs = frozenset()
    default_needs: Needs = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintSchema:
    """One constraint; a constraint that only says "not null" is its column's.

    Attributes:
        definition: as ``pg_get_constraintdef`` writes it, without "not valid".
        is_validated: whether the rows that were there before it are known to hold it.
        references: the table a foreign key points at, by ``referenced`` columns.
    """

    name: str
    kind: ConstraintKind
    definition: str
    columns: tuple[str, ...] = ()
    is_validated: bool = True
    references: TableName | None = None
    referenced: tuple[str, ...] = ()
    needs: Needs = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSchema:
    """One index that no constraint made.

    Attributes:
        definition: from the method on, as ``pg_get_indexdef`` writes it: neither its name nor its table's.
        columns: of the key in order; None where it is an expression.
        descending: numbers of those that are sorted downwards.
        is_valid: False while it is built, and for ever if building it failed.
    """

    name: str
    definition: str
    method: str = "btree"
    columns: tuple[str | None, ...] = ()
    descending: frozenset[int] = frozenset()
    is_unique: bool = False
    is_partial: bool = False
    is_valid: bool = True
    needs: Needs = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySchema:
    """One row level security policy; the expressions as ``pg_get_expr`` writes them."""

    name: str
    command: Command = "all"
    is_permissive: bool = True
    roles: tuple[str, ...] = ("public",)
    using: str | None = None
    check: str | None = None
    needs: Needs = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSchema:
    """One table.

    Attributes:
        kind: ``other`` is a view, a foreign table, …: its name is all that is looked at.
        partition_key: how it is partitioned.
        parent: the table it is a partition of, and ``bound`` of which rows.
        is_empty: whether it surely holds no row.
        is_owner: whether this role owns it, and so may alter it.
        readers: roles with rights on it that row level security binds.
        triggers: definitions by name.
    """

    name: TableName
    kind: TableKind = "table"
    columns: tuple[ColumnSchema, ...] = ()
    constraints: tuple[ConstraintSchema, ...] = ()
    indexes: tuple[IndexSchema, ...] = ()
    policies: tuple[PolicySchema, ...] = ()
    triggers: Mapping[str, str] = field(default_factory=dict)
    has_row_security: bool = False
    is_forced: bool = False
    partition_key: str | None = None
    parent: TableName | None = None
    bound: str | None = None
    is_empty: bool = False
    is_owner: bool = True
    is_unlogged: bool = False
    readers: tuple[str, ...] = ()

    def column(self, name: str) -> ColumnSchema | None:
        """The column of this name."""
        return next((one for one in self.columns if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeSchema:
    """One type that a column has and not every server knows.

    Attributes:
        name: with its schema, quoted as ``format_type`` does.
        labels: of an enum, in order.
        definition: of a domain, from ``as`` on.
        extension: that it came with.
        refuses_null: whether a row that is there could not get a column of it: not null, and no default.
    """

    name: str
    schema: str
    kind: Literal["enum", "domain", "other"]
    labels: tuple[str, ...] = ()
    definition: str = ""
    extension: str | None = None
    refuses_null: bool = False
    needs: Needs = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSchema:
    """All that is read of one store.

    Attributes:
        version: of the server, e.g. 180004.
        tables: those that were asked for and exist, and their partitions.
        types: of their columns, by name.
        offers: types, functions, … that the store has, to see whether a definition would work there.
        relations: names of every table, index and sequence: what cannot be taken once more.
        has_auth: whether it has ``auth.uid()``, as Supabase does.
    """

    side: Side
    version: int = 180000
    tables: Mapping[TableName, TableSchema] = field(default_factory=dict)
    types: Mapping[str, TypeSchema] = field(default_factory=dict)
    schemas: frozenset[str] = frozenset({"public"})
    roles: frozenset[str] = frozenset()
    offers: Needs = frozenset()
    relations: frozenset[TableName] = frozenset()
    has_auth: bool = False

    @property
    def major(self) -> int:
        """Major version of the server."""
        return self.version // 10_000
