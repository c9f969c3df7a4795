"""What links look like in the UI."""

from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

from assets.baselines.telling import paragraphs
from holdfast.media.items import CLASSES, printable_url
from holdfast.media.links import LinksReport, OddLink
from holdfast.plots import stack_chart

SERVERS: Final = ("origin", "drive", "folder", "s3")
NOBODY: Final = "nobody"
_REST: Final = "select * from public.media_access_url"

_SHOWN: Final = dg.TableSchema(
    [
        dg.TableColumn("file", "string", "Class, table and id of its row"),
        dg.TableColumn("served_by", "string", "Whose URL is to be used now"),
        dg.TableColumn("url", "string", "That URL; of a file that cannot be had, its link"),
        dg.TableColumn("the_link_says", "string", "What its origin said when it was asked last"),
        dg.TableColumn("asked_at", "string", "When that was, UTC"),
        dg.TableColumn("deadline_at", "string", "From then on the link may be dead, UTC"),
    ]
)


def told(report: LinksReport) -> dict[str, Any]:
    """Metadata of a materialization; the files of all servers and of nobody are all files."""
    return {
        "what": paragraphs(sentences(report), nothing="Every link answers.", rest=_REST),
        "who_serves": dg.MetadataValue.md(stack_chart(_stacks(report), (*SERVERS, NOBODY))),
        "switched": records(report.switched),
        "dagster/row_count": report.files,
        "files": report.files,
        **{f"files_by_{one}": report.files_by(one) for one in SERVERS},
        "unreachable_files": report.files_by(""),
        "asked_links": sum(report.asked.values()),
        "answering_links": report.asked["answers"],
        "dead_links": report.asked["gone"],
        "unclear_links": report.asked["unclear"],
        "more_links_are_due": report.has_more,
    }


def sentences(report: LinksReport) -> list[str]:
    """What a person has to know, the worst first."""
    lost = [f"**{_name(one)}** cannot be had anywhere: {one.problem or one.origin_state}" for one in report.unreachable]
    switched = [
        f"**{_name(one)}** is served by the {one.served_by} vault: {one.problem or _silent(one)}"
        for one in report.switched
    ]
    return lost + switched


def records(links: Sequence[OddLink]) -> dg.TableMetadataValue:
    """A line per file."""
    return dg.MetadataValue.table([dg.TableRecord(_record(one)) for one in links], _SHOWN)


def _record(one: OddLink) -> dict[str, str]:
    return {
        "file": _name(one),
        "served_by": one.served_by or NOBODY,
        "url": one.url if one.served_by else printable_url(one.url),
        "the_link_says": one.problem or one.origin_state,
        "asked_at": f"{one.origin_checked_at:%Y-%m-%d %H:%M:%S}" if one.origin_checked_at else "",
        "deadline_at": f"{one.deadline_at:%Y-%m-%d %H:%M:%S}",
    }


def _name(one: OddLink) -> str:
    return f"{one.media_class} {one.source_table}/{one.source_id}"


def _silent(one: OddLink) -> str:
    return f"its link was good until {one.deadline_at:%Y-%m-%d %H:%M} UTC and was not seen to answer lately"


def _stacks(report: LinksReport) -> dict[str, dict[str, float]]:
    return {
        media_class: {by or NOBODY: count for (of, by), count in report.served.items() if of == media_class}
        for media_class in CLASSES
    }
