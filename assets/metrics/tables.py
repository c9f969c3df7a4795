"""What the metrics tables look like: column schemas for the UI, from the catalogue of metrics."""

from typing import Any, Final

import dagster as dg

from holdfast.metrics.catalog import METRICS

GROUP: Final = "metrics"
OWNERS: Final = ["team:platform"]

_REQUIRED: Final = dg.TableColumnConstraints(nullable=False)
_SERVER: Final = dg.TableColumn("server_id", "text", "Name of the server", _REQUIRED)
_DAY: Final = dg.TableColumn("day", "date", "UTC day, filter by it to read only that day", _REQUIRED)

HISTORY: Final = dg.TableSchema(
    [
        _SERVER,
        dg.TableColumn("sampled_at", "timestamptz", "Instant of the sample", _REQUIRED),
        _DAY,
        *(
            dg.TableColumn(metric.name, "double precision", f"{metric.description}, null where not measured")
            for metric in METRICS
        ),
    ]
)

ROLLUP: Final = dg.TableSchema(
    [
        _SERVER,
        dg.TableColumn("metric", "text", "The metric, as in metric_catalog", _REQUIRED),
        dg.TableColumn("bucket_at", "timestamptz", "Start of the bucket, UTC", _REQUIRED),
        dg.TableColumn("sample_count", "integer", "Samples in the bucket", _REQUIRED),
        dg.TableColumn("min", "double precision", "Smallest value", _REQUIRED),
        dg.TableColumn("max", "double precision", "Largest value", _REQUIRED),
        dg.TableColumn("avg", "double precision", "Mean", _REQUIRED),
        dg.TableColumn("p95", "double precision", "95th percentile, interpolated", _REQUIRED),
        _DAY,
    ]
)

CHUNK: Final = dg.TableSchema(
    [
        dg.TableColumn("server_no", "integer", "The server", _REQUIRED),
        dg.TableColumn("day", "date", "UTC day", _REQUIRED),
        dg.TableColumn("first_s", "integer", "Seconds from midnight to slot 0", _REQUIRED),
        dg.TableColumn("step_s", "integer", "Seconds from slot to slot", _REQUIRED),
        dg.TableColumn("slot_count", "integer", "Number of slots", _REQUIRED),
        dg.TableColumn("present", "bit varying", "Packed: 1 where the slot holds a sample", _REQUIRED),
        dg.TableColumn("codes", "bit varying[]", "One packed array per metric, at its metric_no", _REQUIRED),
    ]
)


def table(name: str, schema: dg.TableSchema) -> dict[str, Any]:
    """Definition metadata of an asset that is a table or a view of ours."""
    return {"dagster/table_name": f"holdfast.{name}", "dagster/column_schema": schema}
