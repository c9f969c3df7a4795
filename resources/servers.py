"""Server templates: the file that declares them, and the versions that are stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import Field

from holdfast.errors import SettingsError
from holdfast.servers.planning import Change, StoredTemplate, TemplatesPlan, plan_templates
from holdfast.servers.template import ServerTemplate
from holdfast.servers.topology import Topology
from resources.postgres import Postgres, Transaction

SETTING: Final = "SERVER_TEMPLATES"


class TemplatesResource(dg.ConfigurableResource[Any]):
    """The file that declares servers."""

    path: str = Field(description="TOML file with one [[server]] per server")
    is_required: bool = Field(default=False, description="whether a missing file is a mistake: someone named it")

    def read(self) -> str | None:
        """The text of the file; None where there is none and nobody named one.

        Raises:
            SettingsError: the file that was named is not there, or cannot be read.
        """
        return read_file(Path(self.path), is_required=self.is_required)


def read_file(path: Path, *, is_required: bool) -> str | None:
    """The text of a file of declared servers; None where it does not exist and nobody named it.

    Raises:
        SettingsError: it cannot be read, or does not exist although someone named it.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not is_required:
            return None
        found = "there is no such file"
    except UnicodeDecodeError as error:
        found = f"the file is no UTF-8 text (byte {error.start})"
    except OSError as error:
        found = f"it cannot be read: {error.strerror}"
    raise SettingsError(
        f"{SETTING}: expected a TOML file of servers, {found}: {path}; the templates stay as they are. "
        "Correct the path or the file (servers.example.toml shows one)"
    )


def read_templates(db: Transaction) -> dict[str, StoredTemplate]:
    """The newest version of every server's template by server id, retired ones included."""
    return {row[0]: _stored(row) for row in db.rows("servers/newest")}


def read_topology(db: Transaction) -> Topology:
    """Who depends on whom, of the servers that are not retired."""
    stored = read_templates(db).values()
    return Topology({one.template.server_id: one.template.upstream for one in stored if one.retired_at is None})


def read_versions(db: Transaction, server_id: str) -> list[StoredTemplate]:
    """Every version of one server's template, newest first."""
    return [_stored(row) for row in db.rows("servers/versions", server_id=server_id)]


def read_known(db: Transaction) -> frozenset[str]:
    """Servers that exist without being declared: they were sampled."""
    return frozenset(_sampled(db))


def look(postgres: Postgres, declared: Sequence[ServerTemplate] | None) -> TemplatesPlan:
    """Plan what a file would change. Changes nothing."""
    with postgres.transaction() as db:
        return plan_templates(read_templates(db), declared, _sampled(db))


def apply(postgres: Postgres, declared: Sequence[ServerTemplate] | None, now: datetime) -> TemplatesPlan:
    """Adopt, declare, change and retire servers in one transaction; a second run changes nothing.

    Args:
        postgres: the primary.
        declared: what the file says; None where there is none, or none that can be read.
        now: since when new versions hold.
    """
    with postgres.transaction() as db:
        db.execute("servers/lock")
        plan = plan_templates(read_templates(db), declared, _sampled(db))
        retired = [change for change in plan.changes if change.action == "retired"]
        written = [change for change in plan.changes if change.action != "retired"]
        db.execute_many("servers/retire", [{"server_id": one.template.server_id, "at": now} for one in retired])
        db.execute_many("servers/close_version", [{"server_id": one.template.server_id, "at": now} for one in written])
        db.execute_many("servers/insert_version", [_row(change, now) for change in written])
    return plan


def _sampled(db: Transaction) -> dict[str, datetime]:
    return dict(db.rows("servers/sampled"))


def _row(change: Change, now: datetime) -> Mapping[str, Any]:
    texts = {"capacity": json.dumps(dict(change.template.capacity)), "labels": json.dumps(dict(change.template.labels))}
    upstream = list(change.template.upstream)
    version = {"version": change.version, "origin": change.origin, "at": now}
    return asdict(change.template) | texts | {"upstream": upstream} | version


def _stored(row: tuple[Any, ...]) -> StoredTemplate:
    server_id, name, kind, environment, region, capacity, labels, upstream, renamed_from, *rest = row
    version, origin, valid_from, retired_at = rest
    template = ServerTemplate(
        server_id=server_id,
        name=name,
        kind=kind,
        environment=environment,
        region=region,
        capacity=capacity,
        labels=labels,
        upstream=tuple(upstream),
        renamed_from=renamed_from,
    )
    return StoredTemplate(
        template=template, version=version, origin=origin, valid_from=valid_from, retired_at=retired_at
    )
