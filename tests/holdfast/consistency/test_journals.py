"""A journal is read as it was written, whatever the rows hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.consistency.journals import Entry, Header, read_journal, table_text
from holdfast.consistency.plan_rows import VERBS
from holdfast.consistency.tables import TableName
from holdfast.errors import PlanError

HEADER = Header(repair_id="0123", stores={"a": "1", "b": "2"}, began_at="2026-01-01")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
IMAGES = st.one_of(st.none(), st.dictionaries(TEXT, st.one_of(st.none(), TEXT), max_size=4))
ENTRIES = st.builds(
    Entry,
    table=st.builds(table_text, st.builds(TableName, TEXT.filter(bool), TEXT.filter(bool))),
    side=st.sampled_from(["a", "b"]),
    verb=st.sampled_from(VERBS),
    key=st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    key_columns=st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    before=IMAGES,
    after=IMAGES,
    batch=st.integers(0, 10),
)


@given(st.lists(ENTRIES, max_size=5))
def test_a_journal_is_read_as_it_was_written(entries: list[Entry]) -> None:
    lines = [HEADER.to_line(), *(entry.to_line() for entry in entries)]
    assert all(line.count("\n") == 1 for line in lines)
    journal = read_journal(lines, source="j")
    assert (journal.header, list(journal.entries)) == (HEADER, entries)


@given(st.lists(ENTRIES, min_size=1, max_size=3), st.data())
def test_a_journal_that_was_cut_off_ends_with_its_last_whole_line(entries: list[Entry], data: st.DataObject) -> None:
    *lines, last = [HEADER.to_line(), *(entry.to_line() for entry in entries)]
    cut = last[: data.draw(st.integers(0, len(last) - 1))]
    assert list(read_journal([*lines, cut], source="j").entries) == entries[:-1]


@given(st.builds(TableName, TEXT.filter(bool), TEXT.filter(bool)))
def test_the_name_of_a_table_is_read_as_it_was_written(name: TableName) -> None:
    assert TableName.parse(table_text(name)) == name


@pytest.mark.parametrize("line", ['{"action": "drop"}\n', "{\n", '{"action": "insert", "into": "c"}\n'])
def test_a_damaged_line_is_named(line: str) -> None:
    with pytest.raises(PlanError, match="j, line 2, is damaged"):
        read_journal([HEADER.to_line(), line, HEADER.to_line()], source="j")
