"""What commands share: where they work, and how they print."""

import json
from collections.abc import Sequence
from typing import Any

import click

from orchestration.settings import Settings, load


def settings_here() -> Settings:
    """The settings, with what is not configured taken from the run that is alive in the state folder."""
    from orchestration.reaching import connected

    return connected(load())


def print_json(document: Any) -> None:
    """One document for programs; instants in ISO form."""
    click.echo(json.dumps(document, default=lambda value: value.isoformat()))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """A table for people, or what to do where it is empty."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    Console().print(table if rows else empty)
