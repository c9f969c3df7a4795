"""``holdfast servers``: what each server is, without Dagster."""

from pathlib import Path
from typing import Any

import click

from holdfast.errors import PermanentError, TemplatesError
from orchestration.printing import print_json, print_table, settings_here


@click.group()
def servers() -> None:
    """Servers: what each of them is, declared or adopted.

    \b
    Examples:
      holdfast servers list
      holdfast servers check servers.toml
    """


@servers.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of rows.")
@click.option("--retired", is_flag=True, help="Also the servers that were dropped from the file.")
def list_servers(as_json: bool, retired: bool) -> None:
    """List every server and its template.

    \b
    Example:
      holdfast servers list --json | jq '.[] | select(.origin == "adopted") | .server_id'
    """
    from orchestration import wiring
    from resources.servers import read_templates

    with wiring.open_postgres(settings_here()).transaction() as db:
        stored = [one for one in read_templates(db).values() if retired or one.retired_at is None]
    if as_json:
        print_json([_template(one) for one in stored])
        return
    columns = ("server", "kind", "environment", "region", "depends on", "origin", "version")
    rows = [
        (
            one.template.server_id,
            one.template.kind,
            one.template.environment,
            one.template.region or "",
            ", ".join(one.template.upstream),
            f"{one.origin}, retired" if one.retired_at else one.origin,
            str(one.version),
        )
        for one in stored
    ]
    print_table(columns, rows, "no server has a template yet: materialize server_templates, or wait for its schedule")


@servers.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs: mistakes and changes.")
def check(file: Path | None, as_json: bool) -> None:
    """Read a file of servers and say what it would change.

    Changes nothing. FILE is by default the one of SERVER_TEMPLATES. Where no database is configured and none runs, the
    file alone is read: an upstream has to be declared in it then. Exit code 1: it has mistakes; all are told.

    \b
    Examples:
      holdfast servers check
      holdfast servers check new-servers.toml --json
    """
    from holdfast.servers.declared import parse_templates
    from orchestration import wiring
    from resources.servers import look, read_file, read_known

    settings = settings_here()
    path = file or settings.templates_file
    text = read_file(path, is_required=True) or ""
    postgres = wiring.open_postgres(settings) if settings.database_url else None
    known: frozenset[str] = frozenset()
    if postgres:
        with postgres.transaction() as db:
            known = read_known(db)
    try:
        declared = parse_templates(text, known, source=path.name)
    except TemplatesError as error:
        if not as_json:
            raise
        print_json({"mistakes": error.problems, "changes": []})
        raise SystemExit(1) from None
    plan = look(postgres, declared) if postgres else None
    changes = plan.changes if plan else ()
    if as_json:
        rows = [{"server_id": one.template.server_id, "action": one.action, "version": one.version} for one in changes]
        print_json({"mistakes": [], "changes": rows if plan else None})
        return
    for change in changes:
        click.echo(f"  {change}")
    told = plan or "no database is configured and none runs here, so what it would change is not told"
    click.echo(f"{path.name}: {len(declared)} servers, no mistake; {told}")


@servers.command()
@click.argument("server_id")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of rows.")
def history(server_id: str, as_json: bool) -> None:
    """Show every version of one server's template, newest first.

    \b
    Example:
      holdfast servers history web1
    """
    from orchestration import wiring
    from resources.servers import read_versions

    with wiring.open_postgres(settings_here()).transaction() as db:
        versions = read_versions(db, server_id)
    if not versions:
        raise PermanentError(f"there is no server {server_id!r}; holdfast servers list --retired names them")
    if as_json:
        print_json([_template(one) for one in versions])
        return
    for one, before in zip(versions, [*versions[1:], None], strict=True):
        changed = ", ".join(one.template.changes(before.template)) if before else "first seen"
        retired = f", retired {one.retired_at:%Y-%m-%d %H:%M}" if one.retired_at else ""
        since = f"since {one.valid_from:%Y-%m-%d %H:%M} UTC{retired}"
        what = f"{one.origin}, {one.template.kind} in {one.template.environment}"
        click.echo(f"version {one.version}, {since}: {what} ({changed})")


def _template(one: Any) -> dict[str, Any]:
    from dataclasses import asdict

    dates = {"valid_from": one.valid_from, "retired_at": one.retired_at}
    return asdict(one.template) | {"version": one.version, "origin": one.origin} | dates
