"""``holdfast health`` and ``holdfast breakers``: how the stores are, and who may ask them, without Dagster."""

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from holdfast.breaker import Action
from orchestration.printing import print_json, print_table, settings_here
from orchestration.settings import Settings

_STORE = click.Choice(["primary", "secondary"])
_BY = click.option("--by", default=getpass.getuser, help="Who says so; default: the user of this shell.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: stores, mode and recommendations.")
def health(as_json: bool) -> None:
    """Ask both stores how they are.

    What the asset storage_health would say; nothing is written, but breakers learn from it. Exit code 1: there is a
    recommendation above "look".

    \b
    Examples:
      holdfast health
      holdfast health --json | jq '.advice[] | select(.level == "critical") | .finding'
    """
    from holdfast.health.advice import RANK, advise, severity

    pair, note = _examined(settings_here())
    advice = advise(pair)
    if as_json:
        print_json(_document(pair, advice, note))
    else:
        _print(pair, advice, note)
    raise SystemExit(1 if RANK[severity(advice)] > RANK["look"] else 0)


@click.group()
def breakers() -> None:
    """Breakers: whether a store is used or left alone.

    \b
    Examples:
      holdfast breakers list
      holdfast breakers open secondary --reason "moving house"
      holdfast breakers auto secondary
    """


@breakers.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of rows.")
def list_breakers(as_json: bool) -> None:
    """List the breaker of each store.

    Exit code 1: one of them is open.

    \b
    Example:
      holdfast breakers list --json | jq '.[] | select(.state == "open") | .reason'
    """
    from holdfast.health.stores import PRIMARY, SECONDARY

    opened = _breakers(settings_here())
    looks = [opened.look(name) for name in (PRIMARY, SECONDARY)]
    if as_json:
        print_json(
            [{"store": look.name, "state": look.state, "tier": look.tier, **asdict(look.breaker)} for look in looks]
        )
    else:
        columns = ("store", "state", "failures", "open since", "next probe", "last reason", "kept in")
        print_table(columns, [_row(look) for look in looks], "there is no store")
    raise SystemExit(1 if any(look.state != "closed" for look in looks) else 0)


@breakers.command("open")
@click.argument("store", type=_STORE)
@click.option("--reason", required=True, help="Why: others read it.")
@_BY
def open_breaker(store: str, reason: str, by: str) -> None:
    """Leave a store alone, whatever happens.

    Until "auto" or "close". Whoever needs the store fails at once, with the reason.

    \b
    Example:
      holdfast breakers open secondary --reason "moving house until noon"
    """
    _force(store, "open", by=by, reason=reason)


@breakers.command("close")
@click.argument("store", type=_STORE)
@click.option("--reason", required=True, help="Why: others read it.")
@_BY
def close_breaker(store: str, reason: str, by: str) -> None:
    """Use a store, whatever happens.

    Until "auto" or "open": failures do not open its breaker.

    \b
    Example:
      holdfast breakers close secondary --reason "watching it myself"
    """
    _force(store, "close", by=by, reason=reason)


@breakers.command("auto")
@click.argument("store", type=_STORE)
@click.option("--reason", default="", help="Why.")
@_BY
def automatic_breaker(store: str, reason: str, by: str) -> None:
    """Let failures and probes decide again.

    After "open" the next call tries the store at once.

    \b
    Example:
      holdfast breakers auto secondary
    """
    _force(store, "auto", by=by, reason=reason)


def _examined(settings: Settings) -> tuple[Any, str]:
    """Both stores, and why the history cannot be read where it cannot."""
    from assets.catalog import COMPARED_TABLES
    from holdfast.errors import HoldfastError
    from orchestration import wiring
    from resources.health.history import completed
    from resources.health.probing import configured, examine

    secondary = settings.supabase_db_url
    stores = configured(
        wiring.database_url(settings),
        secondary.get_secret_value() if secondary else None,
        settings.database_budget_mb,
        settings.secondary_budget_mb,
    )
    pair = examine(stores, _breakers(settings), [one.table for one in COMPARED_TABLES], datetime.now(UTC))
    if pair.stores[0].answer is None:
        return pair, "the history is in the primary, which does not answer"
    try:
        with wiring.open_postgres(settings).transaction() as db:
            return completed(db, pair), ""
    except HoldfastError as error:
        return pair, f"the history cannot be read: {error}"


def _document(pair: Any, advice: Any, note: str) -> dict[str, Any]:
    from holdfast.health.advice import severity
    from resources.health.history import rows_of

    return {
        "probed_at": pair.probed_at,
        "mode": pair.mode,
        "mode_reason": pair.mode_reason,
        "severity": severity(advice),
        "advice": [asdict(one) for one in advice],
        "stores": [
            row | {"availability": asdict(one.availability) if one.availability else None}
            for row, one in zip(rows_of(pair), pair.stores, strict=True)
        ],
        "history": note or "read",
    }


def _print(pair: Any, advice: Any, note: str) -> None:
    from holdfast.health.stores import (
        availability_words,
        breaker_words,
        connections_words,
        replication_words,
        server_words,
        size_words,
    )

    click.echo(f"{pair.mode}: {pair.mode_reason}")
    for one in pair.stores:
        click.echo(f"\n{one.store}")
        facts = {"breaker": breaker_words(one), "availability": availability_words(one)}
        if one.answer is None:
            facts = {"does not answer": one.problem} | facts
        else:
            answer = one.answer
            trips = f"{answer.p50_ms:.2f} ms (p95 {answer.p95_ms:.2f} ms, connecting {answer.connect_ms:.1f} ms)"
            facts = {"server": server_words(answer), "round trip": trips} | facts
            facts |= {"connections": connections_words(answer), "size": size_words(one)}
            facts |= {"replication": replication_words(answer)}
        for name, words in facts.items():
            click.echo(f"  {name:<15}  {words}")
    click.echo(f"\n{note}" if note else "")
    for one in advice:
        click.echo(f"{one.level}: {one}")
    if not advice:
        click.echo("nothing to do")


def _row(look: Any) -> tuple[str, ...]:
    breaker = look.breaker
    state = f"{look.state}, forced by {breaker.forced_by}" if breaker.forced else look.state
    reason = breaker.forced_reason if breaker.forced else breaker.reason
    is_waiting = look.state != "closed" and not breaker.forced
    probe = f"{breaker.probe_at:%H:%M:%S} UTC" if is_waiting and breaker.probe_at else ""
    since = f"{breaker.opened_at:%Y-%m-%d %H:%M:%S} UTC" if breaker.opened_at else ""
    return look.name, state, str(breaker.failures), since, probe, reason, look.tier


def _force(store: str, action: Action, *, by: str, reason: str) -> None:
    look, tiers = _breakers(settings_here()).force(store, action, by=by, reason=reason)
    said = {"open": "is left alone", "close": "is used whatever happens", "auto": "is used unless it fails"}[action]
    click.echo(f"the {store} {said}: its breaker is {look.state}; known to {' and '.join(tiers)}")


def _breakers(settings: Settings) -> Any:
    from resources.guards.breakers import open_breakers

    redis_url, database_url = settings.redis_url, settings.database_url
    return open_breakers(
        redis_url=redis_url.get_secret_value() if redis_url and settings.redis_enabled else None,
        database_url=database_url.get_secret_value() if database_url else None,
    )
