import numpy as np
import pytest

from holdfast.anomalies import judge
from holdfast.baselines import Memory, baseline_of, pool
from tests.holdfast.baselines.loads import baseline_after, learned, ordinary

DAY = 288


def test_a_kind_is_the_middle_of_its_servers_and_as_wide_as_they_differ() -> None:
    at_s, _ = ordinary(7)
    servers = [baseline_of(learned(at_s, ordinary(7, seed)[1] + 5 * seed)) for seed in range(5)]
    kind = pool(servers)
    assert kind.centre == pytest.approx(servers[2].centre, abs=1)
    assert (kind.spread > 2 * servers[2].spread).all()
    assert kind.high > 85
    assert not kind.is_learning


def test_what_is_usual_for_any_server_does_not_page_by_the_kind() -> None:
    at_s, _ = ordinary(8)
    series = [ordinary(8, seed)[1] + 5 * seed for seed in range(5)]
    kind = pool([baseline_of(learned(at_s[: 7 * DAY], values[: 7 * DAY])) for values in series])
    for values in series:
        assert judge(kind, at_s, values, 7 * DAY).score.max() < 0.5
    outage = series[0].copy()
    outage[7 * DAY + 100 :] = 400.0
    assert judge(kind, at_s, outage, 7 * DAY).score[100] >= 0.5


def test_servers_that_are_learning_do_not_speak_for_their_kind() -> None:
    ready = baseline_after(3)
    kind = pool([baseline_after(0.5, seed=4), ready, baseline_of(Memory.empty())])
    assert (kind.centre == ready.centre).all()
    with pytest.raises(ValueError, match="none of the 1 baselines"):
        pool([baseline_after(0.5)])
    with pytest.raises(ValueError, match="none of the 0 baselines"):
        pool([])


def test_a_constant_server_among_others_is_no_harm() -> None:
    at_s, _ = ordinary(3)
    kind = pool([baseline_after(3), baseline_of(learned(at_s, np.zeros(len(at_s))))])
    assert np.isfinite(kind.tails).all()
