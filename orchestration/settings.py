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
    def state(self) -> Path:
        """The folder of all local state, absolute: ``HOLDFAST_HOME``, by default in the project."""
        return self.home if self.home.is_absolute() else PROJECT / self.home

    @property
    def vault(self) -> Path:
        """The folder of the vault, absolute."""
        return self.state / "vault"

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
    is_secret = field.endswith("_url")
    found = "a value that is not printed" if is_secret else repr(item["input"])
    return f"{names[field]} ({Settings.model_fields[field].description}): {item['msg']}; found {found}"
