"""Mutes: series that are left alone for a while, because somebody said so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdfast.anomalies.findings import Finding


@dataclass(frozen=True, slots=True)
class Mute:
    """Findings that make no incident.

    Attributes:
        server_id: the server, None for all.
        metric: the metric, None for all.
        from_s: first muted instant, seconds since the epoch.
        until_s: end of the mute, exclusive.
    """

    server_id: str | None
    metric: str | None
    from_s: int
    until_s: int

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is muted."""
        return (
            self.server_id in (None, finding.server_id)
            and self.metric in (None, finding.metric)
            and self.from_s <= finding.at_s < self.until_s
        )


def unmuted(findings: Iterable[Finding], mutes: Sequence[Mute]) -> tuple[list[Finding], list[Finding]]:
    """The findings that are not muted, and those that are."""
    heard: list[Finding] = []
    muted: list[Finding] = []
    for finding in findings:
        (muted if any(mute.covers(finding) for mute in mutes) else heard).append(finding)
    return heard, muted
