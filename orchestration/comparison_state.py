"""What ``holdfast consistency diff`` remembers from one call to the next, in a file."""

import json
from pathlib import Path
from threading import Lock
from typing import Any

from holdfast.consistency.reports import Mark
from holdfast.consistency.scans import Checkpoint
from holdfast.errors import PermanentError


class StateFile:
    """Marks and checkpoints by table. Written whole and put in place, so that a kill leaves the old or the new."""

    def __init__(self, path: Path | None) -> None:
        """Read what an earlier call left.

        Raises:
            PermanentError: the file is not one of these.
        """
        self._path = path
        self._lock = Lock()
        self._tables: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            try:
                self._tables = dict(json.loads(path.read_text(encoding="utf-8"))["tables"])
            except (ValueError, KeyError, TypeError) as error:
                raise PermanentError(
                    f"{path} is no state of a comparison ({type(error).__name__}); nothing was compared. "
                    "Give another file, or remove this one: the next comparison is a full one then."
                ) from error

    def mark(self, table: str) -> Mark | None:
        """What the last exact comparison of a table left."""
        document = self._tables.get(table, {}).get("mark")
        return Mark.from_document(document) if document else None

    def checkpoint(self, table: str) -> Checkpoint | None:
        """Where a comparison of a table was cut off."""
        document = self._tables.get(table, {}).get("checkpoint")
        return Checkpoint.from_document(document) if document else None

    def keep(self, table: str, checkpoint: Checkpoint) -> None:
        """Remember how far a comparison came. Called from both stores' threads."""
        if self._path is not None:
            with self._lock:
                self._tables.setdefault(table, {})["checkpoint"] = checkpoint.to_document()
                self._write()

    def finish(self, table: str, mark: Mark | None) -> None:
        """Forget the checkpoint, and remember the mark of a comparison that left one."""
        if self._path is not None:
            one = self._tables.setdefault(table, {})
            one.pop("checkpoint", None)
            if mark is not None:
                one["mark"] = mark.to_document()
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_text(json.dumps({"tables": self._tables}), encoding="utf-8")
        fresh.replace(self._path)
