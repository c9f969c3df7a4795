"""What may be wrong with a declared scenario, said so that its author can mend all of it at once."""

import difflib
import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from holdfast.metrics.catalog import METRIC_NAMES
from holdfast.scenarios.failures import CASCADE, KINDS, SIZELESS
from holdfast.servers.kinds import BY_KIND

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])")
_DURATION_WORDS: Final = 'a duration as "90s", "15m", "6h" or "2d"'
ANY: Final = "@any"
# The history takes nothing older than 35 days: what is learned and what is played must fit.
LONGEST_S: Final = 33 * 86_400
_EVERY_S: Final = (30, 60, 100, 150, 300)
_MOST_TIMES: Final = 100
_TOP: Final = ("description", "learning", "plays", "every", "failure")
_TIMES: Final = ("starts_after", "lasts", "ramp", "recovery", "lag")
_SIZES: Final = ("spreads", "absolute")
_KEYS: Final = ("kind", "server", "metrics", "one_of", *_TIMES, *_SIZES, "times")


def top_mistakes(document: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a scenario as a whole, one sentence each: what was expected, what was found, what to do."""
    for key in document:
        if key not in _TOP:
            yield f"expected one of {', '.join(_TOP)}, found {key!r}; {_meant(key, _TOP)}"
    if not isinstance(document.get("description"), str):
        yield f"description: expected a sentence, found {_shown(document.get('description'))}; say what it shows"
    learning_s, plays_s = seconds_of(document.get("learning")), seconds_of(document.get("plays"))
    if not learning_s or learning_s % 86_400:
        yield f'learning: expected whole days, as "3d", found {_shown(document.get("learning"))}; learning has days'
    if not plays_s or plays_s % 300:
        yield f'plays: expected whole slots of 5 minutes, as "12h", found {_shown(document.get("plays"))}; correct it'
    if (learning_s or 0) + (plays_s or 0) > LONGEST_S:
        yield "learning and plays: expected 33 days or less together, found more; the history takes no older samples"
    if seconds_of(document.get("every", "5m")) not in _EVERY_S:
        known = ", ".join(f"{one}s" for one in _EVERY_S)
        yield f"every: expected one of {known}, found {_shown(document['every'])}; a slot must hold whole cycles"


def entry_mistakes(document: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with its entries, in their order, one sentence each that begins with the entry."""
    entries = document.get("failure")
    if not isinstance(entries, list) or not entries:
        yield f"failure: expected [[failure]] entries, found {_shown(entries)}; add what breaks"
        return
    plays_s = seconds_of(document.get("plays"))
    for number, entry in enumerate(entries, 1):
        yield from (f"{_where(number, entry)}: {words}" for words in _entry_problems(entry, plays_s))


def _entry_problems(entry: Any, plays_s: int | None) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"expected a table, found {_shown(entry)}"
        return
    for key in entry:
        if key not in _KEYS:
            yield f"expected one of {', '.join(_KEYS)}, found {key!r}; {_meant(key, _KEYS)}"
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        yield f"kind: expected one of {', '.join(KINDS)}, found {_shown(kind)}; {_meant(str(kind), KINDS)}"
    yield from _server_problems(entry.get("server"))
    yield from _metric_problems(entry)
    yield from _time_problems(entry, plays_s)
    yield from _size_problems(entry)
    times = entry.get("times", 1)
    if not _is_whole(times) or not 1 <= times <= _MOST_TIMES:
        yield f"times: expected a whole number from 1 to {_MOST_TIMES}, found {_shown(times)}; correct it"
    elif times > 1 and "starts_after" in entry:
        yield f"times: expected 1 beside starts_after, found {times}; take starts_after out to have the seed place them"


def _server_problems(server: Any) -> Iterator[str]:
    choices = server if isinstance(server, list) else [server]
    if not choices or not all(isinstance(one, str) and one for one in choices):
        words = f'a server\'s id, "@db" (any of a kind), "{ANY}", or a list of which the first that is there counts'
        yield f"server: expected {words}, found {_shown(server)}; name one"
        return
    kinds = [f"@{one}" for one in (*BY_KIND, "any")]
    for one in choices:
        if one.startswith("@") and one not in kinds:
            yield f"server: expected one of {', '.join(kinds)}, found {_shown(one)}; {_meant(one, kinds)}"


def _metric_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    given = [key for key in ("metrics", "one_of") if key in entry]
    if entry.get("kind") == CASCADE:
        if given:
            yield f"{given[0]}: a cascade has none, its servers' kinds say what it shows in; take it out"
        return
    if len(given) != 1:
        found = " and ".join(given) or "none"
        yield f"expected either metrics (all of them) or one_of (one is drawn), found {found}; leave one"
    for key in given:
        names = entry[key]
        if not isinstance(names, list) or not names:
            yield f'{key}: expected a list of metrics, as ["cpu_pct"], found {_shown(names)}; name one or more'
            continue
        for name in names:
            if name not in METRIC_NAMES:
                meant = _meant(str(name), METRIC_NAMES)
                yield f"{key}: expected metrics of the catalogue, found {_shown(name)}; {meant}"


def _time_problems(entry: Mapping[str, Any], plays_s: int | None) -> Iterator[str]:
    found = {key: seconds_of(entry[key]) for key in _TIMES if key in entry}
    for key, seconds in found.items():
        if seconds is None:
            yield f"{key}: expected {_DURATION_WORDS}, not negative, found {_shown(entry[key])}; correct it"
    if "lasts" not in entry or found.get("lasts") == 0:
        yield f"lasts: expected {_DURATION_WORDS}, more than none, found {_shown(entry.get('lasts'))}; say how long"
    if "lag" in entry and entry.get("kind") != CASCADE:
        yield f"lag: only a cascade has one, found it with kind {_shown(entry.get('kind'))}; take it out"
    until_s = sum(found.get(key) or 0 for key in ("starts_after", "lasts", "recovery"))
    if plays_s is not None and until_s > plays_s:
        yield (
            f"expected it to be over within the {plays_s / 3600:g} h that the scenario plays, found it ends after "
            f"{until_s / 3600:g} h; raise plays, or let it begin earlier"
        )


def _size_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    given = [key for key in _SIZES if key in entry]
    if entry.get("kind") in SIZELESS:
        if given:
            yield f"{given[0]}: a {entry['kind']} has no size, found {_shown(entry[given[0]])}; take it out"
        return
    if len(given) != 1:
        found = " and ".join(given) or "none"
        yield f"expected either spreads (healthy spreads) or absolute (the metric's unit), found {found}; give one"
    for key in given:
        size = entry[key]
        pair = size if isinstance(size, list) else [size, size]
        if len(pair) != 2 or not all(_is_number(one) for one in pair) or pair[0] > pair[1] or 0 in pair:
            yield f"{key}: expected a number other than 0, or [lowest, highest], found {_shown(size)}; correct it"


def seconds_of(text: Any) -> int | None:
    """Whole seconds of a duration; None for what is none."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    return round(float(match[1]) * _UNITS_S[match[2]]) if match else None


def known_seconds(text: Any) -> int:
    """Whole seconds of a duration that was looked at already."""
    seconds = seconds_of(text)
    if seconds is None:
        raise ValueError(f"{text!r} is no duration")
    return seconds


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _where(number: int, entry: Any) -> str:
    kind = entry.get("kind") if isinstance(entry, dict) else None
    return f"failure {number} ({kind})" if isinstance(kind, str) and kind in KINDS else f"failure {number}"


def _shown(value: Any) -> str:
    text = "none" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _meant(found: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(found, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else "correct it or take it out"
