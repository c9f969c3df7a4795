"""The few real files of a first start, and the rows of the applications' tables that they belong to."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from holdfast.media.items import MediaClass

LIST: Final = "files.json"
_COLUMNS: Final[dict[MediaClass, str]] = {"upscale": "upscale_video_url", "regular": "video_url", "images": "image_url"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """One file and its row.

    Attributes:
        row: number of the sample row, as in ``resources/sql/templates/samples.sql``.
        seed: what it shows.
        lasts: how long its link lives from the first start on.
        dies_when_safe: its link dies as soon as a verified copy exists, so that a first start shows what happens then.
    """

    media_class: MediaClass
    row: int
    seed: int
    lasts: timedelta
    dies_when_safe: bool = False

    @property
    def table(self) -> Literal["gen_images", "gen_videos"]:
        """Of its row."""
        return "gen_images" if self.media_class == "images" else "gen_videos"

    @property
    def column(self) -> str:
        """Of its URL."""
        return _COLUMNS[self.media_class]

    @property
    def path(self) -> str:
        """Below the origin."""
        return f"{self.media_class}/{self.seed:04}.{'png' if self.media_class == 'images' else 'mp4'}"

    def content(self) -> bytes:
        """The same whenever it is asked for."""
        # Arrays are needed at a first start only, and this module is imported at every one.
        from holdfast.media.generated.mp4 import mp4
        from holdfast.media.generated.pictures import png

        if self.media_class == "images":
            return png(self.seed, 640, 480)
        return mp4(self.seed, 640, 384, 24) if self.media_class == "upscale" else mp4(self.seed, 160, 96, 24)


def _row(row: int, seed: int, lasts: timedelta, *, with_upscale: bool) -> list[SampleFile]:
    classes: tuple[MediaClass, ...] = ("regular", "upscale") if with_upscale else ("regular",)
    return [SampleFile(media_class=one, row=row, seed=seed, lasts=lasts) for one in classes]


# One video expires within a day: the rescue window takes it before all others.
FILES: Final[Sequence[SampleFile]] = (
    *_row(1185, 1, timedelta(hours=20), with_upscale=True),
    *_row(1188, 2, timedelta(days=6), with_upscale=True),
    *_row(1191, 3, timedelta(days=6, hours=8), with_upscale=False),
    *_row(1194, 4, timedelta(days=6, hours=20), with_upscale=True),
    *(
        SampleFile(media_class="images", row=1480 + 3 * number, seed=11 + number, lasts=timedelta(days=5, hours=number))
        for number in range(5)
    ),
    SampleFile(media_class="images", row=1496, seed=16, lasts=timedelta(days=6), dies_when_safe=True),
)


def write_files(folder: Path, now: datetime, make: Callable[[SampleFile], bytes] = SampleFile.content) -> None:
    """Write every file, and last the list of them, by which an origin knows what it serves."""
    listed: dict[str, Any] = {}
    for file in FILES:
        path = folder / file.path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(make(file))
        listed[file.path] = {"dies_at": (now + file.lasts).isoformat(), "dies_when_safe": file.dies_when_safe}
    fresh = folder / f"{LIST}.new"
    fresh.write_text(json.dumps(listed, indent=1), encoding="utf-8")
    fresh.rename(folder / LIST)


def sample_rows(folder: Path, base_url: str) -> list[dict[str, Any]]:
    """What the sample rows say of these files: one entry per file.

    Args:
        folder: of ``write_files``.
        base_url: of the origin that serves it.
    """
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
    return [
        {
            "table": file.table,
            "row": file.row,
            "column": file.column,
            "url": f"{base_url}/{file.path}",
            "bytes": (folder / file.path).stat().st_size,
            "expires_at": listed[file.path]["dies_at"],
        }
        for file in FILES
    ]
