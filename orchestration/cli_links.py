"""``holdfast media links`` and ``holdfast media url``: where files can be had, from a terminal."""

from typing import TYPE_CHECKING, get_args

import click

from holdfast.media.items import CLASSES, MediaClass, printable_url
from orchestration.printing import print_json, print_table, settings_here

if TYPE_CHECKING:
    from holdfast.media.links import LinksReport

_CLASS = click.Choice(get_args(MediaClass))
_COLUMNS = ("origin", "drive", "folder", "s3", "")


@click.command()
@click.option("--ask", is_flag=True, help="Ask the links whose last answer is too old first, as media_links does.")
@click.option("--again", is_flag=True, help="With --ask: also those whose last answer is still good.")
@click.option("--json", "as_json", is_flag=True, help="For programs: files by class and who serves them.")
def links(ask: bool, again: bool, as_json: bool) -> None:
    """Who serves how many files, and which ones a vault serves since their link is dead.

    Exit code 1: some file cannot be had anywhere.

    \b
    Examples:
      holdfast media links
      holdfast media links --ask --again
      holdfast media links --json | jq '.unreachable'
    """
    if again and not ask:
        raise click.UsageError("--again says how to ask: give --ask as well")
    report = _report(ask=ask, again=again)
    if as_json:
        print_json(_document(report))
    else:
        _print(report)
    raise SystemExit(1 if report.files_by("") else 0)


@click.command()
@click.argument("table")
@click.argument("row_id", metavar="ID")
@click.option("--class", "media_class", type=_CLASS, help="That file of the row; default: the most valuable.")
@click.option("--json", "as_json", is_flag=True, help="For programs: the URL and whose it is.")
def url(table: str, row_id: str, media_class: MediaClass | None, as_json: bool) -> None:
    """Print the URL to use now for the file of a row; exit code 1 if there is none.

    \b
    Examples:
      holdfast media url gen_videos 5b0f3c1e-8a39-4f5e-9a77-0d8a52d4b7aa
      holdfast media url gen_videos 5b0f3c1e-8a39-4f5e-9a77-0d8a52d4b7aa --class regular --json
    """
    from dataclasses import asdict

    from orchestration import reaching
    from resources.media.links import access_url

    found = access_url(reaching.open_postgres(settings_here()), table, row_id, media_class)
    if as_json:
        print_json(asdict(found) if found else None)
    elif found:
        click.echo(found.url)
    else:
        click.echo(f"{table} {row_id}: no file of this row can be had; holdfast media status says more", err=True)
    raise SystemExit(0 if found else 1)


def _report(*, ask: bool, again: bool) -> "LinksReport":
    from orchestration import reaching, wiring_media
    from resources.media.links import ask_links, links_now

    settings = settings_here()
    postgres = reaching.open_postgres(settings)
    if not ask:
        return links_now(postgres)
    origin = wiring_media.media_origin(settings)
    try:
        return ask_links(postgres, origin, again=again)
    finally:
        origin.close()


def _document(report: "LinksReport") -> dict[str, object]:
    from dataclasses import asdict

    return {
        "files": report.files,
        "served": [
            {"media_class": media_class, "served_by": by or None, "files": count}
            for (media_class, by), count in report.served.items()
        ],
        "asked": dict(report.asked),
        "switched": [asdict(one) for one in report.switched],
        "unreachable": [asdict(one) | {"url": printable_url(one.url)} for one in report.unreachable],
    }


def _print(report: "LinksReport") -> None:
    rows = [
        (media_class, *(f"{report.served.get((media_class, by), 0):,}" for by in _COLUMNS))
        for media_class in CLASSES
        if any(of == media_class for of, _ in report.served)
    ]
    print_table(("class", *_COLUMNS[:-1], "nobody"), rows, "no file is in the books yet: holdfast media run")
    for one in (*report.unreachable, *report.switched):
        by = f"is served by {one.served_by}: {one.url}" if one.served_by else "cannot be had anywhere"
        click.echo(f"{one.media_class} {one.source_table}/{one.source_id} {by}\n  {one.problem or one.origin_state}")
