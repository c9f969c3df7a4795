"""One row that is written, and what becomes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from holdfast.consistency.journals import Image
from holdfast.consistency.plan_rows import Action, Verb
from holdfast.consistency.repairs import Code
from holdfast.consistency.sides import Hashes
from holdfast.consistency.tables import Key
from resources.postgres import Transaction
from resources.repair.shapes import Shape


@dataclass(slots=True, eq=False, kw_only=True)
class Write:
    """One row to be written.

    Attributes:
        key: as people are told it.
        key_columns: that identify the row in the store that is written.
        at: their text there.
        before: the row, whole, None where there is none.
        values: what is to be stored, None where the row goes; of a row that is there only what may change.
        action: of the plan that this carries out.
        wanted: hashes that the row must have in the end, where they are known.
        after: the row as it became, whole.
    """

    shape: Shape
    verb: Verb
    key: Key
    key_columns: tuple[str, ...]
    at: Key
    before: Image | None
    values: Image | None
    reason: str
    action: Action | None = None
    had: Hashes | None = None
    wanted: Hashes | None = None
    after: Image | None = None

    def changes(self) -> tuple[str, ...]:
        """Columns whose text is another one; the key, and what the server alone may fill, stay."""
        before, values = self.before or {}, self.values or {}
        return tuple(
            name
            for name, text in values.items()
            if before.get(name) != text and name not in self.key_columns and self.shape.column(name).identity != "a"
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row was not written."""

    code: Code
    detail: str


Failed = list[tuple[Write, Failure]]
Verify = Callable[[Transaction, Sequence[Write]], Failed]


@dataclass(frozen=True, slots=True)
class Mode:
    """How the rows of one transaction are written.

    Attributes:
        is_silent: whether triggers and foreign keys are silent: keys are looked at by ourselves.
        is_cyclic: whether rows may refer to each other in circles.
    """

    is_silent: bool = False
    is_cyclic: bool = False


@dataclass(slots=True)
class Written:
    """What became of some writes."""

    done: list[Write] = field(default_factory=list)
    failed: Failed = field(default_factory=list)


def without(writes: Sequence[Write], failed: Failed) -> list[Write]:
    """Those of some writes that did not fail."""
    lost = {id(one) for one, _ in failed}
    return [one for one in writes if id(one) not in lost]
