"""What commands on the two stores share: which stores, and which tables."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from holdfast.consistency.tables import ComparedTable, TableName
from holdfast.errors import SettingsError
from resources.stores import Stores, open_stores

F = TypeVar("F", bound=Callable[..., Any])


def store_options(command: F) -> F:
    """Add ``--a``, ``--b``: where both stores are."""
    for option in (
        click.option("--b", "url_b", metavar="URL", help="The secondary; default: SUPABASE_DB_URL."),
        click.option("--a", "url_a", metavar="URL", help="The primary; default: DATABASE_URL."),
    ):
        command = option(command)
    return command


def tables_option(command: F) -> F:
    """Add ``--tables``: which tables."""
    return click.option(
        "--tables", metavar="LIST", help="Names with commas, as written in the catalogue; default: the declared ones."
    )(command)


def stores_of(url_a: str | None, url_b: str | None) -> Stores:
    """Both stores: as given, else as configured, else those of the run that is alive in the state folder.

    Raises:
        SettingsError: one of them is neither given nor configured, and none runs.
    """
    if url_a and url_b:
        return open_stores(url_a, url_b)
    from orchestration.printing import settings_here

    settings = settings_here()
    a = url_a or (settings.database_url and settings.database_url.get_secret_value())
    b = url_b or (settings.supabase_db_url and settings.supabase_db_url.get_secret_value())
    for url, name, option in ((a, "DATABASE_URL", "--a"), (b, "SUPABASE_DB_URL", "--b")):
        if not url:
            raise SettingsError(
                f"{name} is not set, {option} is not given, and no embedded stack runs in {settings.state}; "
                "set it, give it, or start one (make run) in another terminal"
            )
    return open_stores(str(a), str(b))


def tables_of(names: str | None) -> list[ComparedTable]:
    """Declared tables, or those of a list; a table of the list that is not declared is compared by its own key.

    Raises:
        click.BadParameter: the list holds something that is no table's name.
    """
    from assets.catalog import COMPARED_TABLES

    if names is None:
        return list(COMPARED_TABLES)
    declared = {one.table: one for one in COMPARED_TABLES}
    try:
        wanted = [TableName.parse(name) for name in names.split(",") if name.strip()]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--tables") from None
    return [declared.get(name) or ComparedTable(name=_written(name)) for name in dict.fromkeys(wanted)]


def _written(name: TableName) -> str:
    return '"{}"."{}"'.format(name.schema.replace('"', '""'), name.name.replace('"', '""'))
