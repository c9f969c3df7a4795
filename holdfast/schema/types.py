"""Types of columns that a store makes for itself: enums and domains are added, others are named."""

from collections.abc import Iterator
from dataclasses import replace

from holdfast.schema.findings import Finding
from holdfast.schema.model import Need, StoreSchema, TypeSchema
from holdfast.schema.sides import Pair
from holdfast.schema.steps import Name, Part, Raw, Statement, Step, Value


def compare_types(pair: Pair) -> Iterator[Finding]:
    """Types that the model's columns use and the target lacks or has otherwise."""
    for name in sorted(_used(pair.model)):
        kind = pair.model.types[name]
        other = pair.target.types.get(name)
        if other is None and ("type", name) not in pair.target.offers:
            yield _missing(pair, kind)
        elif other is not None and kind.kind == "enum" == other.kind:
            yield from _labels(pair, kind, other)
        elif other is not None and (kind.kind, kind.definition) != (other.kind, other.definition):
            yield _differs(pair, kind, _said(kind), _said(other))


def _used(model: StoreSchema) -> set[str]:
    """Types of columns, and those that domains among them are made of."""
    wanted: set[Need] = {need for table in model.tables.values() for column in table.columns for need in column.needs}
    found: set[str] = set()
    while fresh := {name for kind, name in wanted if kind == "type" and name in model.types} - found:
        found |= fresh
        wanted = set().union(*(model.types[name].needs for name in fresh))
    return found


def schema_steps(pair: Pair, schema: str) -> Iterator[Step]:
    """The step that makes a schema, where the target has it not."""
    if schema not in pair.target.schemas:
        yield Step(stage="objects", statement=Statement("schema", {"schema": Name((schema,))}))


def _missing(pair: Pair, kind: TypeSchema) -> Finding:
    finding = _finding(pair, kind, f"the {pair.lacks} has no type {kind.name}")
    provides = frozenset({("type", kind.name)})
    if kind.kind == "enum":
        labels = tuple(Value(label) for label in kind.labels)
        statement = Statement("enum", {"type": Raw(kind.name), "labels": labels})
    elif kind.kind == "domain":
        statement = Statement("domain", {"type": Raw(kind.name), "definition": Raw(kind.definition)})
    elif kind.extension:
        advice = Statement("extension", {"extension": Name((kind.extension,))})
        said = f"the {pair.lacks} has no type {kind.name}: it comes with the extension {kind.extension}"
        return replace(finding, sentence=said, left="an extension is for a person to install", advice=(advice,))
    else:
        return replace(finding, left="only enums and domains are made; make it by hand")
    step = Step(stage="objects", statement=statement, needs=kind.needs, provides=provides)
    return replace(finding, steps=(*schema_steps(pair, kind.schema), step))


def _labels(pair: Pair, kind: TypeSchema, other: TypeSchema) -> Iterator[Finding]:
    """Labels that the target lacks, each put beside one it has; and whether the common ones are in one order."""
    there = list(other.labels)
    for place, label in enumerate(kind.labels):
        if label in there:
            continue
        said = f"type {kind.name}: the {pair.lacks} has no label {label}"
        yield replace(_finding(pair, kind, said), name=label, steps=(_label_step(kind, place, label, there),))
        before = kind.labels[place - 1] if place else None
        there.insert(there.index(before) + 1 if before in there else 0, label)
    common = [label for label in kind.labels if label in other.labels]
    if common != [label for label in other.labels if label in kind.labels]:
        yield _differs(pair, kind, ", ".join(kind.labels), ", ".join(other.labels))


def _label_step(kind: TypeSchema, place: int, label: str, there: list[str]) -> Step:
    parts: dict[str, Part] = {"type": Raw(kind.name), "label": Value(label)}
    if place:
        # Every label before this one is there by now.
        parts["neighbour"] = Value(kind.labels[place - 1])
        return Step(stage="labels", statement=Statement("label_after", parts))
    if not there:
        return Step(stage="labels", statement=Statement("label", parts))
    parts["neighbour"] = Value(there[0])
    return Step(stage="labels", statement=Statement("label_before", parts))


def _differs(pair: Pair, kind: TypeSchema, ours: str, theirs: str) -> Finding:
    said = f"type {kind.name}: {ours} in the {pair.has}, {theirs} in the {pair.lacks}"
    return replace(_finding(pair, kind, said), side=None, left="what is there is never altered")


def _said(kind: TypeSchema) -> str:
    return f"{kind.kind} {kind.definition or ', '.join(kind.labels)}".strip()


def _finding(pair: Pair, kind: TypeSchema, sentence: str) -> Finding:
    return Finding(kind="data type", table=kind.name, name=kind.name, side=pair.target.side, sentence=sentence)
