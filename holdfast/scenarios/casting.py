"""Who plays: the servers an operator declared where they can, else the sample fleet."""

from dataclasses import dataclass, replace
from typing import Final

from holdfast.errors import ScenarioError
from holdfast.scenarios.chance import DAY_S
from holdfast.scenarios.declared import Scenario
from holdfast.scenarios.fleet import SAMPLE_FLEET, Fleet
from holdfast.scenarios.mistakes import LONGEST_S
from holdfast.scenarios.rehearsal import Play, play_of

DECLARED: Final = "declared"
SAMPLE: Final = "sample"
# Fewer servers have no cascade to show.
FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Cast:
    """A play and who plays it.

    Attributes:
        play: the play.
        fleet: ``declared`` or ``sample``.
        reason: why it is the sample fleet; empty for the declared one.
    """

    play: Play
    fleet: str
    reason: str


def cast(scenario: Scenario, declared: Fleet, seed: int) -> Cast:
    """Play a scenario on the declared servers; on the sample fleet where they are too few or lack what it needs.

    Args:
        scenario: what to play.
        declared: templates that an operator declared and did not retire.
        seed: of the simulation.

    Raises:
        ScenarioError: not even the sample fleet has what the scenario needs.
    """
    reason = _too_little(declared)
    if not reason:
        try:
            return Cast(play_of(scenario, declared, seed), DECLARED, "")
        except ScenarioError as error:
            reason = f"the declared servers lack what it needs: {'; '.join(error.problems)}"
    return Cast(play_of(scenario, SAMPLE_FLEET, seed), SAMPLE, reason)


def with_learning(scenario: Scenario, days: int) -> Scenario:
    """The scenario with another number of healthy days before it.

    Raises:
        ScenarioError: there is no room for so many, or for none.
    """
    longest = (LONGEST_S - scenario.plays_s) // DAY_S
    if not 1 <= days <= longest:
        raise ScenarioError(scenario.name, [f"learning: expected 1 to {longest} days, found {days}; choose another"])
    return replace(scenario, learning_s=days * DAY_S)


def _too_little(declared: Fleet) -> str:
    if len(declared) < FEWEST:
        return f"{len(declared)} servers are declared, {FEWEST} or more make a fleet"
    if not any(server.upstream for server in declared):
        return "none of the declared servers says what it depends on (upstream)"
    return ""
