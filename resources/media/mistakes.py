"""How a mistake of ours is told: what and where, and nothing of what it was about, which may be secret."""

import traceback
from pathlib import Path


def told(error: BaseException) -> str:
    """Such as ``a mistake in Holdfast: KeyError in rounds.py, line 120``."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"a mistake in Holdfast: {type(error).__name__}{where}"
