"""Sequences that fill columns: moved past what was inserted."""

from collections.abc import Sequence

from holdfast.consistency.tables import LABELS
from resources.postgres import Transaction
from resources.repair import statements
from resources.repair.writes import Write
from resources.tables import hashing


def move_sequences(db: Transaction, done: Sequence[Write]) -> list[str]:
    """Move sequences past the values that were inserted; sentences on those that this role may not move."""
    notes = []
    shapes = {one.shape.name: one.shape for one in done if one.verb == "insert"}
    for shape in shapes.values():
        rows = [one for one in done if one.verb == "insert" and one.shape.name == shape.name]
        for sequence in shape.sequences:
            values = [int(text) for one in rows if (text := (one.values or {}).get(sequence.column)) is not None]
            if not values:
                continue
            if not sequence.may_move:
                notes.append(
                    f"{sequence.name} in the {LABELS[shape.side]} was not moved past {max(values)}: this role may not; "
                    "the next insert there may meet a key that is taken"
                )
                continue
            value = max(values) if sequence.step > 0 else min(values)
            statement = statements.composed("move_sequence", sequence=hashing.relation(sequence.name))
            db.composed_rows(statement, value=value, step=sequence.step)
    return notes
