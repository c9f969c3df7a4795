"""Where the databases are: from settings, or from the run that is alive here. Without Dagster, which takes seconds."""

from collections.abc import Mapping

from pydantic import SecretStr

from holdfast.errors import SettingsError
from orchestration.runs import alive
from orchestration.settings import Settings, dagster_url, variables
from resources.postgres import Postgres


def connected(settings: Settings) -> Settings:
    """The settings, with what is not configured taken from the run that is alive in the state folder."""
    run = alive(settings.state)
    return filled(settings, run.environment) if run else settings


def filled(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings, with what they leave out taken from ``environment``."""
    names = variables()
    found = {names[name]: SecretStr(value) for name, value in environment.items() if name in names}
    update: dict[str, object] = {field: v for field, v in found.items() if getattr(settings, field) is None}
    # Only a run whose stores are all its own has a word on this, for the samples' origin; it holds the setting's too.
    hosts = environment.get("MEDIA_ALLOWED_HOSTS")
    if hosts and settings.is_all_embedded:
        update["media_allowed_hosts"] = hosts
    return settings.model_copy(update=update)


def database_url(settings: Settings) -> str:
    """Where the primary is.

    Raises:
        SettingsError: it is not configured, and no embedded one runs.
    """
    return needed(settings.database_url, "DATABASE_URL", settings)


def storage_url(settings: Settings) -> str:
    """Where Dagster keeps its own, always in the form of the one driver it works with."""
    if settings.dagster_database_url is None:
        return dagster_url(database_url(settings))
    _, rest = settings.dagster_database_url.get_secret_value().split("://", 1)
    return f"postgresql+psycopg2://{rest}"


def open_postgres(settings: Settings) -> Postgres:
    """The primary."""
    return Postgres(database_url(settings))


def needed(value: SecretStr | None, name: str, settings: Settings) -> str:
    """A URL that is configured, or that of the run that is alive here.

    Raises:
        SettingsError: there is neither.
    """
    if value is None:
        raise SettingsError(
            f"{name} is not set and no embedded stack runs in {settings.state}; "
            "start one (make run) in another terminal, or set it"
        )
    return value.get_secret_value()
