"""``media_inventory``: every file that expires, and how far its copies are."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import dagster as dg
from pydantic import Field

from assets.baselines.telling import paragraphs
from assets.catalog import MEDIA_SOURCES
from assets.media.tables import GROUP, ITEMS, OWNERS, table
from holdfast.media.items import CLASSES
from holdfast.plots import stack_chart
from resources.media.books import Count, Risk, at_risk, count_items, counts, lost, next_deadline
from resources.media.looking import Look, look_into, never_looked_into, note_spaces
from resources.media.scanning import ScanReport, scan
from resources.media.telling_rows import InLine, bring_in_line
from resources.media.vaults_resource import MediaVaultsResource
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource
from resources.stores_resource import StoresResource

_WAITING: Final = ("pending", "leased", "uploading")
_PARTS: Final = {"verified": ("verified",), "waiting": _WAITING, "failed": ("failed", "expired"), "lost": ("lost",)}
_REST: Final = "holdfast.media_file_copies has every copy with its problem and what to do"


class MediaInventoryConfig(dg.Config):
    """What one run of ``media_inventory`` looks at."""

    look_into_vaults: bool = Field(
        default=False,
        description="List every file of every vault, and tell those that the books do not know and those that are "
        "gone. A vault that was never looked into is listed anyway.",
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "python"},
    metadata=table("media_items", ITEMS),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26)),
)
def media_inventory(
    context: dg.AssetExecutionContext,
    config: MediaInventoryConfig,
    postgres: PostgresResource,
    stores: StoresResource,
    media_vaults: MediaVaultsResource,
) -> dg.MaterializeResult:
    """Every file of the applications' rows that expires: its class, size, deadline, and a state per vault.

    Grain: one row per file; a row that gets another link gets another file, nothing is ever taken out. A second run
    finds what is new since, also what was committed late: it compares, it does not count up. `gen_videos` gets its
    backup columns here, without making anybody wait, and each of its rows is told how its backup is. To see whether the
    vaults hold what the books say, launch with `look_into_vaults: true`.
    """
    began_s = time.monotonic()
    primary = postgres.client()
    found = scan(primary, MEDIA_SOURCES, media_vaults.labels)
    looks, problems = _look(primary, config, media_vaults, context.log.info)
    in_line = bring_in_line(primary, stores.secondary())
    problems = [*found.lines(), *problems, *(one.problem for one in looks if one.problem), *in_line.problems]
    for problem in problems:
        context.log.warning("media: %s", problem)
    with primary.transaction() as db:
        standing, risks, gone, deadline = counts(db), at_risk(db), lost(db), next_deadline(db)
        rows = count_items(db)
    told = _told(found, looks, in_line, standing)
    return dg.MaterializeResult(
        metadata={
            "what": paragraphs(_lines(standing, risks, gone, problems), nothing="There are no files yet.", rest=_REST),
            "plot": dg.MetadataValue.md(_plot(standing)),
            "dagster/row_count": rows,
            **told,
            "at_risk_copies": risks[0].copies if risks else 0,
            "next_deadline": deadline.isoformat() if deadline else "",
            "problems": len(problems),
            "seconds": round(time.monotonic() - began_s, 3),
        }
    )


def _look(
    primary: Postgres, config: MediaInventoryConfig, media_vaults: MediaVaultsResource, say: Any
) -> tuple[list[Look], list[str]]:
    """What was listed, and what the vaults did not say."""
    vaults = media_vaults.open()
    try:
        chosen = list(vaults) if config.look_into_vaults else never_looked_into(primary, vaults)
        looks = look_into(primary, {label: vaults[label] for label in chosen}, lambda line: say("media: %s", line))
        return looks, note_spaces(primary, vaults)
    finally:
        for vault in vaults.values():
            vault.close()


def _lines(
    standing: Sequence[Count], risks: Sequence[Risk], gone: Sequence[Risk], problems: Sequence[str]
) -> list[str]:
    """What matters most comes first: what is lost, what is about to be, what is wrong, how far it is."""
    lines = [f"Lost: {one}" for one in gone[:3]]
    lines += [f"{risks[0].copies} copies are at risk. The first: {risks[0]}"] if risks else []
    lines += problems
    for media_class in CLASSES:
        of_class = [one for one in standing if one.media_class == media_class]
        if of_class:
            files = ", ".join(f"{one.files:,} {one.status}" for one in of_class)
            lines.append(f"{media_class}: {of_class[0].completion_percentage:g} % of the files are safe ({files}).")
    return lines


def _plot(standing: Sequence[Count]) -> str:
    rows: dict[str, dict[str, float]] = {
        name: {
            part: float(sum(one.files for one in standing if one.media_class == name and one.status in states))
            for part, states in _PARTS.items()
        }
        for name in CLASSES
    }
    return stack_chart(rows, list(_PARTS))


def _told(found: ScanReport, looks: Sequence[Look], in_line: InLine, standing: Sequence[Count]) -> dict[str, Any]:
    """The same numbers whatever was found; current files are verified, waiting, failed, expired or lost."""

    def files(*states: str) -> int:
        return sum(one.files for one in standing if one.status in states)

    return {
        "current_files": sum(one.files for one in standing),
        "verified_files": files("verified"),
        "waiting_files": files(*_WAITING),
        "failed_files": files("failed"),
        "expired_files": files("expired"),
        "lost_files": files("lost"),
        "verified_bytes": sum(one.bytes for one in standing if one.status == "verified"),
        "waiting_bytes": sum(one.bytes for one in standing if one.status in _WAITING),
        **{f"complete_pct_{name}": _complete(standing, name) for name in CLASSES},
        "new_files": found.new_items,
        "changed_files": sum(one.changed_items for one in found.sources),
        "superseded_files": sum(one.superseded_items for one in found.sources),
        "new_copies": found.new_copies,
        "malformed_rows": found.malformed_rows,
        "listed_vaults": len(looks),
        "listed_files": sum(one.files for one in looks),
        "stray_files": sum(one.strays for one in looks),
        "missing_files": sum(one.missing for one in looks),
        "added_columns": len(in_line.added_columns),
        "told_rows": in_line.told_rows,
        "untold_rows": in_line.behind_rows - in_line.told_rows,
        "carried_rows": in_line.carried_rows,
    }


def _complete(standing: Sequence[Count], name: str) -> float:
    return next((one.completion_percentage for one in standing if one.media_class == name), 100.0)
