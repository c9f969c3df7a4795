"""Named queries: ``story/name`` is the block ``-- name: name`` of ``resources/sql/story.sql``."""

import re
from functools import cache
from pathlib import Path
from typing import Final, LiteralString, cast

SQL: Final = Path(__file__).parent / "sql"
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(story: str) -> dict[str, LiteralString]:
    """Every query of one story by its name."""
    text = (SQL / f"{story}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: cast("LiteralString", body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def query(path: str) -> LiteralString:
    """The text of ``story/name``.

    Raises:
        KeyError: there is no such query.
    """
    story, _, name = path.rpartition("/")
    return queries(story)[name]


def template(path: str) -> LiteralString:
    """The text of ``story/name`` of ``resources/sql/templates``: holds ``{names}`` for identifiers and expressions.

    For statements about tables that are known only when they are run; filled in by the driver, which quotes.
    """
    return query(f"templates/{path}")
