"""What becomes of the stored templates when servers are seen, declared, changed or dropped from the file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from holdfast.servers.template import Origin, ServerTemplate, adopted

Action = Literal["adopted", "declared", "changed", "returned", "retired"]
ACTIONS: Final[tuple[Action, ...]] = ("adopted", "declared", "changed", "returned", "retired")
# A server that is switched off is dropped from the file about then; samples after this long say that it was not.
LINGERS: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTemplate:
    """The newest version of a server's template.

    Attributes:
        template: what it says.
        version: 1 for the first.
        origin: whether a file declares it, or it was adopted when it was first seen.
        valid_from: since when it says so.
        retired_at: since when it is dropped from the file; None while it is in force.
    """

    template: ServerTemplate
    version: int
    origin: Origin
    valid_from: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One server's next version; with action ``retired`` its newest version, retired.

    Attributes:
        action: what happened to the server.
        fields: names of what differs from the version before, for ``changed`` and ``returned``.
    """

    action: Action
    template: ServerTemplate
    version: int
    origin: Origin
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for people."""
        what = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.template.server_id}: {self.action}{what}, version {self.version}"


@dataclass(frozen=True, slots=True)
class TemplatesPlan:
    """Every server that changes, by id. Making it changes nothing."""

    changes: tuple[Change, ...]

    def counts(self) -> dict[Action, int]:
        """How many servers each action meets; every action is named."""
        found = Counter(change.action for change in self.changes)
        return {action: found[action] for action in ACTIONS}

    def __str__(self) -> str:
        """One sentence."""
        parts = [f"{count} {action}" for action, count in self.counts().items() if count]
        return f"server templates: {', '.join(parts) or 'nothing changes'}"


def plan_templates(
    stored: Mapping[str, StoredTemplate],
    declared: Sequence[ServerTemplate] | None,
    sampled: Mapping[str, datetime],
) -> TemplatesPlan:
    """Decide every server's next version.

    Args:
        stored: the newest version of each server, by id.
        declared: what the file says; None where there is no file, or none that can be read: then nobody is retired.
        sampled: the newest sample of each server that was ever sampled.
    """
    by_id = {template.server_id: template for template in declared or ()}
    renamed = {template.renamed_from for template in declared or ()}
    changes: list[Change] = []
    for server_id in sorted(stored.keys() | by_id.keys() | sampled.keys()):
        before = stored.get(server_id)
        is_in_force = before is not None and before.retired_at is None
        if server_id in by_id:
            changes.extend(_declare(before, by_id[server_id]))
        elif server_id in renamed:
            # Its successor stands for it, even while the old name still reports.
            changes.extend([_retire(before)] if before and is_in_force else [])
        elif before and is_in_force:
            changes.extend([_retire(before)] if declared is not None and before.origin == "declared" else [])
        elif server_id in sampled and (before is None or _goes_on(before, sampled[server_id])):
            changes.append(_adopt(before, server_id))
    return TemplatesPlan(tuple(changes))


def _declare(before: StoredTemplate | None, template: ServerTemplate) -> Iterator[Change]:
    if before is None or before.origin == "adopted":
        version = before.version + 1 if before else 1
        yield Change(action="declared", template=template, version=version, origin="declared")
        return
    fields = before.template.changes(template)
    if fields or before.retired_at:
        action: Action = "returned" if before.retired_at else "changed"
        yield Change(action=action, template=template, version=before.version + 1, origin="declared", fields=fields)


def _adopt(before: StoredTemplate | None, server_id: str) -> Change:
    version = before.version + 1 if before else 1
    return Change(action="adopted", template=adopted(server_id), version=version, origin="adopted")


def _retire(before: StoredTemplate) -> Change:
    return Change(action="retired", template=before.template, version=before.version, origin=before.origin)


def _goes_on(before: StoredTemplate, sampled_at: datetime) -> bool:
    return before.retired_at is not None and sampled_at > before.retired_at + LINGERS
