from hypothesis import given
from hypothesis import strategies as st

from holdfast.metrics.catalog import CODE_LIMIT, METRIC_NAMES
from holdfast.metrics.cycles import Cycle, Reading, pack, unpack

instants = st.integers(0, 2**33)
codes = st.dictionaries(st.sampled_from(METRIC_NAMES), st.integers(0, CODE_LIMIT))
names = st.text(min_size=1, max_size=20)
cycles = st.builds(
    Cycle,
    at_s=instants,
    every_s=st.integers(10, 300),
    collector=names,
    sent_s=st.integers(0, 2**33).map(lambda ms: ms / 8),
    readings=st.lists(st.builds(Reading, server_id=names, at_s=instants, codes=codes), max_size=20).map(tuple),
    failed=st.dictionaries(names, names, max_size=5),
)


@given(cycles)
def test_unpacking_gives_back_what_was_packed(cycle: Cycle) -> None:
    assert unpack(pack(cycle)) == cycle
