"""What this deployment protects. Data only: no functions, no imports but holdfast's types.

Tables of other names are put here; what is not in both stores is told by ``storage_schema``.
"""

from typing import Final

from holdfast.consistency.tables import ComparedTable
from holdfast.media.items import MediaSource
from holdfast.schema.wishes import IndexWish, SchemaWish

# Applications write a story to either store and stamp updated_at: the newer row is the truth, whichever store has it.
# A video or an image has no such stamp. Its row is written once and afterwards only the backup changes it, on the
# primary: so the primary wins. Nothing is ever deleted by a repair of these tables.
COMPARED_TABLES: Final[tuple[ComparedTable, ...]] = (
    ComparedTable(name="Story", authority="newest"),
    ComparedTable(name="Scenario", authority="newest"),
    ComparedTable(name="Prompt", authority="newest"),
    # 12.5 and 12.50 seconds are one duration: told apart as a difference of form, which no repair touches.
    ComparedTable(name="VideoAsset", authority="newest", meanings={"duration_s": "form"}),
    ComparedTable(name="gen_videos", updated_at=None, authority="a"),
    ComparedTable(name="gen_images", updated_at=None, authority="a"),
)

# Both stores must have these, and in each of them users see only their own rows.
SCHEMA_WISHES: Final[tuple[SchemaWish, ...]] = (
    SchemaWish(name="Story", indexes=(IndexWish(name="idx_story_user_genre", columns=("user_id", "genre")),)),
    SchemaWish(
        name="Scenario",
        indexes=(
            IndexWish(
                name="idx_scenario_user_created",
                columns=("user_id", "created_at"),
                descending=frozenset({"created_at"}),
            ),
        ),
    ),
    SchemaWish(name="Prompt"),
    SchemaWish(name="VideoAsset"),
    SchemaWish(name="gen_videos"),
    SchemaWish(name="gen_images"),
)

# Files that expire: each row's link, and what it is worth. Copies go into every one of its vaults that is configured;
# leave one out (vaults=("drive",)) where a class is too large or not worth it.
MEDIA_SOURCES: Final[tuple[MediaSource, ...]] = (
    MediaSource(
        table="gen_videos", media_class="upscale", kind="video", url="upscale_video_url", size="upscale_file_size"
    ),
    MediaSource(table="gen_videos", media_class="regular", kind="video", url="video_url", size="file_size"),
    MediaSource(table="gen_images", media_class="images", kind="image", url="image_url", size="file_size"),
)
