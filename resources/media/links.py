"""Where a file can be had now: asking links, keeping what they said, and the one call for programs that show files."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from holdfast.media.items import MediaClass
from holdfast.media.links import Link, LinksReport, OddLink
from resources.postgres import Postgres
from resources.web.origin import Origin, Probed

# Links asked before what they said is written down: what is lost if a run is killed.
_BATCH: Final = 32
# Files that are listed by name, in each list.
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class _Due:
    item_id: int
    url: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a link said, and when, in seconds of the monotonic clock."""

    link: _Due
    said: Probed
    at_s: float


@dataclass(frozen=True, slots=True)
class _Count:
    media_class: MediaClass
    served_by: str
    files: int


def access_url(
    postgres: Postgres, source_table: str, source_id: str, media_class: MediaClass | None = None
) -> Link | None:
    """Where a row's file can be had now; None where it cannot. Asks the books, not the origin.

    Args:
        postgres: the primary.
        source_table: ``gen_videos`` or ``gen_images``, or as the catalogue names it.
        source_id: id of the row, as text.
        media_class: None for the most valuable file of the row that can be had.
    """
    with postgres.transaction() as db:
        found = db.fetch(
            "media_links/best", Link, source_table=source_table, source_id=source_id, media_class=media_class
        )
    return found[0] if found else None


def ask_links(
    postgres: Postgres,
    origin: Origin,
    *,
    most: int = 2000,
    seconds: float = 120.0,
    workers: int = 8,
    again: bool = False,
) -> LinksReport:
    """Ask the links whose last answer is too old, the most pressing first, and write down what they say.

    A second call right after finds nothing to ask.

    Args:
        postgres: the primary.
        origin: asks them.
        most: how many links in this call.
        seconds: no link is asked any more after this long; those that are being asked come to an end.
        workers: how many at once.
        again: also those whose last answer is still good.
    """
    ends_at_s = time.monotonic() + seconds
    with postgres.transaction() as db:
        due = db.fetch("media_links/due", _Due, most=most + 1, again=again)
    asked: Counter[str] = Counter()
    with ThreadPoolExecutor(workers, thread_name_prefix="links") as pool:
        for at in range(0, min(len(due), most), _BATCH):
            if time.monotonic() >= ends_at_s:
                break
            batch = list(pool.map(lambda link: _asked(origin, link), due[at : min(at + _BATCH, most)]))
            _note(postgres, batch)
            asked.update(one.said.state for one in batch)
    return links_now(postgres, asked, has_more=len(due) > asked.total())


def _asked(origin: Origin, link: _Due) -> _Asked:
    said = origin.probe(link.url)
    return _Asked(link, said, time.monotonic())


def _note(postgres: Postgres, batch: Sequence[_Asked]) -> None:
    now_s = time.monotonic()
    with postgres.transaction() as db:
        db.execute(
            "media_links/note",
            item_ids=[one.link.item_id for one in batch],
            urls=[one.link.url for one in batch],
            states=[one.said.state for one in batch],
            problems=[one.said.problem for one in batch],
            ages_s=[now_s - one.at_s for one in batch],
        )


def links_now(postgres: Postgres, asked: Mapping[str, int] | None = None, *, has_more: bool = False) -> LinksReport:
    """Where all files can be had now. Asks no link.

    Args:
        postgres: the primary.
        asked: links that were just asked, by what they said.
        has_more: whether others were due as well.
    """
    with postgres.transaction() as db:
        counts = db.fetch("media_links/counts", _Count)
        return LinksReport(
            asked={state: (asked or {}).get(state, 0) for state in ("answers", "gone", "unclear")},
            has_more=has_more,
            served={(one.media_class, one.served_by): one.files for one in counts},
            switched=db.fetch("media_links/switched", OddLink, most=SHOWN),
            unreachable=db.fetch("media_links/unreachable", OddLink, most=SHOWN),
        )
