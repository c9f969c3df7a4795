"""What the table of copies looks like in the UI."""

from typing import Final

import dagster as dg

from assets.media.tables import REQUIRED

COPIES: Final = dg.TableSchema(
    [
        dg.TableColumn("item_id", "bigint", "The file", REQUIRED),
        dg.TableColumn("vault", "text", "drive, s3 or folder", REQUIRED),
        dg.TableColumn("media_class", "text", "Class of the file", REQUIRED),
        dg.TableColumn("source_table", "text", "The application's table", REQUIRED),
        dg.TableColumn("source_id", "text", "Id of the row in it, as text", REQUIRED),
        dg.TableColumn("state", "text", "pending, leased, uploading, verified, failed, expired or lost", REQUIRED),
        dg.TableColumn("is_required", "boolean", "Whether it is asked for now", REQUIRED),
        dg.TableColumn("deadline_at", "timestamptz", "From then on the link may be dead", REQUIRED),
        dg.TableColumn("attempts", "integer", "Attempts that ended badly; at 8 it is failed", REQUIRED),
        dg.TableColumn("next_attempt_at", "timestamptz", "Not tried before then, null where it does not wait"),
        dg.TableColumn("name", "text", "Its path in the vault"),
        dg.TableColumn("remote_id", "text", "By which the vault finds it"),
        dg.TableColumn("url", "text", "Where a person finds it"),
        dg.TableColumn("size_bytes", "bigint", "Size of the verified copy"),
        dg.TableColumn("sha256", "text", "Its SHA-256 in hex"),
        dg.TableColumn("is_adopted", "boolean", "Whether the file was in the vault already", REQUIRED),
        dg.TableColumn("verified_at", "timestamptz", "When it was proven"),
        dg.TableColumn("read_back_at", "timestamptz", "When it was last read back and hashed"),
        dg.TableColumn("missing_at", "timestamptz", "Since when the vault does not have the file"),
        dg.TableColumn("problem", "text", "What went wrong last, empty where nothing did", REQUIRED),
        dg.TableColumn("remedy", "text", "What to do about it", REQUIRED),
        dg.TableColumn("updated_at", "timestamptz", "When the copy last changed", REQUIRED),
    ]
)
