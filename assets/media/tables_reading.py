"""What the table of readings looks like in the UI."""

from typing import Final

import dagster as dg

from assets.media.tables import REQUIRED

READINGS: Final = dg.TableSchema(
    [
        dg.TableColumn("reading_id", "bigint", "Its number", REQUIRED),
        dg.TableColumn("item_id", "bigint", "The file", REQUIRED),
        dg.TableColumn("vault", "text", "drive, s3 or folder", REQUIRED),
        dg.TableColumn("run", "text", "The run that read it", REQUIRED),
        dg.TableColumn("read_at", "timestamptz", "When it was written down", REQUIRED),
        dg.TableColumn("seconds", "double precision", "How long reading took", REQUIRED),
        dg.TableColumn("read_bytes", "bigint", "How many bytes the vault gave", REQUIRED),
        dg.TableColumn("verdict", "text", "whole, damaged or missing", REQUIRED),
        dg.TableColumn("remote_id", "text", "The file in the vault that was read", REQUIRED),
        dg.TableColumn("found_sha256", "bytea", "SHA-256 of what the vault gave, null where it gave nothing"),
        dg.TableColumn("problem", "text", "What is wrong, empty where it is whole", REQUIRED),
    ]
)
