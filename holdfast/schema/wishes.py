"""What a deployment wishes of a table in both stores, whatever the other store has."""

from dataclasses import dataclass
from typing import Final

from holdfast.consistency.tables import TableName

# Where an application tells who its user is, on a server that has no auth.uid(): set local app.user_id = '…'.
USER_SETTING: Final = "app.user_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexWish:
    """An ordered index that queries need.

    Attributes:
        name: what it is called where it has to be made; an index of another name over the same columns will do.
        columns: in the order of the index.
        descending: those of them that are sorted downwards.
    """

    name: str
    columns: tuple[str, ...]
    descending: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaWish:
    """What must hold for one table in both stores.

    Attributes:
        name: ``Story`` or ``schema.name``, as written in the catalogue.
        owner_column: column with the id of the user who sees the row; None where rows belong to nobody.
        indexes: that must exist.
    """

    name: str
    owner_column: str | None = "user_id"
    indexes: tuple[IndexWish, ...] = ()

    @property
    def table(self) -> TableName:
        """Its name, split."""
        return TableName.parse(self.name)
