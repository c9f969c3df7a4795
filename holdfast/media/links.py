"""Links: whether they still answer, and where a file can be had when they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from holdfast.media.items import Kind, MediaClass

OriginState = Literal["unknown", "answers", "gone", "unclear"]
ServedBy = Literal["origin", "drive", "folder", "s3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a row's file can be had now.

    Attributes:
        served_by: whose URL it is.
        content_type: empty until the file was received once.
        size_bytes: as received, else as its row says; None where neither is known.
        origin_checked_at: when the origin was asked last; None where it never was.
    """

    url: str
    served_by: ServedBy
    media_class: MediaClass
    kind: Kind
    content_type: str
    size_bytes: int | None
    origin_state: OriginState
    origin_checked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OddLink:
    """A file that its origin does not give: a vault serves it, or nobody does.

    Attributes:
        served_by: empty where nobody does.
        url: of the vault; the origin's where nobody serves it.
    """

    media_class: MediaClass
    source_table: str
    source_id: str
    served_by: ServedBy | Literal[""]
    url: str
    origin_state: OriginState
    origin_checked_at: datetime | None
    deadline_at: datetime
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksReport:
    """What a round of probes found, and how all files stand after it.

    Attributes:
        asked: links that were asked, by what they said.
        has_more: whether other links were due as well: they are asked in the next round.
        served: files by class and who serves them; empty for nobody.
        switched, unreachable: some of these files, for people.
    """

    asked: Mapping[str, int]
    has_more: bool
    served: Mapping[tuple[MediaClass, str], int]
    switched: Sequence[OddLink] = field(default=())
    unreachable: Sequence[OddLink] = field(default=())

    @property
    def files(self) -> int:
        """All files that rows of the application name."""
        return sum(self.served.values())

    def files_by(self, served_by: str) -> int:
        """Files that are served by this one; empty for nobody."""
        return sum(count for (_, by), count in self.served.items() if by == served_by)
