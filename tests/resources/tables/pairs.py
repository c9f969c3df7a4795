"""Two small tables to compare, and how."""

from collections.abc import Sequence
from typing import Any

import psycopg

from holdfast.consistency.reports import KINDS, Comparison
from holdfast.consistency.tables import ComparedTable
from resources.stores import Stores, open_stores
from resources.tables.comparing import Options, compare

QUICK = Options(recheck_delay_s=0.0)


class Pair:
    """Both stores, as a test speaks to them."""

    def __init__(self, url_a: str, url_b: str) -> None:
        self.urls = (url_a, url_b)
        self.stores: Stores = open_stores(url_a, url_b)

    def both(self, *statements: str) -> None:
        for url in self.urls:
            run(url, *statements)

    def a(self, *statements: str) -> None:
        run(self.urls[0], *statements)

    def b(self, *statements: str) -> None:
        run(self.urls[1], *statements)

    def compare(self, declared: ComparedTable | str, **how: Any) -> Comparison:
        one = ComparedTable(name=declared) if isinstance(declared, str) else declared
        return compare(self.stores, one, **{"options": QUICK} | how)

    def found(self, declared: ComparedTable | str, **how: Any) -> dict[str, list[Any]]:
        """Keys by kind, of those kinds that were found."""
        report = self.compare(declared, **how).report
        assert report.status in ("ok", "differs"), (report.status, report.reason)
        by_kind = {kind: [k[0] if len(k) == 1 else k for k in report.of(kind).keys] for kind in KINDS}
        return {kind: keys for kind, keys in by_kind.items() if keys}


def run(url: str, *statements: str, parameters: Sequence[Any] | None = None) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode(), parameters)
