"""A renamed server goes on with what was learned under its former id."""

import logging
from dataclasses import replace

from holdfast.baselines.lending import SeriesKey
from resources.baselines.store import StoredMemory, instant, read_memories, save, set_aside
from resources.postgres import Transaction


def inherit(db: Transaction, log: logging.Logger) -> set[SeriesKey]:
    """Give renamed servers the memories of their former ids; the series that were taken over.

    A series that is learned under its new id already keeps that. One that is still learning is set aside, and what
    its new id reported is folded behind what was inherited. The former id keeps its memories.
    """
    renames = dict(db.rows("baselines/renames"))
    stored, broken = read_memories(db, sorted({*renames, *renames.values()})) if renames else ([], [])
    for lost in broken:
        if lost.server_id in renames.values():
            log.warning(
                "baselines: the memory of %s of %s cannot be read, so its new name cannot take it over; "
                "import the vault's newest export: %s",
                lost.metric, lost.server_id, lost.reason,
            )  # fmt: skip
    memories: dict[str, dict[str, StoredMemory]] = {}
    for one in stored:
        memories.setdefault(one.server_id, {})[one.metric] = one
    taken: set[SeriesKey] = set()
    for server_id in sorted(renames):
        former = _former(server_id, renames, memories)
        heirs = [
            heir
            for theirs in memories.get(former or "", {}).values()
            if (heir := _heir(theirs, server_id, memories.get(server_id, {}).get(theirs.metric)))
        ]
        if heirs:
            _take_over(db, server_id, heirs)
            taken |= {heir.key for heir in heirs}
            log.info("baselines: %s takes over %d baselines of %s, its former id", server_id, len(heirs), former)
    return taken


def _former(server_id: str, renames: dict[str, str], memories: dict[str, dict[str, StoredMemory]]) -> str | None:
    """The nearest of a server's former ids of which anything was learned."""
    seen = {server_id}
    former = renames.get(server_id)
    while former is not None and former not in memories:
        seen.add(former)
        former = renames.get(former)
        if former in seen:
            return None
    return former


def _heir(theirs: StoredMemory, server_id: str, own: StoredMemory | None) -> StoredMemory | None:
    if own is None:
        return replace(theirs, server_id=server_id, inherited_from=theirs.server_id)
    if own.inherited_from or not own.memory.is_learning or theirs.memory.is_learning:
        return None
    version = max(own.version, theirs.version) + 1
    return replace(theirs, server_id=server_id, inherited_from=theirs.server_id, version=version)


def _take_over(db: Transaction, server_id: str, heirs: list[StoredMemory]) -> None:
    for heir in heirs:
        set_aside(db, server_id, heir.metric, f"inherited from {heir.inherited_from}")
    save(db, heirs)
    learned_until = [at for heir in heirs if (at := instant(heir.memory.learned_until_s))]
    if learned_until:
        db.execute("baselines/rewind_progress", server_id=server_id, at=min(learned_until))
