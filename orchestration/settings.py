"""Every setting, once: the only place that reads the environment.

All settings are optional: what is not set is embedded (``make run``) or off, and ``holdfast doctor`` says which.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from dotenv import load_dotenv
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from holdfast.errors import SettingsError

PROJECT: Final = Path(__file__).resolve().parent.parent
_POSTGRES: Final = ("postgresql://", "postgres://", "postgresql+psycopg2://")
_REDIS: Final = ("redis://", "rediss://", "unix://")
_SECRETS: Final = ("_url", "_private_key", "_refresh_token", "_client_secret", "_secret_access_key")


class Settings(BaseModel):
    """What the environment says. Names are those of docs/operations.md; secrets never print."""

    model_config = ConfigDict(frozen=True, validate_by_name=True)

    database_url: SecretStr | None = Field(None, description="primary Postgres; Holdfast's own tables live here")
    supabase_db_url: SecretStr | None = Field(None, description="secondary Postgres (fallback store)")
    dagster_database_url: SecretStr | None = Field(
        None, description="Dagster's storage; default: DATABASE_URL's server, schema dagster"
    )
    redis_url: SecretStr | None = Field(None, description="redis:// or rediss://")
    redis_enabled: bool = Field(True, description="false: no socket is opened to Redis, Postgres buffers instead")
    metrics_targets: str | None = Field(
        None, description="comma list or file of Prometheus endpoints; unset: this machine itself"
    )
    gcp_project_id: str | None = Field(None, description="collect from Google Cloud Monitoring as well")
    google_monitoring_api_endpoint: str | None = Field(None, description="another endpoint for Cloud Monitoring")
    server_templates: Path | None = Field(
        None, description="TOML file of declared servers; default: servers.toml in the project, if it exists"
    )

    google_drive_project_id: str | None = Field(None, description="service account: project_id of its key")
    google_drive_private_key_id: str | None = Field(None, description="service account: private_key_id of its key")
    google_drive_private_key: SecretStr | None = Field(None, description="service account: private_key of its key")
    google_drive_client_email: str | None = Field(None, description="service account: client_email of its key")
    google_drive_client_id: str | None = Field(None, description="client_id of the service account or OAuth client")
    google_drive_folder_id: str | None = Field(None, description="Drive folder (or shared drive) that backups go into")
    google_drive_subject: str | None = Field(None, description="user to act as: domain-wide delegation")
    google_drive_refresh_token: SecretStr | None = Field(
        None, description="a user's OAuth instead of a service account"
    )
    google_drive_client_secret: SecretStr | None = Field(None, description="secret of that OAuth client")
    google_drive_api_endpoint: str | None = Field(None, description="another endpoint for Drive")
    google_drive_token_uri: str | None = Field(None, description="another endpoint for its tokens")
    storage_s3_endpoint: str | None = Field(None, description="second vault: Supabase Storage or any S3")
    storage_s3_region: str | None = Field(None, description="its region")
    storage_s3_access_key_id: str | None = Field(None, description="its access key")
    storage_s3_secret_access_key: SecretStr | None = Field(None, description="its secret key")
    storage_s3_bucket: str | None = Field(None, description="its bucket")
    media_allowed_hosts: str = Field(
        "fal.media", description="hosts media may be fetched from, with commas; subdomains are included"
    )

    home: Annotated[Path, Field(alias="HOLDFAST_HOME", description="folder of all local state")] = Path(".holdfast")
    port: Annotated[int, Field(alias="HOLDFAST_PORT", ge=1, le=65535, description="port of the UI")] = 3000
    collect_every_s: Annotated[
        int, Field(alias="HOLDFAST_COLLECT_EVERY_S", ge=10, le=300, description="seconds between cycles")
    ] = 30
    buffer_cycles: Annotated[
        int,
        Field(alias="HOLDFAST_BUFFER_CYCLES", ge=100, description="cycles Redis holds before it drops unread ones"),
    ] = 2880
    scrape_timeout_s: Annotated[
        float, Field(alias="HOLDFAST_SCRAPE_TIMEOUT_S", gt=0, le=60, description="longest wait for one target")
    ] = 2.0
    scrape_limit_bytes: Annotated[
        int, Field(alias="HOLDFAST_SCRAPE_LIMIT_BYTES", ge=10_000, description="largest page of one target")
    ] = 8_000_000
    dashboard_hashes: Annotated[
        bool, Field(alias="HOLDFAST_DASHBOARD_HASHES", description="also write the per-server hashes to Redis")
    ] = False
    stale_after_s: Annotated[
        int, Field(alias="HOLDFAST_STALE_AFTER_S", ge=30, description="a server silent this long is stale")
    ] = 300
    database_budget_mb: Annotated[
        int, Field(alias="HOLDFAST_DATABASE_BUDGET_MB", ge=10, description="size budget of the primary database")
    ] = 500
    secondary_budget_mb: Annotated[
        int | None,
        Field(alias="HOLDFAST_SECONDARY_BUDGET_MB", ge=10, description="size budget of the secondary database"),
    ] = None
    raw_days: Annotated[int, Field(alias="HOLDFAST_RAW_DAYS", ge=2, description="days of raw samples kept")] = 400
    hourly_days: Annotated[
        int, Field(alias="HOLDFAST_HOURLY_DAYS", ge=2, description="days of hourly rollups kept")
    ] = 1200
    media_folder: Annotated[
        Path | None,
        Field(
            alias="HOLDFAST_MEDIA_FOLDER",
            description="folder vault, e.g. a NAS; default: in HOLDFAST_HOME, if no other",
        ),
    ] = None
    media_workers: Annotated[
        int, Field(alias="HOLDFAST_MEDIA_WORKERS", ge=1, le=64, description="transfers at once in one run")
    ] = 8
    media_nightly_limit: Annotated[
        int | None, Field(alias="HOLDFAST_MEDIA_NIGHTLY_LIMIT", ge=1, description="files a class and night; unset: all")
    ] = None
    media_budget_gb: Annotated[
        float | None, Field(alias="HOLDFAST_MEDIA_BUDGET_GB", gt=0, description="room in a vault that does not say it")
    ] = None
    event_log_days: Annotated[
        int, Field(alias="HOLDFAST_EVENT_LOG_DAYS", ge=1, description="days of Dagster's operational log kept")
    ] = 14

    @field_validator("database_url", "supabase_db_url", "dagster_database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        return _starts_with(value, _POSTGRES)

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        return _starts_with(value, _REDIS)

    @property
    def is_embedded(self) -> bool:
        """Whether Holdfast brings its own stores: no database is configured."""
        return self.database_url is None

    @property
    def is_all_embedded(self) -> bool:
        """Whether it brings both: then nothing in them is anybody's but this folder's."""
        return self.database_url is None and self.supabase_db_url is None

    @property
    def state(self) -> Path:
        """The folder of all local state, absolute: ``HOLDFAST_HOME``, by default in the project."""
        return self.home if self.home.is_absolute() else PROJECT / self.home

    @property
    def vault(self) -> Path:
        """The folder of the vault, absolute."""
        return self.state / "vault"

    @property
    def origin_folder(self) -> Path:
        """The folder of the files behind the sample rows' links, absolute."""
        return self.state / "origin"

    @property
    def has_drive(self) -> bool:
        """Whether Google Drive is a vault: some login for it is configured."""
        return self.google_drive_private_key is not None or self.google_drive_refresh_token is not None

    @property
    def has_s3(self) -> bool:
        """Whether an S3-compatible store is a vault."""
        return self.storage_s3_endpoint is not None or self.storage_s3_bucket is not None

    @property
    def media_vault_folder(self) -> Path | None:
        """The folder that is a vault of media, absolute: the configured one, else our own where there is no other."""
        if self.media_folder is not None:
            return self.media_folder if self.media_folder.is_absolute() else PROJECT / self.media_folder
        return None if self.has_drive or self.has_s3 else self.vault

    @property
    def templates_file(self) -> Path:
        """The file of declared servers, absolute; without a setting it need not exist."""
        return PROJECT / (self.server_templates or "servers.toml")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a ``HOLDFAST_`` name that does not exist, or a value that is not allowed.
    """
    given = os.environ if environment is None else environment
    known = variables()
    for name in given:
        if name.startswith("HOLDFAST_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known names: {', '.join(sorted(known))}"
            raise SettingsError(f"{name}: there is no such setting; {hint}")
    try:
        return Settings.model_validate({field: given[name] for name, field in known.items() if given.get(name)})
    except ValidationError as error:
        raise SettingsError(_sentences(error)) from None


def read_dotenv() -> None:
    """Fill in, from ``.env`` in the project, what the real environment does not say."""
    load_dotenv(PROJECT / ".env", override=False)


def publish(environment: Mapping[str, str]) -> None:
    """Let this process and its children see these variables, as if a person had set them."""
    os.environ.update(environment)


def variables() -> dict[str, str]:
    """Every environment variable's name to the settings field it fills."""
    return {str(field.alias or name.upper()): name for name, field in Settings.model_fields.items()}


def dagster_url(database_url: str) -> str:
    """Dagster's default storage: the same server and database, in a schema of its own, by psycopg 2."""
    parts = urlsplit(database_url)
    query = [(k, v) for k, v in parse_qsl(parts.query) if k != "options"]
    query.append(("options", "-csearch_path=dagster"))
    return urlunsplit(("postgresql+psycopg2", parts.netloc, parts.path, urlencode(query, quote_via=quote), ""))


def _starts_with(value: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(schemes):
        raise ValueError(f"must start with {' or '.join(schemes)}")
    return value


def _sentences(error: ValidationError) -> str:
    names = {field: name for name, field in variables().items()}
    return "; ".join(_sentence(names, item) for item in error.errors(include_url=False))


def _sentence(names: Mapping[str, str], item: Any) -> str:
    given = str(item["loc"][0])
    field = variables().get(given, given)
    is_secret = field.endswith(_SECRETS)
    found = "a value that is not printed" if is_secret else repr(item["input"])
    return f"{names[field]} ({Settings.model_fields[field].description}): {item['msg']}; found {found}"
