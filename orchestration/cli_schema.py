"""``holdfast schema``: whether both stores have the same tables, and adding what one lacks, without Dagster."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli_stores import store_options, stores_of, tables_of, tables_option
from orchestration.printing import print_json

if TYPE_CHECKING:
    from resources.schema.applying import Applied
    from resources.schema.looking import Into, Wanted

_STORES = {"a": "primary", "b": "secondary", None: "both"}


@click.group()
def schema() -> None:
    """Schemas of both stores: what differs, and a plan that adds what one lacks.

    A is the primary (DATABASE_URL), B the secondary (SUPABASE_DB_URL). A plan only adds; what would drop, alter or
    narrow anything is left to you. Comparing needs no more than the right to connect.

    \b
    Examples:
      holdfast schema diff
      holdfast schema plan --out plan.sql
      holdfast schema apply plan.sql --confirm SHA256
    """


def _into_option(command: Any) -> Any:
    return click.option(
        "--into",
        type=click.Choice(["a", "b", "both"]),
        default="b",
        show_default=True,
        help="Where things may be added: a is the primary, b the secondary.",
    )(command)


@schema.command()
@store_options
@tables_option
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of differences.")
def diff(url_a: str | None, url_b: str | None, tables: str | None, as_json: bool) -> None:
    """Compare tables, columns, constraints, indexes and policies.

    Changes nothing. Exit code 1: something differs that makes the stores behave differently; notes alone do not count.

    \b
    Examples:
      holdfast schema diff
      holdfast schema diff --tables Story,gen_videos --json | jq '.[] | select(.store == "b") | .sentence'
    """
    from resources.schema.looking import look

    found = look(stores_of(url_a, url_b), _wanted(tables, "b"))
    if as_json:
        print_json([finding.to_document() for finding in found.findings])
    else:
        for one in found.findings:
            click.echo(f"{one.severity}: {one.sentence}{f' (left to you: {one.left})' if one.left else ''}")
        if not found.findings:
            click.echo("both stores have the same schema, and all that the catalogue asks for")
    raise SystemExit(1 if found.warnings else 0)


@schema.command()
@store_options
@tables_option
@_into_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the SQL; default: printed.")
@click.option("--json", "as_json", is_flag=True, help="For programs: counts, sha256 and the SQL.")
def plan(
    url_a: str | None, url_b: str | None, tables: str | None, into: "Into", out: Path | None, as_json: bool
) -> None:
    """Write the SQL that would add what a store lacks.

    Changes nothing. Read it, then apply it by its sha256, or run it with psql. What is left to you stands at its end,
    as comments.

    \b
    Examples:
      holdfast schema plan
      holdfast schema plan --tables Story --into both --out plan.sql
    """
    from resources.schema.looking import look

    found = look(stores_of(url_a, url_b), _wanted(tables, into))
    if out:
        out.write_text(found.sql, encoding="utf-8")
    left = sum(len(one.left) for one in found.plans)
    if as_json:
        counts = {"statements": found.statements, "left_to_you": left, "into": into, "sha256": found.sha256}
        print_json(counts | {"sql": found.sql})
    elif not out:
        click.echo(found.sql)
    else:
        click.echo(f"{out}: {'; '.join(map(str, found.plans))}")
        if found.statements:
            click.echo(f"  apply it: holdfast schema apply {out} --confirm {found.sha256}")


@schema.command()
@click.argument("file", required=False, type=click.Path(exists=True, path_type=Path, dir_okay=False))
@store_options
@tables_option
@_into_option
@click.option("--confirm", required=True, metavar="SHA256", help="The sha256 of the plan you looked at.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(1), default=3600, help="Longest seconds of a statement.")
@click.option("--json", "as_json", is_flag=True, help="For programs: per store what was done and what was not.")
def apply(
    file: Path | None,
    url_a: str | None,
    url_b: str | None,
    tables: str | None,
    into: "Into",
    confirm: str,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Carry out the plan you looked at.

    Both schemas are read again: a plan that no longer fits, or a FILE that was edited, is refused. Tables and columns
    come in one transaction per store, indexes after it, beside writers. A second apply does nothing. Exit code 1: a
    statement failed; what was done and what was not is said.

    \b
    Examples:
      holdfast schema apply plan.sql --confirm 96545c7ce6…
      holdfast schema apply --into both --confirm 96545c7ce6…
    """
    from resources.schema.applying import apply as apply_plan

    wanted = _of_file(file, confirm) if file else _wanted(tables, into)
    applied = apply_plan(stores_of(url_a, url_b), wanted, confirm, timeout_s=timeout_s)
    if as_json:
        print_json([_document(one) for one in applied])
    else:
        for one in applied:
            click.echo(str(one) if one.done or one.error else f"{_STORES[one.side]}: there was nothing to do")
    raise SystemExit(1 if any(one.error for one in applied) else 0)


def _wanted(tables: str | None, into: "Into") -> "Wanted":
    from assets.catalog import SCHEMA_WISHES
    from resources.schema.looking import Wanted

    return Wanted(names=tuple(one.table for one in tables_of(tables)), wishes=SCHEMA_WISHES, into=into)


def _of_file(file: Path, confirm: str) -> "Wanted":
    """What a plan's file was made with.

    Raises:
        PermanentError: it is no plan, was edited, or is another one than was confirmed.
    """
    from holdfast.errors import PermanentError
    from resources.schema.writing import read_plan

    read = read_plan(file.read_text(encoding="utf-8"))
    if not read.is_whole:
        raise PermanentError(
            f"{file} was edited: what it would run is not what its sha256 stands for; nothing was changed. Plan again, "
            "or run the file with psql if it is what you want"
        )
    if read.sha256 != confirm:
        raise PermanentError(f"{file} is plan {read.sha256}, not {confirm}; nothing was changed")
    return _wanted(read.tables, "both" if len(read.sides) > 1 else "a" if read.sides == ("a",) else "b")


def _document(one: "Applied") -> dict[str, Any]:
    return {
        "store": one.side,
        "done": list(one.done),
        "failed": one.failed,
        "error": str(one.error) if one.error else None,
        "not_done": list(one.undone),
    }
