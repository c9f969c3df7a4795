"""What would make two stores agree: a frozen plan that is looked at before it is applied. Making it changes nothing."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from holdfast.consistency.plan_rows import (
    VERBS,
    Action,
    Direction,
    Unrepaired,
    Verb,
    action_document,
    actions_from,
    key_from,
    unrepaired_document,
    unrepaired_from,
)
from holdfast.consistency.reports import key_document
from holdfast.consistency.tables import LABELS, OTHER, Authority, ComparedTable, Key, Side
from holdfast.errors import PlanError

# Raised when a plan means something else than it did: an older one is refused.
FORMAT: Final = 1
_KIND: Final = "holdfast repair plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What is done about the rows of one table.

    Attributes:
        declared: the table, and how it is compared.
        direction: which stores may be written.
        seed: that the hashes of the rows depend on.
        digest: of how the tables are compared; another one, and the hashes say nothing.
        union_rows: rows that at least one store has.
        margin_s: instants no further apart than this decided nothing.
        left: rows that a rule leaves as they are.
        undecided: rows that no rule decides.
        in_flux: rows that were being written: never repaired.
        in_flux_count: how many there were; more than ``in_flux`` where that is cut.
        form_only_count: rows that mean the same in another form: never repaired.
        is_cut: whether there are differences beyond those listed here.
        notes: sentences on what the comparison left out.
    """

    declared: ComparedTable
    authority: Authority
    direction: Direction
    may_delete: bool
    seed: int
    digest: str
    union_rows: int
    margin_s: float
    actions: tuple[Action, ...] = ()
    left: tuple[Unrepaired, ...] = ()
    undecided: tuple[Unrepaired, ...] = ()
    in_flux: tuple[Key, ...] = ()
    in_flux_count: int = 0
    form_only_count: int = 0
    is_cut: bool = False
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """Its name, with the schema where that is not public."""
        return str(self.declared.table)

    @property
    def counts(self) -> Mapping[tuple[Verb, Side], int]:
        """Rows by action and store, those that occur."""
        counted = Counter((one.verb, one.into) for one in self.actions)
        order: Sequence[Side] = ("a", "b")
        return {(verb, side): counted[verb, side] for side in order for verb in VERBS if counted[verb, side]}

    def __str__(self) -> str:
        parts = [f"{n} {_plural(verb, n)} {_preposition(verb)} {side}" for (verb, side), n in self.counts.items()]
        parts += [f"{len(self.undecided)} undecided"] if self.undecided else []
        parts += [f"{len(self.left)} left"] if self.left else []
        parts += [f"{self.in_flux_count} in flux"] if self.in_flux_count else []
        parts += [f"{self.form_only_count} in another form only"] if self.form_only_count else []
        parts += ["more than was listed differs: plan again after this"] if self.is_cut else []
        return f"{self.table}: {', '.join(parts) or 'nothing to do'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """Tables, and the two databases it was made for.

    Attributes:
        stores: identity of the database of each store; applied to another, the plan is refused.
        planned_at: when, as ISO text in UTC.
    """

    tables: tuple[TablePlan, ...]
    stores: Mapping[Side, str]
    planned_at: str
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def action_count(self) -> int:
        """Rows that would be written."""
        return sum(len(table.actions) for table in self.tables)

    @property
    def open_count(self) -> int:
        """Rows that differ and would stay so."""
        return sum(len(table.undecided) + len(table.left) for table in self.tables)

    @property
    def sha256(self) -> str:
        """Of all it says: what an operator confirms."""
        return hashlib.sha256(_canonical(_body(self)).encode()).hexdigest()

    @property
    def repair_id(self) -> str:
        """What the journal and the log call applying it: the same again where it is applied again."""
        return self.sha256[:16]

    def __str__(self) -> str:
        lines = [str(table) for table in self.tables] or ["no table"]
        lines += [f"{name}: refused: {reason}" for name, reason in self.refused.items()]
        return "\n".join(lines)

    def to_document(self) -> dict[str, Any]:
        """For a file or a table; ``from_document`` refuses it when it was edited."""
        return _body(self) | {"sha256": self.sha256}

    def to_text(self) -> str:
        """The same as canonical JSON, one line."""
        return _canonical(self.to_document())

    @classmethod
    def from_text(cls, text: str, *, source: str) -> Self:
        """Read a plan.

        Args:
            text: as ``to_text`` wrote it; blanks and the order of names do not matter.
            source: what it is called in an error, e.g. the file's name.

        Raises:
            PlanError: it is no plan, one of another version, or it was edited.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise PlanError(f"{source} is no repair plan: it is no JSON ({error}); nothing was changed") from error
        return cls.from_document(document, source=source)

    @classmethod
    def from_document(cls, document: Any, *, source: str) -> Self:
        """Read a plan from its document. Errors as of ``from_text``."""
        _check(document, source)
        try:
            plan = cls(
                tables=tuple(_table_from(one) for one in document["tables"]),
                stores=dict(document["stores"]),
                planned_at=document["planned_at"],
                refused=dict(document["refused"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PlanError(f"{source} is damaged: {error!r}; nothing was changed. Make a new plan") from error
        if plan.sha256 != document.get("sha256"):
            raise PlanError(
                f"{source} was edited after it was made: its sha256 is {plan.sha256}, it says "
                f"{document.get('sha256')}; nothing was changed. Make a new plan"
            )
        return plan


def confirm(plan: RepairPlan, sha256: str, *, source: str) -> None:
    """Refuse a plan that is not the one an operator looked at.

    Raises:
        PlanError: the hashes differ.
    """
    if sha256.strip().lower() != plan.sha256:
        raise PlanError(
            f"{source}: expected the confirmation {plan.sha256}, found {sha256}; nothing was changed. "
            "Look at the plan, then confirm the sha256 that it shows"
        )


def demand_same_stores(plan: RepairPlan, found: Mapping[Side, str]) -> None:
    """Refuse to apply a plan to databases it was not made for.

    Raises:
        PlanError: one of them is another.
    """
    for side, expected in plan.stores.items():
        if found[side] != expected:
            swapped = " The two stores are swapped." if found[side] == plan.stores[OTHER[side]] else ""
            raise PlanError(
                f"the plan was made for another {LABELS[side]}: expected {expected}, found {found[side]}; nothing was "
                f"changed.{swapped} Check --a and --b (DATABASE_URL, SUPABASE_DB_URL), or make a new plan"
            )


def _check(document: Any, source: str) -> None:
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise PlanError(f"{source} is no repair plan; nothing was changed. holdfast consistency plan makes one")
    if document.get("format") != FORMAT:
        raise PlanError(
            f"{source} is a plan of format {document.get('format')}, this Holdfast reads format {FORMAT}; nothing was "
            "changed. Make a new plan"
        )


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _body(plan: RepairPlan) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "format": FORMAT,
        "planned_at": plan.planned_at,
        "stores": dict(plan.stores),
        "refused": dict(plan.refused),
        "tables": [_table_document(table) for table in plan.tables],
    }


def _table_document(plan: TablePlan) -> dict[str, Any]:
    return {
        "table": plan.table,
        "declared": _declared_document(plan.declared),
        "authority": plan.authority,
        "direction": plan.direction,
        "may_delete": plan.may_delete,
        "seed": str(plan.seed),
        "digest": plan.digest,
        "union_rows": plan.union_rows,
        # As text: a program that reads numbers as floating point would round these, and the hashes.
        "margin_s": repr(float(plan.margin_s)),
        "actions": [action_document(one) for one in plan.actions],
        "left": [unrepaired_document(one) for one in plan.left],
        "undecided": [unrepaired_document(one) for one in plan.undecided],
        "in_flux": [key_document(key) for key in plan.in_flux],
        "in_flux_count": plan.in_flux_count,
        "form_only_count": plan.form_only_count,
        "is_cut": plan.is_cut,
        "notes": list(plan.notes),
    }


def _table_from(document: Mapping[str, Any]) -> TablePlan:
    plain = {
        name: document[name] for name in ("authority", "direction", "may_delete", "digest", "union_rows", "is_cut")
    }
    return TablePlan(
        **plain,
        declared=_declared_from(document["declared"]),
        seed=int(document["seed"]),
        margin_s=float(document["margin_s"]),
        actions=tuple(actions_from(document["actions"])),
        left=tuple(unrepaired_from(document["left"])),
        undecided=tuple(unrepaired_from(document["undecided"])),
        in_flux=tuple(key_from(key) for key in document["in_flux"]),
        in_flux_count=document["in_flux_count"],
        form_only_count=document["form_only_count"],
        notes=tuple(document["notes"]),
    )


def _declared_document(declared: ComparedTable) -> dict[str, Any]:
    return {
        "name": declared.name,
        "key": list(declared.key),
        "ignore": list(declared.ignore),
        "updated_at": declared.updated_at,
        "meanings": dict(declared.meanings),
        "zone": declared.zone,
    }


def _declared_from(document: Mapping[str, Any]) -> ComparedTable:
    return ComparedTable(
        name=document["name"],
        key=tuple(document["key"]),
        ignore=tuple(document["ignore"]),
        updated_at=document["updated_at"],
        meanings=dict(document["meanings"]),
        zone=document["zone"],
    )


def _plural(verb: Verb, count: int) -> str:
    return verb if count == 1 else f"{verb}s"


def _preposition(verb: Verb) -> str:
    return {"insert": "into", "update": "in", "delete": "from"}[verb]
