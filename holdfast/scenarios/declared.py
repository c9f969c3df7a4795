"""A scenario as it is declared: TOML text to data, or everything that is wrong with it at once."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.errors import ScenarioError
from holdfast.scenarios.failures import Unit
from holdfast.scenarios.mistakes import entry_mistakes, known_seconds, top_mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One entry of a scenario: a failure, or several alike, that the seed makes definite.

    Attributes:
        number: place in the file, from 1.
        kind: one of ``holdfast.scenarios.failures.KINDS``.
        servers: a server's id, ``@`` and a kind of server, or ``@any``; of several the first that the fleet has.
        metrics: all of these show it; empty for a cascade.
        one_of: one of these shows it, drawn; empty where ``metrics`` says.
        starts_after_s: after the learning; None: drawn.
        lasts_s: how long until it is mended.
        sizes: lowest and highest size, between which it is drawn.
        unit: what a size counts.
        times: how many of them.
    """

    number: int
    kind: str
    servers: tuple[str, ...]
    lasts_s: int
    metrics: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    starts_after_s: int | None = None
    sizes: tuple[float, float] = (0.0, 0.0)
    unit: Unit = "spreads"
    ramp_s: int = 0
    recovery_s: int = 0
    lag_s: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A play: healthy days to learn from, then hours in which things break.

    Attributes:
        name: the file's name without its ending.
        description: one sentence.
        learning_s: healthy days before, whole days.
        plays_s: how long things may break, whole slots.
        every_s: distance of collection cycles; divides a slot.
        failures: what breaks.
    """

    name: str
    description: str
    learning_s: int
    plays_s: int
    every_s: int
    failures: tuple[Declared, ...]

    def to_document(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return asdict(self)


def parse_scenario(text: str, name: str) -> Scenario:
    """Read one scenario.

    Args:
        text: TOML: ``description``, ``learning``, ``plays``, ``every`` and one ``[[failure]]`` per entry.
        name: what to call it, in the log and in messages.

    Raises:
        ScenarioError: the text is no TOML, or says what cannot be; names every mistake in the order of the file.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError(name, [f"the file is not TOML: {error}"]) from None
    if mistakes := [*top_mistakes(document), *entry_mistakes(document)]:
        raise ScenarioError(name, mistakes)
    return Scenario(
        name=name,
        description=document["description"],
        learning_s=known_seconds(document["learning"]),
        plays_s=known_seconds(document["plays"]),
        every_s=known_seconds(document.get("every", "5m")),
        failures=tuple(_declared(number, entry) for number, entry in enumerate(document["failure"], 1)),
    )


def _declared(number: int, entry: Mapping[str, Any]) -> Declared:
    unit: Unit = "absolute" if "absolute" in entry else "spreads"
    size = entry.get(unit, 0.0)
    low, high = size if isinstance(size, list) else (size, size)
    starts_after, server = entry.get("starts_after"), entry["server"]
    return Declared(
        number=number,
        kind=entry["kind"],
        servers=tuple(server) if isinstance(server, list) else (server,),
        metrics=tuple(entry.get("metrics", ())),
        one_of=tuple(entry.get("one_of", ())),
        starts_after_s=None if starts_after is None else known_seconds(starts_after),
        lasts_s=known_seconds(entry["lasts"]),
        sizes=(float(low), float(high)),
        unit=unit,
        ramp_s=known_seconds(entry.get("ramp", "0s")),
        recovery_s=known_seconds(entry.get("recovery", "0s")),
        lag_s=known_seconds(entry.get("lag", "0s")),
        times=entry.get("times", 1),
    )
