"""Another tool, of other people, finds the same."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
import reladiff

from tests.resources.tables.pairs import Pair


def opinion(pair: Pair, columns: tuple[str, ...]) -> dict[str, str]:
    """What reladiff says, by key: ``-`` only in A, ``+`` only in B, ``-+`` changed."""
    segments = []
    for url in pair.urls:
        parts = urlsplit(url)
        found = {"driver": "postgresql", "user": "postgres", "password": "", "database": parts.path[1:]}
        found |= {name: values[0] for name, values in parse_qs(parts.query).items() if name in ("host", "port")}
        segments.append(reladiff.TableSegment(reladiff.connect(found), ("t",), ("id",), extra_columns=columns))
    said: dict[str, str] = {}
    for sign, row in reladiff.diff_tables(*segments, bisection_factor=8, bisection_threshold=500):
        said[str(row[0])] = "".join(sorted(said.get(str(row[0]), "") + sign, reverse=True))
    return said


def test_reladiff_finds_the_same_rows(pair: Pair) -> None:
    pair.both(
        "create table t (id uuid primary key, n bigint, note text, at timestamptz)",
        "insert into t select md5(x::text)::uuid, x, 'note ' || x, timestamptz '2026-01-01' + x * interval '1 s'"
        " from generate_series(1, 4000) x",
        "analyze t",
    )
    rng = np.random.default_rng(7)
    for run, change in (
        (pair.a, "delete from t where n in ({})"),
        (pair.b, "delete from t where n in ({})"),
        (pair.a, "update t set note = note || 'x' where n in ({})"),
        (pair.b, "update t set at = at + interval '1 microsecond' where n in ({})"),
    ):
        run(change.format(", ".join(str(n) for n in rng.choice(4000, 15, replace=False) + 1)))
    signs = {"only_in_a": "-", "only_in_b": "+", "mismatched": "-+"}
    ours = {d.key[0]: signs[d.kind] for d in pair.compare("t").differences}
    assert len(ours) > 50
    assert opinion(pair, ("n", "note", "at")) == {
        key: "".join(sorted(sign, reverse=True)) for key, sign in ours.items()
    }
