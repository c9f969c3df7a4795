"""The applications' tables with a few rows, as the contract has them."""

from typing import Any

import psycopg

_TABLES = """
create table gen_videos (
    id uuid primary key default gen_random_uuid(), user_id uuid, generation_model text, prompt text, video_url text,
    upscale_video_url text, file_size bigint, upscale_file_size bigint, created_at timestamptz default now(),
    expires_at timestamptz
);
create table gen_images (
    id uuid primary key default gen_random_uuid(), user_id uuid, generation_model text, image_url text,
    file_size bigint, created_at timestamptz default now(), expires_at timestamptz
)
"""


def make_tables(url: str) -> None:
    """Both tables, empty."""
    with psycopg.connect(url) as connection:
        connection.execute(_TABLES)


def add_video(url: str, *, upscale: str | None = None, regular: str | None = None, **more: Any) -> str:
    """A row of gen_videos; its id."""
    values = {"upscale_video_url": upscale, "video_url": regular, **more}
    return _add(url, "gen_videos", values)


def add_image(url: str, link: str, **more: Any) -> str:
    """A row of gen_images; its id."""
    return _add(url, "gen_images", {"image_url": link, **more})


def _add(url: str, table: str, values: dict[str, Any]) -> str:
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    with psycopg.connect(url) as connection:
        statement = f"insert into {table} ({names}) values ({marks}) returning id::text"
        (made,) = connection.execute(statement.encode(), list(values.values())).fetchone() or ("",)
    return str(made)
