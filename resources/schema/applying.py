"""Carrying out a plan: only the one that was looked at, and only while it still fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.consistency.tables import LABELS, Side
from holdfast.errors import HoldfastError, PermanentError
from holdfast.schema.planning import Plan
from holdfast.schema.steps import STAGES, Step
from resources.schema.looking import Look, Wanted, look
from resources.schema.writing import written
from resources.stores import Store, Stores

# Reading every row of a large table against a new constraint takes its time.
TIMEOUT_S: Final = 3600.0
_TOGETHER: Final = frozenset({"labels", "objects", "constraints"})
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of the plan of one store.

    Attributes:
        done: statements that are committed.
        failed: the one that failed, with ``error``; None where all went well.
        undone: those that were not begun, or rolled back with it.
    """

    side: Side
    done: tuple[str, ...] = ()
    failed: str | None = None
    error: HoldfastError | None = None
    undone: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What was done and what was not, in words."""
        head = f"{LABELS[self.side]}: {len(self.done)} of {len(self.done) + len(self.undone)} statements are done"
        if self.failed is None:
            return head
        leftover = (
            " The index it was building is left invalid: the next plan names it, with the remedy."
            if " concurrently " in self.failed
            else ""
        )
        kept = f" Done: {_several(self.done)}." if self.done else ""
        return (
            f"{head}; failed: {_short(self.failed)}: {str(self.error).rstrip('.')}.{leftover}{kept} "
            f"Not done: {_several(self.undone)}. Plan again: what is done is not in the new plan."
        )


def apply(stores: Stores, wanted: Wanted, confirm: str, *, timeout_s: float = TIMEOUT_S) -> list[Applied]:
    """Read both schemas again and, if the plan is still the one that was confirmed, carry it out.

    Args:
        stores: both of them.
        wanted: as the plan was made with.
        confirm: hash of the plan that a person looked at.
        timeout_s: longest time for one statement.

    Returns:
        One entry per store; it ends with the first that failed. Where nothing is left to do, nothing is done.

    Raises:
        PermanentError: the plan no longer fits, or this role may not alter one of its tables; nothing was changed.
        TransientError: a store is away; nothing was changed.
    """
    found = look(stores, wanted)
    if found.statements:
        _check(found, confirm)
    applied: list[Applied] = []
    for plan in found.plans:
        applied.append(_carry_out(stores.of(plan.side), plan, timeout_s))
        if applied[-1].error:
            break
    return applied


def raise_failed(applied: Sequence[Applied]) -> None:
    """Raise what stopped an application, with all that was done and was not.

    Raises:
        HoldfastError: of the kind that stopped it.
    """
    for one in applied:
        if one.error is not None:
            raise type(one.error)("; ".join(map(str, applied))) from one.error


def _check(found: Look, confirm: str) -> None:
    if confirm != found.sha256:
        raise PermanentError(
            f"the plan that was confirmed ({confirm[:12] or 'none'}…) is not what the stores need now "
            f"({found.sha256[:12]}…: {'; '.join(map(str, found.plans))}); nothing was changed. "
            f"Look at the new plan and confirm its sha256: {found.sha256}"
        )
    for plan in found.plans:
        if plan.not_owned:
            raise PermanentError(
                f"this role does not own these tables of the {LABELS[plan.side]}, so it cannot alter them: "
                f"{', '.join(plan.not_owned)}; nothing was changed. Apply with the URL of their owner"
            )


def _carry_out(store: Store, plan: Plan, timeout_s: float) -> Applied:
    done: list[str] = []
    units = _units(plan)
    for place, unit in enumerate(units):
        begun: list[str] = []
        try:
            _run(store, unit, timeout_s, begun)
        except HoldfastError as error:
            left = tuple(written(step.statement) for later in units[place:] for step in later)
            failed = begun[-1] if begun else left[0]
            return Applied(side=plan.side, done=tuple(done), failed=failed, error=error, undone=left)
        done += begun
    return Applied(side=plan.side, done=tuple(done))


def _units(plan: Plan) -> list[tuple[Step, ...]]:
    """What is done or not done together."""
    units: list[tuple[Step, ...]] = []
    for stage in STAGES:
        steps = plan.of(stage)
        units += [steps] if steps and stage in _TOGETHER else [(step,) for step in steps]
    return units


def _run(store: Store, unit: Sequence[Step], timeout_s: float, begun: list[str]) -> None:
    """Run statements together, each named in ``begun`` before it is sent."""
    if unit[0].stage == "indexes":
        with store.postgres.autocommit() as connection:
            begun.append(written(unit[0].statement))
            connection.execute(begun[-1].encode())
        return
    with store.writing(timeout_s=timeout_s) as db:
        for step in unit:
            begun.append(written(step.statement))
            db.script(begun[-1])


def _several(statements: Sequence[str]) -> str:
    return "; ".join(_short(one) for one in statements)


def _short(statement: str) -> str:
    line = " ".join(statement.split()).rstrip(";")
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
