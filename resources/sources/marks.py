"""How far a source has read, kept on disk: a collector that was away goes on from there."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LOG: Final = logging.getLogger(__name__)


class Marks:
    """Watermarks by name, in seconds since the epoch, in one small file; nowhere without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._saved: dict[str, int] = {}
        self._sent: dict[str, int] = {}

    def load(self) -> dict[str, int]:
        """What was saved; nothing where there is no file, or one that cannot be read (which is said)."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): int(at_s) for name, at_s in found.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _LOG.warning("%s cannot be read (%s); going back as far as a first pass does", self._path, error)
            return {}

    def passed(self, marks: Mapping[str, int]) -> None:
        """A pass begins with these marks.

        Saved are those with which the pass before began: whatever they cover has left the collector by now, so a
        crash can only make a source read twice.
        """
        before, self._sent = self._sent, dict(marks)
        if self._path is None or not before or before == self._saved:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_name(f"{self._path.name}.new")
            fresh.write_text(json.dumps(before), encoding="utf-8")
            os.replace(fresh, self._path)
            self._saved = before
        except OSError as error:
            _LOG.warning("%s cannot be written (%s); a restart reads more than it needs to", self._path, error)
