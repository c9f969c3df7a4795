"""One item on its way from its link into every vault that lacks it, each byte read once."""

from datetime import UTC, datetime
from typing import Final

from holdfast.errors import HoldfastError, StoppedError
from holdfast.media.verdicts import result_of
from holdfast.media.work import Result, Work
from resources.media.placing import Attempt
from resources.media.rounds import Round, Tools

# A damaged or lost upload is begun anew at once, but not for ever.
_ROUNDS: Final = 4


def transfer(tools: Tools, work: Work) -> list[Result]:
    """Make every copy of an item that is due; what came of each, but for those that somebody else has by now.

    Never raises for what is wrong with the item or with a vault.
    """
    todo = [Attempt(claim=claim, remote_id=claim.remote_id, state=claim.upload) for claim in work.claims]
    results: list[Result] = []
    errors: list[HoldfastError | None] = []
    adopts = True
    for _ in range(_ROUNDS):
        one = Round(tools, work, todo, adopts=adopts)
        one.run()
        results += one.results
        todo = [attempt for attempt, _ in one.anew]
        errors = [error for _, error in one.anew]
        # What was read once for its checksum only is sent in the next round.
        adopts = adopts and None not in errors
        if not todo or tools.stop.is_set():
            break
    for attempt, error in zip(todo, errors, strict=True):
        told = error or StoppedError("the run ended before it was sent")
        result = result_of(told, work.item, attempt.claim, datetime.now(UTC))
        results += [result] if result else []
    return results
