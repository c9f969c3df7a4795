"""A server's metrics page: Prometheus text 0.0.4 or OpenMetrics, cut down to what is wanted, then parsed.

A page has hundreds of series and Holdfast wants a few dozen: lines of other families are dropped before the
parser sees them, which is what lets 1000 pages fit into a cycle.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from holdfast.errors import TargetError

# The parser is quadratic in a line's length, and all of a page is parsed at one go.
LINE_LIMIT: Final = 4096
LINES_LIMIT: Final = 20_000
WANTED_LIMIT_CHARS: Final = 4_000_000
NOTES_LIMIT: Final = 5
# Source: Prometheus documentation, "Exposition formats": name, optional labels, value, optional timestamp.
_ANY_SAMPLE: Final = re.compile(r"\n[ \t]*[a-zA-Z_:][a-zA-Z0-9_:]*(?:[ \t]*\{[^\n]*\})?[ \t]+[-+0-9NI]")

Series = tuple[str, tuple[tuple[str, str], ...]]


class Families:
    """The names of the series that are wanted; every other line of a page is skipped unread."""

    def __init__(self, *, gauges: Iterable[str], counters: Iterable[str]) -> None:
        self.counters = frozenset(counters)
        names = sorted(self.counters | frozenset(gauges))
        # A newline in front instead of "^": the search can then jump from line to line.
        self.lines = re.compile(r"\n((?:" + _alternatives(names) + r")[ \t{][^\n]*)")


@dataclass(frozen=True, slots=True)
class Page:
    """What one page said.

    Attributes:
        samples: one per wanted series; what is NaN, infinite or a negative counter is absent.
        notes: in words, what was left out and why; at most ``NOTES_LIMIT`` and a line that counts the rest.
    """

    samples: Sequence[Sample]
    notes: Sequence[str]


def parse_page(body: bytes, content_type: str, families: Families) -> Page:
    """Parse the wanted families of a page.

    Args:
        body: the page, decompressed.
        content_type: the header as it came, or an empty string.
        families: what is wanted.

    Raises:
        TargetError: the page is empty, HTML, no metrics, cut short, or a wanted line breaks the format. As with
            Prometheus, one such line refuses the whole page: half of a server's truth is not its truth.
    """
    text = _text(body, content_type)
    lines = families.lines.findall(text)
    _check_size(lines)
    if not lines and not _ANY_SAMPLE.search(text):
        raise TargetError(f"answered no metrics: no line of the page is one ({content_type or 'no content type'})")
    try:
        families_found = text_string_to_metric_families("\n".join(lines) + "\n")
        samples = [sample for family in families_found for sample in family.samples]
    except (ValueError, IndexError) as error:
        raise TargetError(f"page breaks the metrics format: {str(error)[:200] or 'a line without a value'}") from error
    notes: list[str] = []
    kept = list(_sound(samples, families.counters, notes))
    return Page(kept, shortened(notes))


def series(sample: Sample) -> Series:
    """What tells a sample's series from all others of its server."""
    return sample.name, tuple(sorted(sample.labels.items()))


def shortened(notes: Sequence[str]) -> Sequence[str]:
    """At most ``NOTES_LIMIT`` notes, and one that counts the rest."""
    if len(notes) <= NOTES_LIMIT:
        return tuple(notes)
    return (*notes[:NOTES_LIMIT], f"and {len(notes) - NOTES_LIMIT} more like these")


def _text(body: bytes, content_type: str) -> str:
    """The page as text that starts and ends with a newline."""
    kind = content_type.partition(";")[0].strip().lower()
    head = body[:512].lstrip().lower()
    if "html" in kind or head.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        raise TargetError(f"answered HTML instead of metrics ({kind or 'no content type'})")
    if not head:
        raise TargetError("answered an empty page")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise TargetError(f"answered something that is not text ({kind or 'no content type'})") from error
    if "\0" in text:
        raise TargetError(f"answered something that is not text ({kind or 'no content type'})")
    if kind == "application/openmetrics-text":
        if not text.rstrip().endswith("# EOF"):
            raise TargetError("sent half a page: an OpenMetrics page must end with '# EOF'")
    elif not text.endswith("\n"):
        raise TargetError("sent half a page: its last line has no end")
    return "\n" + text


def _check_size(lines: Sequence[str]) -> None:
    if len(lines) > LINES_LIMIT:
        raise TargetError(f"page has {len(lines)} lines of wanted metrics, at most {LINES_LIMIT} are read")
    longest = max(map(len, lines), default=0)
    if longest > LINE_LIMIT:
        raise TargetError(f"page has a line of {longest} characters, at most {LINE_LIMIT} are read")
    whole = sum(map(len, lines))
    if whole > WANTED_LIMIT_CHARS:
        raise TargetError(f"page has {whole} characters of wanted metrics, at most {WANTED_LIMIT_CHARS} are read")


def _sound(samples: Iterable[Sample], counters: frozenset[str], notes: list[str]) -> Iterator[Sample]:
    seen: set[Series] = set()
    for sample in samples:
        key = series(sample)
        if key in seen:
            notes.append(f"{_spelt(sample)} comes twice; the first is kept")
            continue
        seen.add(key)
        if not math.isfinite(sample.value):
            notes.append(f"{_spelt(sample)} is {sample.value}; not measured")
        elif sample.value < 0 and sample.name in counters:
            notes.append(f"{_spelt(sample)} is a counter and negative; not measured")
        else:
            yield sample


def _spelt(sample: Sample) -> str:
    labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}"[:120] if labels else sample.name


def _alternatives(names: Sequence[str]) -> str:
    """The names as one pattern that shares their first words, so that a miss is seen early."""
    by_word: dict[str, list[str]] = {}
    for name in names:
        word, _, rest = name.partition("_")
        by_word.setdefault(re.escape(word), []).append(re.escape("_" + rest if rest else ""))
    return "|".join(f"{word}(?:{'|'.join(rests)})" for word, rests in by_word.items())
