"""``incident_act``: what an operator does about incidents from the Launchpad."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import dagster as dg
from pydantic import Field

from resources.anomalies import acting
from resources.anomalies.acting import Acted
from resources.postgres import Postgres
from resources.postgres_resource import PostgresResource

Action = Literal["acknowledge", "mute", "unmute", "pin", "close"]
OF_INCIDENT: Final = frozenset({"acknowledge", "pin", "close"})


class IncidentActConfig(dg.Config):
    """What to do, and with which incident or series."""

    action: Action = Field(
        description="acknowledge: its check passes until it becomes worse. mute, unmute: series make no incident for a "
        "while. pin: keep the raw samples of its range. close: close by hand, for six hours unless it becomes worse."
    )
    incident_id: int | None = Field(default=None, description="acknowledge, pin, close: the number of the incident.")
    server: str | None = Field(default=None, description="mute, unmute: the server; left out: all servers.")
    metric: str | None = Field(default=None, description="mute, unmute: the metric; left out: all metrics.")
    hours: float = Field(default=24, gt=0, le=2160, description="mute: for how long.")
    reason: str = Field(default="", description="mute: why (needed). acknowledge, close: a note.")
    by: str = Field(default="an operator", description="Who says so.")


@dg.op(description="Acknowledge, mute, unmute, pin or close, as the config says.")
def act_on_incident(context: dg.OpExecutionContext, config: IncidentActConfig, postgres: PostgresResource) -> None:
    """Do what the config says; safe to run twice."""
    if config.action in OF_INCIDENT and config.incident_id is None:
        raise dg.Failure(
            f"{config.action}: expected incident_id, found none; nothing was changed. The numbers of open incidents "
            "are in the metadata of metric_anomalies",
            allow_retries=False,
        )
    acted = _ACTIONS[config.action](postgres.client(), config, datetime.now(UTC))
    context.log.info("anomalies: %s: %s (%d rows changed)", config.action, acted.sentence, acted.changed)
    context.add_output_metadata({"action": config.action, "changed_rows": acted.changed, "now": acted.sentence})


@dg.job(
    description="Acknowledge, mute, unmute, pin or close an incident: open the Launchpad, fill in the config, launch."
)
def incident_act() -> None:
    """One action of an operator."""
    act_on_incident()


def _acknowledge(client: Postgres, config: IncidentActConfig, now: datetime) -> Acted:
    return acting.acknowledge(client, config.incident_id or 0, by=config.by, note=config.reason or None, now=now)


def _close(client: Postgres, config: IncidentActConfig, now: datetime) -> Acted:
    return acting.close(client, config.incident_id or 0, by=config.by, note=config.reason or None, now=now)


def _pin(client: Postgres, config: IncidentActConfig, now: datetime) -> Acted:
    return acting.pin(client, config.incident_id or 0, by=config.by, now=now)


def _mute(client: Postgres, config: IncidentActConfig, now: datetime) -> Acted:
    return acting.mute(
        client,
        server_id=config.server,
        metric=config.metric,
        hours=config.hours,
        reason=config.reason,
        by=config.by,
        now=now,
    )


def _unmute(client: Postgres, config: IncidentActConfig, now: datetime) -> Acted:
    return acting.unmute(client, server_id=config.server, metric=config.metric, now=now)


_ACTIONS: Final[Mapping[Action, Callable[[Postgres, IncidentActConfig, datetime], Acted]]] = {
    "acknowledge": _acknowledge,
    "mute": _mute,
    "unmute": _unmute,
    "pin": _pin,
    "close": _close,
}
