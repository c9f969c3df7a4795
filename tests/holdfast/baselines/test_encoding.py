import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.baselines import Baseline, Memory, baseline_of
from holdfast.errors import BaselineVersionError, DamagedBaselineError
from tests.holdfast.baselines.loads import learned, ordinary

MEMORY = learned(*ordinary(5))
LEARNED: list[Any] = [Memory.empty(), MEMORY, baseline_of(Memory.empty()), baseline_of(MEMORY)]
each = pytest.mark.parametrize("whole", LEARNED, ids=["no memory", "memory", "no baseline", "baseline"])


@each
def test_bytes_and_documents_give_back_the_same(whole: Any) -> None:
    from_bytes = type(whole).from_bytes(whole.to_bytes())
    from_document = type(whole).from_document(json.loads(json.dumps(whole.to_document(), allow_nan=False)))
    assert from_bytes == whole
    assert from_document == whole
    assert from_bytes.to_bytes() == from_document.to_bytes() == whole.to_bytes()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 1e12, -1e-9, 0.0]))
def test_whatever_was_learned_comes_back(seed: int, scale: float) -> None:
    at_s, values = ordinary(1.3, seed)
    memory = learned(at_s, np.round(values) * scale)
    assert Memory.from_bytes(memory.to_bytes()) == memory
    assert Memory.from_document(json.loads(json.dumps(memory.to_document()))) == memory


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    stored = tmp_path / "memory"
    stored.write_bytes(MEMORY.to_bytes())
    script = (
        "import pathlib, sys; from holdfast.baselines import Memory, baseline_of;"
        "memory = Memory.from_bytes(pathlib.Path(sys.argv[1]).read_bytes());"
        "sys.stdout.buffer.write(memory.to_bytes() + baseline_of(memory).to_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", script, str(stored)], capture_output=True, check=True)
    assert done.stdout == MEMORY.to_bytes() + baseline_of(MEMORY).to_bytes()


@each
@pytest.mark.parametrize("cut", [0, 3, 10, 14, 40, -1])
def test_bytes_that_were_cut_are_refused(whole: Any, cut: int) -> None:
    with pytest.raises(DamagedBaselineError, match="Nothing was read of it"):
        type(whole).from_bytes(whole.to_bytes()[:cut])


@settings(max_examples=100)
@given(st.integers(6), st.integers(1, 255))
def test_no_damaged_byte_goes_unnoticed(place: int, change: int) -> None:
    data = bytearray(MEMORY.to_bytes())
    data[6 + place % (len(data) - 6)] ^= change
    with contextlib.suppress(DamagedBaselineError):
        assert Memory.from_bytes(bytes(data)) == MEMORY


def test_a_baseline_is_not_taken_for_a_memory() -> None:
    with pytest.raises(DamagedBaselineError, match="HFBB"):
        Memory.from_bytes(baseline_of(MEMORY).to_bytes())
    with pytest.raises(DamagedBaselineError, match="'baseline'"):
        Memory.from_document(baseline_of(MEMORY).to_document())


def test_another_format_says_which_and_what_to_do() -> None:
    data = bytearray(MEMORY.to_bytes())
    data[4] = 9
    with pytest.raises(BaselineVersionError, match=r"format is 9.*reads format 1.*learn it again"):
        Memory.from_bytes(bytes(data))
    with pytest.raises(BaselineVersionError, match="format is 7"):
        Baseline.from_document(baseline_of(MEMORY).to_document() | {"format": 7})


@pytest.mark.parametrize(
    "damage",
    [
        lambda x: x.pop("medians"),
        lambda x: x.update(medians="none"),
        lambda x: x["medians"].append([]),
        lambda x: x["counts"][0].append("many"),
        lambda x: x.update(days=[2**40]),
        lambda x: x.update(version=None),
        lambda x: x.update(version="three"),
    ],
)
def test_a_document_that_is_not_whole_is_refused(damage: Callable[[dict[str, Any]], Any]) -> None:
    document = MEMORY.to_document()
    damage(document)
    with pytest.raises(DamagedBaselineError):
        Memory.from_document(document)


def test_what_was_learned_with_other_residuals_is_not_taken_for_damaged() -> None:
    data = bytearray(MEMORY.to_bytes())
    data[6] ^= 1
    with pytest.raises(BaselineVersionError, match="learned with other residuals"):
        Memory.from_bytes(bytes(data))
    with pytest.raises(BaselineVersionError, match="learned with other residuals"):
        Memory.from_document(MEMORY.to_document() | {"residuals": ["slot"]})
