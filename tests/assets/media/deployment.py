"""A deployment with a folder as vault and an application's tables."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from tests.assets.baselines.deployment import Deployment
from tests.resources.media.books import Books
from tests.resources.media.test_scanning import TABLES


class MediaDeployment(Deployment):
    """Its books, its application and its folder."""

    def __init__(self, instance: Any, database_url: str, home: Path) -> None:
        super().__init__(instance, database_url, home)
        self.began_at = datetime.now(UTC)
        self.folder = home.parent / "nas"
        self.environment |= {"DATABASE_URL": database_url, "HOLDFAST_MEDIA_FOLDER": str(self.folder)}
        self.books = Books(database_url)
        self.books.run(TABLES)

    def make_folder(self) -> None:
        """The folder as a vault leaves it."""
        self.folder.mkdir()
        (self.folder / ".holdfast-vault").touch()

    def video(
        self, number: int, *, expires_in: timedelta = timedelta(days=3), into: Books | None = None, **columns: Any
    ) -> None:
        """A row of the application, in the primary unless said otherwise."""
        told = {
            "id": f"00000000-0000-0000-0000-{number:012}",
            "video_url": f"https://fal.media/{number}.mp4",
            "created_at": self.began_at - timedelta(days=4),
            "expires_at": self.began_at + expires_in,
            "file_size": 1_000_000,
        } | columns
        places = ", ".join(["%s"] * len(told))
        with psycopg.connect((into or self.books).url) as connection:
            statement = f"insert into gen_videos ({', '.join(told)}) values ({places})"
            connection.execute(statement.encode(), list(told.values()))
