"""Pictures of incidents, for the UI."""

import dagster as dg

from holdfast.anomalies.wording import words
from holdfast.plots import band_chart
from resources.baselines.picture import incident_view
from resources.postgres import Postgres


def incident_plot(postgres: Postgres, incident_id: int) -> dg.MarkdownMetadataValue:
    """The series an incident began with, the band that is usual for it, and the moment it left it."""
    view = incident_view(postgres, incident_id)
    if view is None:
        return dg.MetadataValue.md("no such incident")
    name = f"{words(view.metric)} {view.server_id}"
    return dg.MetadataValue.md(band_chart(view.points, name=name, began=view.began, ended=view.ended))
