"""How long a vault lasts: what it has left, against what waits for it and what comes every day."""

from dataclasses import dataclass

from holdfast.media.backups import megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The room of one vault.

    Attributes:
        vault: its label.
        used_bytes, limit_bytes: None where nobody says.
        waiting_bytes: of copies that are still to be made in it.
        daily_bytes: that come on an average day.
    """

    vault: str
    used_bytes: int | None
    limit_bytes: int | None
    waiting_bytes: int
    daily_bytes: int

    @property
    def free_bytes(self) -> int | None:
        """What is left; None where nobody says."""
        if self.used_bytes is None or self.limit_bytes is None:
            return None
        return max(self.limit_bytes - self.used_bytes, 0)

    @property
    def lacking_bytes(self) -> int:
        """Of what waits, what finds no room."""
        return 0 if self.free_bytes is None else max(self.waiting_bytes - self.free_bytes, 0)

    @property
    def days_left(self) -> float | None:
        """Until what waits and what comes has filled it; None where that is not known, or nothing comes."""
        if self.lacking_bytes:
            return 0.0
        if self.free_bytes is None or not self.daily_bytes:
            return None
        return (self.free_bytes - self.waiting_bytes) / self.daily_bytes

    def __str__(self) -> str:
        """One sentence, without a full stop."""
        if self.free_bytes is None:
            return f"{self.vault} does not say how much it holds"
        waits = f"{megabytes(self.waiting_bytes)} wait, {megabytes(self.daily_bytes)} come a day"
        room = f"{self.vault}: {megabytes(self.free_bytes)} free, {waits}"
        if self.lacking_bytes:
            return f"{room}: {megabytes(self.lacking_bytes)} are missing. Make room there, or give it more"
        return room if self.days_left is None else f"{room}: {self.days_left:.0f} days left"
