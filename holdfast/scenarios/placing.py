"""From a declared scenario to definite failures: the seed chooses servers, metrics, sizes and moments."""

from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.errors import ScenarioError
from holdfast.scenarios import chance
from holdfast.scenarios.declared import Declared, Scenario
from holdfast.scenarios.failures import CASCADE, Failure
from holdfast.scenarios.fleet import Fleet, cascade_of, topology_of
from holdfast.scenarios.mistakes import ANY
from holdfast.scenarios.profiles import metrics_of
from holdfast.servers.template import ServerTemplate
from holdfast.servers.topology import Topology

# Between two failures of servers that have to do with each other lies time in which both are well.
REST_S: Final = 6 * 3600
_DRAWS: Final = 400


def place(scenario: Scenario, fleet: Fleet, seed: int, live_s: int) -> tuple[Failure, ...]:
    """The failures of a scenario on a fleet, by their start.

    Args:
        scenario: what is declared.
        fleet: the servers to break.
        seed: the same one gives the same failures.
        live_s: the instant at which learning is over, seconds since the epoch.

    Raises:
        ScenarioError: the fleet lacks what it needs, or there is no room for all of it; names every entry.
    """
    placed: list[Failure] = []
    problems: list[str] = []
    # Those with a fixed moment first: the others go where there is room.
    for declared in sorted(scenario.failures, key=lambda one: one.starts_after_s is None):
        for time in range(declared.times):
            key = f"{seed}/{scenario.name}/{declared.number}/{time}"
            found = _placed(declared, scenario, fleet, live_s, key, placed)
            if isinstance(found, Failure):
                placed.append(found)
            else:
                problems.append(f"failure {declared.number} ({declared.kind}): {found}")
                break
    if problems:
        raise ScenarioError(scenario.name, problems)
    return tuple(sorted(placed, key=lambda one: (one.start_s, one.server_id)))


def _placed(
    declared: Declared, scenario: Scenario, fleet: Fleet, live_s: int, key: str, placed: Sequence[Failure]
) -> Failure | str:
    servers = _candidates(declared, fleet)
    if isinstance(servers, str):
        return servers
    topology = topology_of(fleet)
    room_s = scenario.plays_s - declared.lasts_s - declared.recovery_s
    for draw in range(_DRAWS):
        server = servers[int(chance.constant(f"{key}/server {draw}") * len(servers))]
        after_s = declared.starts_after_s
        if after_s is None:
            after_s = int(chance.constant(f"{key}/start {draw}") * (room_s + 1))
        failure = _failure(declared, server, live_s + after_s, key)
        if declared.starts_after_s is not None or not _collides(failure, placed, fleet, topology):
            return failure
    return (
        f"expected room for all {declared.times} of them with {REST_S / 3600:g} h of rest between those of related "
        f"servers, found none after {_DRAWS} tries; raise plays, or lower times"
    )


def _candidates(declared: Declared, fleet: Fleet) -> Sequence[ServerTemplate] | str:
    """Servers of the fleet that the entry may mean, by id; or why there is none."""
    found: Sequence[ServerTemplate] | str = ""
    for wanted in declared.servers:
        found = _meant(declared, wanted, fleet)
        if not isinstance(found, str):
            return found
    return found


def _meant(declared: Declared, wanted: str, fleet: Fleet) -> Sequence[ServerTemplate] | str:
    named = [one for one in fleet if wanted in (ANY, f"@{one.kind}", one.server_id)]
    known = ", ".join(f"{one.server_id} ({one.kind})" for one in fleet)
    if not named:
        return f"server: expected {wanted}, found a fleet of {known}; declare such a server, or name another"
    if declared.kind == CASCADE:
        reach = {one.server_id: len(cascade_of(fleet, one.server_id)) for one in named}
        widest = max(reach.values())
        if widest < 2:
            return f"server: expected one that others depend on, found {', '.join(reach)} alone; declare upstream = […]"
        return [one for one in named if reach[one.server_id] == widest]
    fitting = [one for one in named if _fits(declared, one)]
    if not fitting:
        needed = ", ".join(declared.metrics or declared.one_of)
        return f"metrics: expected a server that reports {needed}, found none among {known}; name another"
    return sorted(fitting, key=lambda one: one.server_id)


def _fits(declared: Declared, server: ServerTemplate) -> bool:
    known = set(metrics_of(server.kind))
    return set(declared.metrics) <= known and (not declared.one_of or bool(set(declared.one_of) & known))


def _failure(declared: Declared, server: ServerTemplate, start_s: int, key: str) -> Failure:
    metrics = declared.metrics
    if declared.one_of:
        known = [name for name in declared.one_of if name in metrics_of(server.kind)]
        metrics = (known[int(chance.constant(f"{key}/metric") * len(known))],)
    low, high = declared.sizes
    return Failure(
        kind=declared.kind,
        server_id=server.server_id,
        metrics=metrics,
        start_s=start_s,
        lasts_s=declared.lasts_s,
        size=round(low + (high - low) * chance.constant(f"{key}/size"), 2),
        unit=declared.unit,
        ramp_s=declared.ramp_s,
        recovery_s=declared.recovery_s,
        lag_s=declared.lag_s,
    )


def _collides(failure: Failure, placed: Iterable[Failure], fleet: Fleet, topology: Topology) -> bool:
    """Whether a failure meets another one, in time and in servers that have to do with each other."""
    return any(
        failure.start_s < _over_s(other, fleet) + REST_S
        and other.start_s < _over_s(failure, fleet) + REST_S
        and topology.are_related(failure.server_id, other.server_id)
        for other in placed
    )


def _over_s(failure: Failure, fleet: Fleet) -> int:
    steps = max(cascade_of(fleet, failure.server_id).values()) if failure.kind == CASCADE else 0
    return failure.gone_s + steps * failure.lag_s
