"""Troubles that last are said twice: when they start and when they end, not once per cycle."""

import logging
from collections.abc import Mapping
from typing import Final

LINES_AT_ONCE: Final = 10

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Surprises:
    """Compares the troubles of each pass with those of the pass before, and logs the difference."""

    def __init__(self, log: Log, story: str) -> None:
        self._log = log
        self._story = story
        self._known: dict[str, str] = {}

    @property
    def known(self) -> Mapping[str, str]:
        """The troubles that last."""
        return self._known

    def are_now(self, troubles: Mapping[str, str]) -> None:
        """Log what is new (as a warning) and what is over; ``troubles`` maps what it is about to the reason."""
        new = [name for name in troubles if name not in self._known]
        over = [name for name in self._known if name not in troubles]
        for name in new[:LINES_AT_ONCE]:
            self._log.warning("%s: %s: %s", self._story, name, troubles[name])
        if len(new) > LINES_AT_ONCE:
            self._log.warning("%s: and %d more since this cycle", self._story, len(new) - LINES_AT_ONCE)
        for name in over[:LINES_AT_ONCE]:
            self._log.info("%s: %s: over (%s)", self._story, name, self._known[name])
        if len(over) > LINES_AT_ONCE:
            self._log.info("%s: and %d more are over", self._story, len(over) - LINES_AT_ONCE)
        self._known = dict(troubles)
