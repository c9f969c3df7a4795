"""Two stores as a comparison looks at them: the model has something, the target is asked whether it has it too."""

from dataclasses import dataclass

from holdfast.consistency.tables import LABELS, TableName
from holdfast.schema.model import StoreSchema
from holdfast.schema.steps import Name, Raw, Statement


@dataclass(frozen=True, slots=True)
class Pair:
    """Both stores, seen from one of them."""

    model: StoreSchema
    target: StoreSchema

    @property
    def has(self) -> str:
        """``primary`` or ``secondary``: the model."""
        return LABELS[self.model.side]

    @property
    def lacks(self) -> str:
        """The target."""
        return LABELS[self.target.side]

    @property
    def reverse(self) -> "Pair":
        """The same two, seen from the other."""
        return Pair(self.target, self.model)

    def is_taken(self, schema: str, name: str) -> bool:
        """Whether the target has a table, index or sequence of this name."""
        return TableName(schema, name) in self.target.relations


def named(table: TableName) -> Name:
    """A table's identifier."""
    return Name((table.schema, table.name))


def quoted(table: TableName) -> str:
    """The same as the text of a literal."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in (table.schema, table.name))


def clause(template: str, expression: str | None) -> Statement | None:
    """A piece of a statement around an expression, None where there is none."""
    return None if expression is None else Statement(template, {"expression": Raw(expression)})
