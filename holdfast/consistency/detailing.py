"""What is different about the rows that differ: which columns, and samples of their values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from holdfast.consistency.finding import Pair, chunks
from holdfast.consistency.pairing import READ_TO_TELL, Pairing
from holdfast.consistency.reports import Difference, Kind
from holdfast.consistency.same_json import same_json
from holdfast.consistency.sides import Both
from holdfast.consistency.tables import Key

_BATCH: Final = 500
# Longer documents are not read to tell their meaning: they count as different.
_LONGEST_READ: Final = 20_000
_READ_AT_ONCE: Final = 100
_LONGEST_SAMPLE: Final = 200
# Some columns' values of rows, as text.
Values = Mapping[Key, Sequence[Any]]


@dataclass(slots=True)
class Details:
    """Differences by kind, in the order of their keys."""

    differences: dict[Kind, list[Difference]] = field(default_factory=dict)
    by_column: Counter[str] = field(default_factory=Counter)

    def add(self, difference: Difference) -> None:
        """Take in one difference."""
        self.differences.setdefault(difference.kind, []).append(difference)
        if difference.kind == "mismatched":
            self.by_column.update(difference.columns)

    def of(self, kind: Kind) -> Sequence[Difference]:
        """Differences of one kind."""
        return self.differences.get(kind, ())


def detail(both: Both, pairing: Pairing, confirmed: Mapping[Key, Pair], known_open: frozenset[Key] | None) -> Details:
    """Tell for every confirmed pair what it is: a row of one store, or one that differs, perhaps in form only.

    ``known_open`` are the rows that differed at the mark already, None where there is no mark to tell causes by.
    """
    details = Details()
    missing = {key: pair for key, pair in confirmed.items() if None in pair}
    for difference in _missing(both, missing, known_open):
        details.add(difference)
    for some in chunks(sorted(confirmed.keys() - missing.keys()), _BATCH):
        for difference in _changed(both, pairing, some, confirmed):
            details.add(difference)
    return details


def _missing(both: Both, missing: Mapping[Key, Pair], known_open: frozenset[Key] | None) -> list[Difference]:
    old: frozenset[Key] = frozenset()
    if missing and known_open is not None:
        # A row as old as the mark was in both stores then: the other store has deleted it since.
        in_a = [key for key, (_, b) in missing.items() if b is None]
        in_b = [key for key, (a, _) in missing.items() if a is None]
        olds = both.ask(lambda side: side.written_before_mark(in_a if side.side == "a" else in_b))
        old = (olds[0] | olds[1]) - known_open
    found = []
    for key in sorted(missing):
        a, b = missing[key]
        cause = None if known_open is None else "deleted" if key in old else "never_arrived"
        kind: Kind = "only_in_b" if a is None else "only_in_a"
        hashes = (a.exact if a else None, b.exact if b else None)
        found.append(Difference(key=key, kind=kind, hash_a=hashes[0], hash_b=hashes[1], cause=cause))
    return found


def _changed(both: Both, pairing: Pairing, keys: Sequence[Key], pairs: Mapping[Key, Pair]) -> list[Difference]:
    columns_a, columns_b = both.ask(lambda side: side.columns(keys))
    names = [column.name for column in pairing.columns]
    exact: dict[Key, list[str]] = {}
    meant: dict[Key, list[str]] = {}
    for key in keys:
        # A row that went away since it was confirmed differs in a way that cannot be told any more.
        a, b = columns_a.get(key), columns_b.get(key)
        exact[key] = [] if a is None or b is None else _unequal(names, a[0], b[0])
        meant[key] = [] if a is None or b is None else _unequal(names, a[1], b[1])
    _read_to_tell(both, pairing, meant)
    differences = []
    for key in keys:
        is_form = bool(exact[key]) and not meant[key]
        hashes = (one.exact if one else None for one in pairs[key])
        differences.append(
            Difference(
                key=key,
                kind="form_only" if is_form else "mismatched",
                hash_a=next(hashes),
                hash_b=next(hashes),
                columns=tuple(exact[key] if is_form else meant[key]),
            )
        )
    return differences


def _unequal(names: Sequence[str], a: Sequence[int], b: Sequence[int]) -> list[str]:
    return [name for name, one, other in zip(names, a, b, strict=True) if one != other]


def _read_to_tell(both: Both, pairing: Pairing, meant: dict[Key, list[str]]) -> None:
    """Take out columns of documents that turn out to mean the same."""
    readable = {c.name for c in pairing.columns if c.form in READ_TO_TELL and c.meaning != "different"}
    suspects = [key for key, names in meant.items() if readable.intersection(names)]
    columns = sorted(readable.intersection(*[set().union(*meant.values())]))
    if not suspects or not columns:
        return
    for some in chunks(suspects, _READ_AT_ONCE):
        # One character more than is read: what is cut is not compared.
        values_a, values_b = _values(both, some, columns, _LONGEST_READ + 1)
        for key in some:
            pairs = zip(columns, values_a.get(key, ()), values_b.get(key, ()), strict=False)
            same = {name for name, a, b in pairs if _is_same(a, b)}
            meant[key] = [name for name in meant[key] if name not in same]


def _values(both: Both, keys: Sequence[Key], columns: Sequence[str], longest: int) -> tuple[Values, Values]:
    return both.ask(lambda side: side.values(keys, columns, longest))


def _is_same(a: str | None, b: str | None) -> bool:
    if a is None or b is None or max(len(a), len(b)) > _LONGEST_READ:
        return False
    return same_json(a, b)


def samples(both: Both, pairing: Pairing, differences: Sequence[Difference], most: int) -> list[dict[str, Any]]:
    """Both values of what differs in the first rows: ``{key, columns: {name: [a, b]}}``; all columns of a lone row."""
    chosen = differences[:most]
    if not chosen:
        return []
    names = [column.name for column in pairing.columns]
    keys = [difference.key for difference in chosen]
    values_a, values_b = _values(both, keys, names, _LONGEST_SAMPLE)
    none: Sequence[Any] = [None] * len(names)
    return [
        {
            "key": one.key[0] if len(one.key) == 1 else list(one.key),
            "columns": {
                name: [a, b]
                for name, a, b in zip(names, values_a.get(one.key, none), values_b.get(one.key, none), strict=True)
                if not one.columns or name in one.columns
            },
        }
        for one in chosen
    ]


def rows_of_kind(pairs: Mapping[Key, Pair], kind: Kind) -> list[Difference]:
    """Pairs that need no details, as differences of one kind."""
    return [
        Difference(key=key, kind=kind, hash_a=a.exact if a else None, hash_b=b.exact if b else None)
        for key, (a, b) in sorted(pairs.items())
    ]


def kinds_beyond(unkept: Mapping[str, int]) -> Mapping[Kind, int]:
    """How many rows of each kind were counted only."""
    return {kind: unkept[kind] for kind in ("only_in_a", "only_in_b", "mismatched") if unkept.get(kind)}
