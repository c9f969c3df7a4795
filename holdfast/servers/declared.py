"""The file of declared servers: TOML text to templates, or everything that is wrong with it at once."""

import difflib
import math
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from holdfast.errors import TemplatesError
from holdfast.servers.kinds import BY_KIND
from holdfast.servers.template import CAPACITIES, DEFAULT_ENVIRONMENT, ServerTemplate
from holdfast.servers.topology import find_cycles

_TEXTS: Final = ("id", "name", "kind", "environment", "region", "renamed_from")
_KEYS: Final = (*_TEXTS, "upstream", "capacity", "labels")
_REQUIRED: Final = ("id", "kind")
_LONGEST: Final = 200


def parse_templates(text: str, known: Collection[str] = (), *, source: str = "servers.toml") -> list[ServerTemplate]:
    """Read declared servers, sorted by id.

    Args:
        text: TOML with one ``[[server]]`` per server; ``server = []`` declares none.
        known: servers that exist without being declared; a declared one may depend on them.
        source: the file's name, for messages.

    Raises:
        TemplatesError: the text is no TOML or an entry is wrong; names every wrong entry, in the order of the file.
    """
    entries = _entries(text, source)
    ids = Counter(entry["id"] for entry in entries if isinstance(entry, dict) and _is_word(entry.get("id")))
    problems: list[str] = []
    templates: list[ServerTemplate] = []
    for number, entry in enumerate(entries, 1):
        found = [f"{_where(number, entry)}: {words}" for words in _entry_problems(entry, ids, known)]
        problems.extend(found)
        if not found:
            templates.append(_template(entry))
    problems.extend(
        f"server {server_id!r}: this id comes {count} times; leave one entry, or rename the others"
        for server_id, count in ids.items()
        if count > 1
    )
    problems.extend(_cycles(entries))
    problems.extend(_renames(templates))
    if problems:
        raise TemplatesError(source, problems)
    return sorted(templates, key=lambda template: template.server_id)


def _entries(text: str, source: str) -> list[Any]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TemplatesError(source, [f"the file is not TOML: {error}"]) from None
    problems = [
        f"{name!r}: expected only [[server]] entries at the top, found this; {_meant(name, ['server'])}"
        for name in document
        if name != "server"
    ]
    entries = document.get("server")
    if not isinstance(entries, list):
        found = (
            "none" if entries is None else "[server], with single brackets" if isinstance(entries, dict) else entries
        )
        problems.append(f"expected [[server]] entries, found {found}; write server = [] to declare no server at all")
    if problems or not isinstance(entries, list):
        raise TemplatesError(source, problems)
    return entries


def _entry_problems(entry: Any, ids: Collection[str], known: Collection[str]) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"expected a table, found {_shown(entry)}"
        return
    for key in entry:
        if key not in _KEYS:
            yield f"expected one of {', '.join(_KEYS)}, found {key!r}; {_meant(key, _KEYS)}"
    for key in _REQUIRED:
        if key not in entry:
            yield f"expected {key} = …, found none; add it"
    for key in _TEXTS:
        if key in entry and not _is_word(entry[key]):
            yield f"{key}: expected text of 1 to {_LONGEST} characters in one line, found {_shown(entry[key])}"
    kind = entry.get("kind")
    if _is_word(kind) and kind not in BY_KIND:
        yield f"kind: expected one of {', '.join(BY_KIND)}, found {_shown(kind)}; {_meant(str(kind), BY_KIND)}"
    yield from _upstream_problems(entry.get("upstream", []), ids, known)
    yield from _capacity_problems(entry.get("capacity", {}))
    yield from _label_problems(entry.get("labels", {}))


def _upstream_problems(upstream: Any, ids: Collection[str], known: Collection[str]) -> Iterator[str]:
    if not isinstance(upstream, list) or not all(_is_word(one) for one in upstream):
        yield f'upstream: expected a list of server ids, as ["db1"], found {_shown(upstream)}'
        return
    for one, count in Counter(upstream).items():
        if count > 1:
            yield f"upstream: {one!r} comes {count} times; leave it once"
        if one not in ids and one not in known:
            yield (
                f"upstream: expected a server that is declared here or was ever sampled, found {one!r}; "
                f"{_meant(one, [*ids, *known])}"
            )


def _capacity_problems(capacity: Any) -> Iterator[str]:
    if not isinstance(capacity, dict):
        yield f"capacity: expected a table [server.capacity], found {_shown(capacity)}"
        return
    for name, value in capacity.items():
        if name not in CAPACITIES:
            yield f"capacity: expected one of {', '.join(CAPACITIES)}, found {name!r}; {_meant(name, CAPACITIES)}"
        elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
            yield f"capacity {name} ({CAPACITIES[name]}): expected a number above 0, found {_shown(value)}"


def _label_problems(labels: Any) -> Iterator[str]:
    if not isinstance(labels, dict):
        yield f"labels: expected a table [server.labels], found {_shown(labels)}"
        return
    for name, value in labels.items():
        if not isinstance(value, str):
            yield f"label {name}: expected text, found {_shown(value)}; put it in quotes"
        elif not (name + value).isprintable():
            yield f"label {_shown(name)}: expected text in one line, found {_shown(value)}"


def _cycles(entries: Iterable[Any]) -> Iterator[str]:
    upstreams = {
        entry["id"]: [one for one in entry.get("upstream", []) if _is_word(one)]
        for entry in entries
        if isinstance(entry, dict) and _is_word(entry.get("id")) and isinstance(entry.get("upstream", []), list)
    }
    for cycle in find_cycles(upstreams):
        yield (
            f"server {cycle[0]!r}: upstream: expected servers that do not depend on it, found the cycle "
            f"{' -> '.join(cycle)}; take one of these dependencies out"
        )


def _renames(templates: Sequence[ServerTemplate]) -> Iterator[str]:
    ids = {template.server_id for template in templates}
    heirs: dict[str, str] = {}
    for template in templates:
        former = template.renamed_from
        if former is None:
            continue
        if former in ids:
            yield f"server {template.server_id!r}: renamed_from: {former!r} is declared as well; remove the old entry"
        if former in heirs:
            yield (
                f"server {template.server_id!r}: renamed_from: {former!r} became {heirs[former]!r} already; "
                "leave one of them"
            )
        heirs[former] = template.server_id
    for template in templates:
        for one in heirs.keys() & set(template.upstream):
            yield f"server {template.server_id!r}: upstream: {one!r} is now {heirs[one]!r}; write the new id"


def _template(entry: Mapping[str, Any]) -> ServerTemplate:
    return ServerTemplate(
        server_id=entry["id"],
        name=entry.get("name", entry["id"]),
        kind=entry["kind"],
        environment=entry.get("environment", DEFAULT_ENVIRONMENT),
        region=entry.get("region"),
        capacity={name: float(value) for name, value in sorted(entry.get("capacity", {}).items())},
        labels=dict(sorted(entry.get("labels", {}).items())),
        upstream=tuple(sorted(entry.get("upstream", []))),
        renamed_from=entry.get("renamed_from"),
    )


def _where(number: int, entry: Any) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    return f"server {_shown(name)}" if _is_word(name) else f"server number {number} of the file"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value == value.strip() and 0 < len(value) <= _LONGEST and value.isprintable()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _meant(found: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(found, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else "correct it or take it out"
