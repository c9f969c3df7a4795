"""The first pass: every asset materialized once, in order, with a line for each and a table at the end."""

import contextlib
import io
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import dagster as dg
from rich.console import Console, JustifyMethod
from rich.table import Table

from orchestration.runs import Say

_WIDEST: Final = 100
_WORD_AT: Final = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one materialization came to.

    Attributes:
        rows: as its metadata says; None where it says nothing of rows.
        checks_failed: names of checks that did not pass.
        is_blocked: whether one of these was a blocking one.
        error: None when the asset was materialized.
    """

    asset: str
    seconds: float
    rows: int | None = None
    table: str | None = None
    checks_passed: int = 0
    checks_failed: Sequence[str] = ()
    is_blocked: bool = False
    error: str | None = None
    skipped: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether the asset is there and nothing that blocks is wrong with it."""
        return self.error is None and not self.is_blocked

    def __str__(self) -> str:
        """One progress line."""
        head = f"{self.asset} ".ljust(_WORD_AT, "·")
        if self.skipped:
            return f"{head} skipped: {self.skipped}"
        if self.error and not self.is_blocked:
            return f"{head} FAILED, {self.seconds:.2f} s: {self.error}"
        parts = [] if self.rows is None else [f"{self.rows:,} {'row' if self.rows == 1 else 'rows'}"]
        parts.append(f"{self.seconds:.2f} s")
        if self.checks_passed:
            parts.append(f"{self.checks_passed} {'check' if self.checks_passed == 1 else 'checks'} passed")
        if self.checks_failed:
            kind = "BLOCKING CHECK FAILED" if self.is_blocked else "check failed"
            parts.append(f"{kind}: {', '.join(self.checks_failed)}")
        return f"{head} {', '.join(parts)}"


