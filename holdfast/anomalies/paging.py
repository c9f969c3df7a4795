"""When a score pages: once per excursion, and again only for a clearly higher one."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from holdfast.anomalies.judging import PAGES
from holdfast.baselines.grid import Floats, Ints

# How long a page stands for what follows it.
_HOLD_S: Final = 21_600
# What pages again within that time: an odds of score a quarter higher.
_HIGHER: Final = 1.25
# Below this nobody asks whether it would page.
_WHISPER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pager:
    """What paged last. Scores are compared as odds (score ÷ (1 - score)), which do not crowd near 1.

    Attributes:
        paged: odds of the last page; 0 before the first.
        paged_at_s: when it was, in seconds since the epoch.
        peak: odds of the last peak that was too low to page.
        peak_at_s: when it was.
    """

    paged: float = 0.0
    paged_at_s: int = 0
    peak: float = 0.0
    peak_at_s: int = 0

    def pages(self, at_s: Ints, scores: Floats) -> tuple["Pager", Floats]:
        """The pager after some samples, and per sample its score if it pages (or would, were it higher), else 0."""
        found = np.zeros(len(scores))
        paged, paged_at_s, peak, peak_at_s = self.paged, self.paged_at_s, self.peak, self.peak_at_s
        for i in np.flatnonzero(scores >= _WHISPER).tolist():
            now, score = int(at_s[i]), float(scores[i])
            odds = score / (1.0 - score)
            standing = paged if now - paged_at_s <= _HOLD_S else 0.0
            if score >= PAGES and odds > standing * _HIGHER:
                paged, paged_at_s, found[i] = odds, now, score
            elif score < PAGES and odds > _HIGHER * max(standing, peak if now - peak_at_s <= _HOLD_S else 0.0):
                peak, peak_at_s, found[i] = odds, now, score
        return Pager(paged, paged_at_s, peak, peak_at_s), found
