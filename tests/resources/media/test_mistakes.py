"""A mistake of ours in one item."""

import threading
from datetime import UTC, datetime
from uuid import UUID

from holdfast.media.items import MediaItem
from holdfast.media.work import Claim, Work
from resources.media.waiting import Patience
from resources.media.workers import Workers


def test_a_mistake_is_told_by_place_and_costs_only_its_item() -> None:
    now = datetime.now(UTC)
    item = MediaItem(
        item_id=1, source_table="t", source_id="1", media_class="images", kind="image", created_at=now, deadline_at=now,
        url="https://fal.media/a.png?signature=topsecret",
    )  # fmt: skip
    claim = Claim(item_id=1, vault="folder", token=UUID(int=1))
    # Without an origin nothing works, as if we had forgotten something.
    workers = Workers(1, None, {}, None, lambda stop: Patience(stop))  # type: ignore[arg-type]
    for _ in range(3):
        workers.give(Work(item=item, claims=(claim,)))
    found: list[str] = []
    while len(found) < 3:
        found += [result.problem for _, results in workers.done(1) for result in results]
    workers.close()
    assert threading.active_count() < 20
    assert all(text.startswith("a mistake in Holdfast: AttributeError in ") and ".py, line " in text for text in found)
    assert "topsecret" not in " ".join(found)