def materialize_all(definitions: dg.Definitions, instance: dg.DagsterInstance, log: Path, say: Say) -> list[Outcome]:
    """Materialize every asset once; one that fails does not stop the others.

    Args:
        definitions: what exists.
        instance: where it is recorded.
        log: file that gets what Dagster would print, tracebacks included.
        say: gets one line per asset.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    outcomes = []
    with log.open("a", encoding="utf-8") as into, _quiet(into):
        for keys in _sets(definitions):
            for outcome, warnings in _made(job, instance, definitions, keys, log):
                outcomes.append(outcome)
                for line in (str(outcome), *(f"  warning: {warning}" for warning in warnings)):
                    say(line)
    return outcomes


def show(outcomes: Sequence[Outcome], port: int | None) -> None:
    """Print the summary table."""
    console = Console()
    if not console.is_terminal or console.width > _WIDEST:
        console = Console(width=_WIDEST)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("asset", "rows", "time", "", "table"):
        justify: JustifyMethod = "right" if name in ("rows", "time") else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name != "table")
    for outcome in outcomes:
        rows = "" if outcome.rows is None else f"{outcome.rows:,}"
        table.add_row(outcome.asset, rows, f"{outcome.seconds:.2f} s", _word(outcome), outcome.table or "")
    console.print()
    console.print(table)
    where = f"http://127.0.0.1:{port}/assets/<asset>" if port else "in the UI, which make run serves"
    console.print(f"\nLook at an asset: {where}", highlight=False, markup=False)


def _word(outcome: Outcome) -> str:
    if outcome.skipped:
        return "skipped"
    if outcome.is_blocked:
        return "blocked"
    if outcome.error:
        return "failed"
    return "warned" if outcome.checks_failed else "ok"


def _sets(definitions: dg.Definitions) -> Iterator[list[dg.AssetKey]]:
    """Assets in the order of their dependencies; those that one step makes stay together."""
    graph = definitions.resolve_asset_graph()
    seen: set[dg.AssetKey] = set()
    for key in graph.toposorted_asset_keys:
        if key in graph.materializable_asset_keys and key not in seen:
            together = sorted(graph.get(key).execution_set_asset_keys)
            seen.update(together)
            yield together


def _made(
    job: dg.JobDefinition, instance: dg.DagsterInstance, definitions: dg.Definitions, keys: list[dg.AssetKey], log: Path
) -> Iterator[tuple[Outcome, list[str]]]:
    """All of an asset; of one in parts, each part that is always there, or the newest of those that time brings."""
    partitions = definitions.resolve_asset_graph().get(keys[0]).partitions_def
    if isinstance(partitions, dg.StaticPartitionsDefinition):
        for part in partitions.get_partition_keys():
            outcome, warnings = _materialize(job, instance, keys, part, log)
            yield replace(outcome, asset=f"{outcome.asset} {part}"), warnings
        return
    newest = partitions.get_last_partition_key() if partitions else None
    if partitions and newest is None:
        yield Outcome(asset=_name(keys), seconds=0, skipped="it has no partition yet"), []
    else:
        yield _materialize(job, instance, keys, newest, log)


def _name(keys: Sequence[dg.AssetKey]) -> str:
    return ", ".join(key.to_user_string() for key in keys)


def _materialize(
    job: dg.JobDefinition, instance: dg.DagsterInstance, keys: list[dg.AssetKey], partition_key: str | None, log: Path
) -> tuple[Outcome, list[str]]:
    name = _name(keys)
    began_s = time.monotonic()
    try:
        result = job.execute_in_process(
            instance=instance, asset_selection=keys, partition_key=partition_key, raise_on_error=False
        )
    except Exception as error:
        logging.getLogger(__name__).exception("%s could not be run", name)
        return Outcome(asset=name, seconds=time.monotonic() - began_s, error=f"{_line(error)} (see {log})"), []
    if _was_interrupted(result):
        raise KeyboardInterrupt
    return _outcome(name, result, time.monotonic() - began_s, log), _warnings(instance, result.run_id)


def _outcome(name: str, result: dg.ExecuteInProcessResult, seconds: float, log: Path) -> Outcome:
    metadata: dict[str, Any] = {}
    for event in result.get_asset_materialization_events():
        metadata |= {key: entry.value for key, entry in event.materialization.metadata.items()}
    checks = result.get_asset_check_evaluations()
    failed = [check for check in checks if not check.passed]
    return Outcome(
        asset=name,
        seconds=seconds,
        rows=_rows(metadata),
        table=metadata.get("dagster/table_name") or _declared_table(result, name),
        checks_passed=len(checks) - len(failed),
        checks_failed=[check.check_name for check in failed],
        is_blocked=any(check.blocking and check.severity == dg.AssetCheckSeverity.ERROR for check in failed),
        error=None if result.success else f"{_reason(result)} (see {log})",
    )


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a signal came: while an asset is made, Dagster takes it and makes a failed step of it."""
    if result.dagster_run.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING):
        return True
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return any(error is not None and error.cls_name == "DagsterExecutionInterruptedError" for error in errors)


def _declared_table(result: dg.ExecuteInProcessResult, name: str) -> str | None:
    with contextlib.suppress(KeyError):
        node = result.job_def.asset_layer.asset_graph.get(dg.AssetKey.from_user_string(name))
        value = node.metadata.get("dagster/table_name")
        return None if value is None else str(getattr(value, "value", value))
    return None


def _rows(metadata: Mapping[str, Any]) -> int | None:
    names = ["dagster/row_count", *(name for name in metadata if name.endswith("_rows"))]
    return next((int(metadata[name]) for name in names if isinstance(metadata.get(name), int)), None)


def _reason(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            # The step's own error says "error while executing op"; what people need is the cause under it.
            while error and error.cause:
                error = error.cause
            return _one(error.message) if error else "no reason given"
    return "the run failed before the asset began"


def _warnings(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    entries = instance.all_logs(run_id)
    return [_one(entry.user_message) for entry in entries if entry.level == logging.WARNING and not entry.dagster_event]


def _line(error: BaseException) -> str:
    return _one(str(error)) or type(error).__name__


def _one(text: str) -> str:
    return " ".join(text.split())


@contextlib.contextmanager
def _quiet(into: io.TextIOBase | Any) -> Iterator[None]:
    """Dagster's console logging goes to a file: people get one line per asset."""
    with contextlib.redirect_stderr(into):
        yield
