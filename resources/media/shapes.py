"""How the applications' tables are made, as far as media are concerned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from holdfast.consistency.tables import TableName
from resources.postgres import Transaction
from resources.queries import template

# What a row of a video is told of its backup. Kept by name and order: the stores are compared column by column.
BACKUP_COLUMNS: Final[Mapping[str, str]] = {
    "backup_status": "text",
    "backup_drive_url": "text",
    "backup_drive_file_id": "text",
    "backup_storage_url": "text",
    "backup_checksum": "text",
    "backed_up_at": "timestamptz",
    "backup_error": "text",
}
BACKUP_TABLE: Final = "gen_videos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table of the application.

    Attributes:
        table: its name as the catalogue says it.
        types: by column.
        key: the column that is its whole primary key; ``id`` where there is none.
    """

    table: str
    types: Mapping[str, str]
    key: str = "id"

    @property
    def is_told(self) -> bool:
        """Whether its rows have room for what the backup says."""
        return self.key in self.types and BACKUP_COLUMNS.keys() <= self.types.keys()

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        name = TableName.parse(self.table)
        return sql.Identifier(name.schema, name.name)

    def type_of(self, column: str) -> sql.SQL:
        """A column's type, in the server's own words."""
        return sql.SQL(self.types[column])


def read_shape(db: Transaction, table: str) -> Shape | None:
    """How a table is made; None where there is none of this name."""
    name = TableName.parse(table)
    rows = db.rows("media_books/shape", schema=name.schema, name=name.name)
    if not rows:
        return None
    keys = [column for column, _, is_key in rows if is_key]
    return Shape(table=table, types={column: kind for column, kind, _ in rows}, key=keys[0] if keys else "id")


def composed(name: str, **pieces: sql.Composable) -> sql.Composed:
    """The statement or piece of this name of the templates of media, with its own pieces."""
    return sql.SQL(template(f"media/{name}")).format(**pieces)
