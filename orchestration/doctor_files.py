"""``holdfast doctor`` on files: the servers that are declared, and the vault."""

import contextlib

from holdfast.errors import HoldfastError
from holdfast.servers.declared import parse_templates
from orchestration import wiring
from orchestration.doctor_rows import Row
from orchestration.settings import Settings
from resources.folder import FolderVault
from resources.servers import read_file, read_known


def servers_file(given: Settings, found: Settings) -> Row:
    """Whether the file of servers can be read and has no mistake."""
    configured = "SERVER_TEMPLATES" if given.server_templates else "servers.toml"
    try:
        text = read_file(given.templates_file, is_required=given.server_templates is not None)
        if text is None:
            return Row(dependency="servers", configured="off", ok=None, reachable="no file")
        declared = parse_templates(text, _known(found), source=given.templates_file.name)
    except HoldfastError as error:
        remedy = f"correct {given.templates_file}, then: holdfast servers check"
        return Row(dependency="servers", configured=configured, ok=False, problem=str(error), remedy=remedy)
    return Row(dependency="servers", configured=configured, ok=True, reachable=f"{len(declared)} declared")


def vault(given: Settings) -> Row:
    """Whether what was learned can be kept outside the database, and how many exports are there."""
    try:
        names = FolderVault(given.vault).names("baselines/")
    except HoldfastError as error:
        remedy = "let the account that runs Holdfast write there, or set HOLDFAST_HOME to another folder"
        return Row(dependency="vault", configured="embedded", ok=False, problem=str(error), remedy=remedy)
    return Row(
        dependency="vault",
        configured="embedded",
        ok=True,
        reachable=f"{len(names)} export{'' if len(names) == 1 else 's'}",
    )


def _known(found: Settings) -> frozenset[str]:
    """Servers that were sampled, where a database can be asked: a declared server may depend on them."""
    if not found.database_url:
        return frozenset()
    # A database that is away has a line of its own.
    with contextlib.suppress(HoldfastError), wiring.open_postgres(found).transaction() as db:
        return read_known(db)
    return frozenset()
