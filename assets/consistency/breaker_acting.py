"""``breaker_act``: what an operator says about a store's breaker, from the Launchpad."""

from typing import Literal

import dagster as dg
from pydantic import Field

from holdfast.breaker import Action
from resources.guards.breakers_resource import BreakersResource


class BreakerActConfig(dg.Config):
    """Which breaker, and what to do with it."""

    store: Literal["primary", "secondary"] = Field(description="Whose breaker.")
    action: Action = Field(
        description="open: leave the store alone, whatever happens. close: use it, whatever happens. auto: failures "
        "and probes decide again; after open, the next call tries the store at once."
    )
    reason: str = Field(default="", description="Why; open and close need it.")
    by: str = Field(default="an operator", description="Who says so.")


@dg.op(description="Force a breaker open or closed, or take that back, as the config says.")
def act_on_breaker(context: dg.OpExecutionContext, config: BreakerActConfig, breakers: BreakersResource) -> None:
    """Do what the config says; safe to run twice."""
    if config.action != "auto" and not config.reason.strip():
        raise dg.Failure(
            f"{config.action}: expected a reason, found none; nothing was changed. It is what others read while the "
            f"breaker of the {config.store} is forced",
            allow_retries=False,
        )
    look, tiers = breakers.open().force(config.store, config.action, by=config.by, reason=config.reason)
    context.log.info("breakers: %s: %s, now %s, known to %s", config.store, config.action, look.state, tiers)
    context.add_output_metadata({"store": config.store, "state": look.state, "known_to": ", ".join(tiers)})


@dg.job(description="Force a store's breaker open or closed, or take that back: open the Launchpad, fill in, launch.")
def breaker_act() -> None:
    """One action of an operator."""
    act_on_breaker()
