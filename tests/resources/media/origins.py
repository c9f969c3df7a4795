"""A samples' origin of a test's own, with small files."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from holdfast.media.generated.mp4 import mp4
from holdfast.media.generated.pictures import png
from resources.media.sample_files import SampleFile, write_files
from resources.media.sample_origin import SampleOrigin


def small(file: SampleFile) -> bytes:
    """A file of its kind that is made at once."""
    return png(file.seed, 64, 48) if file.media_class == "images" else mp4(file.seed, 32, 16, 3)


@contextmanager
def served(folder: Path, is_safe: Callable[[str], bool] = lambda _url: False) -> Iterator[SampleOrigin]:
    """An origin until the block ends; its files are written where there are none."""
    if not folder.exists():
        write_files(folder, datetime.now(UTC), small)
    with SampleOrigin(folder, 0, is_safe) as origin:
        thread = threading.Thread(target=origin.serve_forever, daemon=True)
        thread.start()
        try:
            yield origin
        finally:
            origin.shutdown()
            thread.join()
