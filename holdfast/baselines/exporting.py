"""Baselines as one document for the vault: gzip JSON with a format version and a checksum over its content."""

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from holdfast.baselines.lending import SeriesKey
from holdfast.baselines.memory import Memory
from holdfast.errors import BaselineVersionError, DamagedBaselineError, PermanentError

WHAT: Final = "holdfast.baselines"
FORMAT: Final = 1
_LEVEL: Final = 6
_UNTOUCHED: Final = "Nothing was changed: choose another export, or export again with this version"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSeries:
    """One series' memory as it travels.

    Attributes:
        server_id: the server.
        metric: the metric.
        version: of the baseline that sums it up.
        unit: the metric's resolution it was learned with: quanta in a unit, units in a quantum.
        memory: what was learned.
        inherited_from: the server's former id, whose memory this was.
    """

    server_id: str
    metric: str
    version: int
    unit: tuple[int, int]
    memory: Memory
    inherited_from: str | None = None

    @property
    def key(self) -> SeriesKey:
        """Server and metric."""
        return self.server_id, self.metric


Replacement = Literal["new", "same", "newer", "older", "other", "unit", "future"]
# What is told of a series in a plan, by what the import would put in the place of what is there.
WORDS: Final[Mapping[Replacement, str]] = {
    "new": "there is none: it would be written",
    "same": "the same is there: nothing to do",
    "newer": "would be replaced by one that has learned more",
    "older": "would be replaced by one that has learned less; what it lacks is then learned from the history",
    "other": "would be replaced by another one that was learned until the same moment",
    "unit": "cannot be taken: it was learned with another resolution of the metric",
    "future": "cannot be taken: it was learned until after now, so nothing would be learned until then",
}


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do, by series. Making it changes nothing.

    Attributes:
        replacements: every series of the export and what it would replace, by server and metric.
    """

    replacements: Mapping[SeriesKey, Replacement]

    @property
    def written(self) -> list[SeriesKey]:
        """The series that would be written."""
        return [key for key, found in self.replacements.items() if found not in ("same", "unit", "future")]

    @property
    def refused(self) -> list[SeriesKey]:
        """The series that cannot be taken."""
        return [key for key, found in self.replacements.items() if found in ("unit", "future")]

    def __str__(self) -> str:
        """One sentence."""
        counts = {word: list(self.replacements.values()).count(word) for word in WORDS}
        parts = [f"{count} {word}" for word, count in counts.items() if count]
        return f"{len(self.replacements)} series: {', '.join(parts) or 'none'}"


def export(series: Iterable[ExportedSeries]) -> bytes:
    """One compressed document; the same series give the same bytes, in whatever order they come."""
    # Series by series: as Python's lists all memories of a large fleet would take gigabytes.
    entries = [_canonical(_entry(one)) for one in sorted(series, key=lambda one: one.key)]
    content = b"[" + b",".join(entries) + b"]"
    head = {"format": FORMAT, "holdfast": WHAT, "sha256": hashlib.sha256(content).hexdigest()}
    return gzip.compress(_canonical(head)[:-1] + b',"series":' + content + b"}", _LEVEL, mtime=0)


def parse_export(data: bytes, name: str) -> list[ExportedSeries]:
    """Read what ``export`` made.

    Raises:
        DamagedBaselineError: the file is cut off, damaged, or something else.
        BaselineVersionError: it was made in another format.
    """
    document = _opened(data, name)
    if document.get("format") != FORMAT:
        raise BaselineVersionError(
            f"{name}: expected format {FORMAT}, found {document.get('format')!r}. {_UNTOUCHED} of Holdfast"
        )
    content = document.get("series")
    if not isinstance(content, list) or _checksum(content) != document.get("sha256"):
        raise DamagedBaselineError(f"{name}: its content does not have the checksum it was written with. {_UNTOUCHED}")
    return [_series(entry, name) for entry in content]


def plan_import(
    exported: Sequence[ExportedSeries],
    stored: Mapping[SeriesKey, Memory | None],
    units: Mapping[str, tuple[int, int]],
    now_s: int,
) -> ImportPlan:
    """Decide what each series of an export would replace.

    Args:
        exported: the export, with the servers' names as they are now.
        stored: the memories there are; None where one cannot be read.
        units: resolution of every metric now.
        now_s: now, in seconds since the epoch.
    """
    found: dict[SeriesKey, Replacement] = {}
    for one in exported:
        if units.get(one.metric) != one.unit:
            found[one.key] = "unit"
        elif one.memory.learned_until_s > now_s:
            found[one.key] = "future"
        else:
            found[one.key] = _replacement(one, stored.get(one.key))
    return ImportPlan(found)


def rename(exported: Sequence[ExportedSeries], renames: Mapping[str, str], name: str) -> list[ExportedSeries]:
    """The export with servers under the names they have now.

    Raises:
        PermanentError: a server to rename is not in the export, or two series would become one.
    """
    servers = sorted({one.server_id for one in exported})
    if strangers := sorted(renames.keys() - set(servers)):
        raise PermanentError(
            f"{name}: it has no server {', '.join(strangers)} to rename; nothing was changed. "
            f"It has: {', '.join(servers)}"
        )
    renamed = [replace(one, server_id=renames.get(one.server_id, one.server_id)) for one in exported]
    if twins := [
        f"{metric} of {server}" for (server, metric), count in Counter(x.key for x in renamed).items() if count > 1
    ]:
        raise PermanentError(
            f"{name}: {', '.join(twins[:5])} would come twice; nothing was changed. Rename differently"
        )
    return renamed


def _replacement(one: ExportedSeries, there: Memory | None) -> Replacement:
    if there is None or there.version == 0:
        return "new"
    if there == one.memory:
        return "same"
    if there.learned_until_s == one.memory.learned_until_s:
        return "other"
    return "newer" if one.memory.learned_until_s > there.learned_until_s else "older"


def _opened(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(gzip.decompress(data))
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise DamagedBaselineError(
            f"{name}: expected gzip-compressed JSON, found {len(data)} bytes that are cut off, damaged or something "
            f"else ({error}). {_UNTOUCHED}"
        ) from None
    if not isinstance(document, dict) or document.get("holdfast") != WHAT:
        raise DamagedBaselineError(f"{name}: it is no export of baselines. {_UNTOUCHED}")
    return document


def _entry(one: ExportedSeries) -> dict[str, Any]:
    return {
        "server_id": one.server_id,
        "metric": one.metric,
        "version": one.version,
        "per_unit": one.unit[0],
        "units_per_quantum": one.unit[1],
        "inherited_from": one.inherited_from,
        "memory": one.memory.to_document(),
    }


def _series(entry: Any, name: str) -> ExportedSeries:
    try:
        return ExportedSeries(
            server_id=str(entry["server_id"]),
            metric=str(entry["metric"]),
            version=int(entry["version"]),
            unit=(int(entry["per_unit"]), int(entry["units_per_quantum"])),
            memory=Memory.from_document(entry["memory"]),
            inherited_from=entry["inherited_from"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedBaselineError(f"{name}: a series in it is not whole ({error!r}). {_UNTOUCHED}") from None


def _checksum(content: Any) -> str:
    return hashlib.sha256(_canonical(content)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
