"""Checks of the anomalies: each is named as the sentence that holds when it passes."""

from typing import Final

import dagster as dg

from assets.baselines.anomalies import metric_anomalies
from resources.anomalies.store import listed
from resources.postgres_resource import PostgresResource

SHOWN_SENTENCES: Final = 20


@dg.asset_check(asset=metric_anomalies)
def no_open_critical_anomalies(postgres: PostgresResource) -> dg.AssetCheckResult:
    """No critical incident is open that nobody has taken note of.

    An acknowledged one does not fail it, unless it became worse since. Acknowledge, mute or close one with the job
    ``incident_act`` or with ``holdfast anomalies``.
    """
    with postgres.client().transaction() as db:
        incidents = listed(db, limit=1000)
    calling = [one for one in incidents if one.is_calling]
    sentences = {f"incident_{one.incident_id}": one.sentence for one in calling[:SHOWN_SENTENCES]}
    return dg.AssetCheckResult(
        passed=not calling,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(sentences.values())[:2000] or None,
        metadata={
            "open_critical_unacknowledged": len(calling),
            "open_critical": sum(one.severity == "critical" for one in incidents),
            "open_incidents": len(incidents),
            **sentences,
        },
    )
