"""Rows of the history that wait for the primary: an outage of the store that keeps the history belongs into it."""

import contextlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

# A week of probes every 5 minutes.
MOST: Final = 2016
Row = dict[str, Any]


class Waiting:
    """A folder with a file per probe. What cannot be kept is let go: it is a note, not the store's data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, probed_at: datetime, rows: Sequence[Row]) -> bool:
        """Keep the rows of one probe; whether that worked. The oldest go where there are too many."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{probed_at:%Y%m%dT%H%M%S%f}.json"
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps([_plain(row) for row in rows]), encoding="utf-8")
            partial.replace(path)
        except OSError:
            return False
        self.drop(self.files()[:-MOST])
        return True

    def files(self) -> list[Path]:
        """The oldest first."""
        return sorted(self._folder.glob("*.json"))

    def read(self, files: Sequence[Path]) -> list[Row]:
        """The rows of these files; one that is cut off or gone has none."""
        rows: list[Row] = []
        for path in files:
            with contextlib.suppress(OSError, ValueError):
                rows += json.loads(path.read_text(encoding="utf-8"))
        return rows

    def drop(self, files: Sequence[Path]) -> None:
        """Let these go."""
        for path in files:
            with contextlib.suppress(OSError):
                path.unlink()


def _plain(row: Row) -> Row:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
