"""Learning and judging: processor time, the cost of a new day, and NAB with the simple peers.

``python -m benchmarks.baselines`` measures processor time only: a process of its own, its imports included, that
judges and learns series of 28 days at 5 minutes (a load by day, noise, some spikes); and, for 1000 such series, from
the bytes that were stored to the bytes to be stored, one new day against all 28 days again.

``--nab DIR --scorer FILE`` also scores NAB's series by the project's scorer, with 5-95 % intervals of a bootstrap
over series: ours, ours restarted in the middle of every series, a global 3 sigma (mean and deviation of all samples
before), and a slot's median and MAD over 14 days. A peer's score is z / (z + 3), so that 0.5 is its 3 sigma.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.report import Line, in_turns, processor, say, show
from holdfast.anomalies import Detector, detector
from holdfast.baselines import BLOCK_S, DAYS, Memory, baseline_of
from holdfast.baselines.folding import fold
from holdfast.baselines.grid import DAY_S, Floats, Ints

FIRST_S: Final = 20_000 * DAY_S
MEASURES: Final = {
    "NAB standard": ("NAB_standard", "50", "68"),
    "NAB at 0.5": ("NAB_standard_thr", "45", "60"),
    "F1 at 0.5": ("F1_thr", "", ""),
    "event AUPRC": ("event_AUPRC", "0.50", "0.60"),
}
Scored = tuple[Floats, Floats]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer series and rounds, to see that it works")
    parser.add_argument("--nab", type=Path, help="folder with NAB's points.parquet, index.csv and windows.csv")
    parser.add_argument("--scorer", type=Path, help="the Python file that scores detectors on that folder")
    parser.add_argument("--resamples", type=int, default=200, help="of the bootstrap over series")
    parser.add_argument("--judge-only", type=int, metavar="SERIES", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.judge_only:
        _judge(asked.judge_only)
        return
    if bool(asked.nab) != bool(asked.scorer):
        parser.error("--nab and --scorer belong together")
    lines = [_processor_time(series=4 if asked.quick else 36), *_new_day(20 if asked.quick else 1000)]
    show(f"baselines: {processor()}; CPU of one process", lines, _sizes())
    if asked.nab:
        _nab(asked.nab, asked.scorer, 20 if asked.quick else asked.resamples)


def load(days: int, seed: int) -> tuple[Ints, Floats]:
    """A load by day with noise and spikes, at 5 minutes."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(FIRST_S, FIRST_S + days * DAY_S, 300)
    values = 50 - rng.uniform(5, 25) * np.cos(at_s % DAY_S / DAY_S * 2 * np.pi) + rng.normal(size=len(at_s))
    values[rng.choice(len(values), days)] += rng.uniform(5, 40, days)
    return at_s, values


def _judge(series: int) -> None:
    for seed in range(series):
        detector(*load(DAYS, seed))
    print(time.process_time())


def _processor_time(series: int) -> Line:
    def taken_s() -> float:
        command = [sys.executable, "-m", "benchmarks.baselines", "--judge-only", str(series)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    timing = in_turns({"ours": taken_s}, rounds=5)["ours"]
    per_thousand = [f"{x / series / DAYS * 1000:.2f}" for x in (timing.median_s, *_ends(timing.rounds_s))]
    ours = f"{per_thousand[0]} s ({per_thousand[1]}-{per_thousand[2]})"
    return Line("CPU per 1000 series-days at 5 min, import included", ours, must="30 s", aim="2 s")


def _ends(rounds_s: Sequence[float]) -> tuple[float, float]:
    return min(rounds_s), max(rounds_s)


def _new_day(series: int) -> list[Line]:
    """Few series are generated and each is used many times: generating costs more than learning."""
    loads = [load(DAYS + 1, seed) for seed in range(10)]
    until_s = FIRST_S + DAYS * DAY_S
    stored = [fold(Memory.empty(), *x, FIRST_S, until_s).to_bytes() for x in loads]

    def one_day() -> float:
        return _taken_s(
            series, lambda i: _stored(fold(Memory.from_bytes(stored[i]), *loads[i], until_s, until_s + DAY_S))
        )

    def all_days() -> float:
        return _taken_s(series, lambda i: _stored(fold(Memory.empty(), *loads[i], FIRST_S + DAY_S, until_s + DAY_S)))

    timings = in_turns({"a new day": one_day, "28 days": all_days}, rounds=3)
    day, full = timings["a new day"], timings["28 days"]
    ratio = f"{day.median_s / full.median_s:.3f}"
    return [Line(f"{series} series: learn one new day / all 28 days again", str(day), str(full), ratio, "0.1", "0.05")]


def _taken_s(series: int, learns: Callable[[int], None]) -> float:
    began_s = time.process_time()
    for number in range(series):
        learns(number % 10)
    return time.process_time() - began_s


def _stored(memory: Memory) -> None:
    memory.to_bytes()
    baseline_of(memory).to_bytes()


def _sizes() -> list[str]:
    memory = fold(Memory.empty(), *load(DAYS, 1), FIRST_S, FIRST_S + DAYS * DAY_S)
    sizes = len(memory.to_bytes()), len(baseline_of(memory).to_bytes())
    return [f"stored per series after 28 days: memory {sizes[0]} bytes, baseline {sizes[1]}; blocks of {BLOCK_S} s"]


def _nab(folder: Path, scorer_file: Path, resamples: int) -> None:
    scorer = _module(scorer_file)
    series = scorer.load(str(folder))
    ways: dict[str, Callable[[Ints, Floats], Scored]] = {
        "ours": detector,
        "restarted": _restarted,
        "3 sigma": _sigma,
        "slot MAD": _slots,
    }
    scored = {}
    for name, way in ways.items():
        scored[name] = [way(x.ts, x.v) for x in series]
        say(f"{name}: scored {len(series)} series")
    drawn = np.random.default_rng(1).integers(0, len(series), (resamples, len(series)))
    figures = {name: _figures(scorer, series, scores, drawn) for name, scores in scored.items()}
    lines = [
        Line(measure, _interval(figures["ours"][key]), f"{peer} {_interval(figures[peer][key])}", "", must, aim)
        for measure, (key, must, aim) in MEASURES.items()
        for peer in ("3 sigma", "slot MAD")
    ]
    after, before = figures["restarted"]["F1_thr"][0], figures["ours"]["F1_thr"][0]
    lines.append(Line("F1 after a restart / before", f"{after:.3f}", f"{before:.3f}", f"{after / before:.2f}", "1.00"))
    pairs = zip(scored["ours"], scored["restarted"], strict=True)
    same = all(a.tobytes() == b.tobytes() for one, other in pairs for a, b in zip(one, other, strict=True))
    notes = [
        f"5-95 % of {resamples} resamples of series",
        f"scores after a restart are {'' if same else 'NOT '}bit-identical",
    ]
    show(f"NAB: {len(series)} series, one threshold of 0.5 for all", lines, notes)


def _figures(scorer: Any, series: Sequence[Any], scores: Sequence[Scored], drawn: Ints) -> dict[str, Floats]:
    """Every figure, of all series first and then of each resample."""
    rows = []
    for chosen in [np.arange(len(series)), *drawn]:
        picked = [series[i] for i in chosen], [scores[i] for i in chosen]
        rows.append(scorer.evaluate(*picked, "nab", 0.5, None, False)[0])
    say(f"{len(drawn)} resamples")
    return {key: np.array([row[key] for row in rows]) for key, _, _ in MEASURES.values()}


def _interval(figures: Floats) -> str:
    digits = 1 if abs(figures[0]) > 2 else 3
    low, high = np.quantile(figures[1:], [0.05, 0.95])
    return f"{figures[0]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _module(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("scorer", file)
    if spec is None or spec.loader is None:
        sys.exit(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _restarted(at_s: Ints, values: Floats) -> Scored:
    running, half = Detector(), len(at_s) // 2
    before = running.score(at_s[:half], values[:half])
    after = Detector.from_bytes(running.to_bytes()).score(at_s[half:], values[half:])
    return np.concatenate([before[0], after[0]]), np.concatenate([before[1], after[1]])


def _sigma(_at_s: Ints, values: Floats) -> Scored:
    counts = np.arange(len(values))
    moved = values - values[0]
    sums, squares = (np.concatenate([[0], np.cumsum(x)[:-1]]) / np.maximum(counts, 1) for x in (moved, moved**2))
    return _peer(moved - sums, np.sqrt(np.maximum(squares - sums**2, 0)), is_ready=counts * 1.0 >= 2)


def _slots(at_s: Ints, values: Floats) -> Scored:
    """Against the same 15 minutes of the 14 days before."""
    days, slots = at_s // DAY_S, at_s % DAY_S // 900
    middle, spread = np.zeros(len(values)), np.zeros(len(values))
    for slot in np.unique(slots).tolist():
        inside = np.flatnonzero(slots == slot)
        for day in np.unique(days[inside])[1:].tolist():
            now = inside[days[inside] == day]
            before = values[inside[(days[inside] < day) & (days[inside] >= day - 14)]]
            if len(before) > 2:
                middle[now] = np.median(before)
                spread[now] = 1.4826 * np.median(np.abs(before - middle[now[0]]))
    return _peer(values - middle, spread, is_ready=spread > 0)


def _peer(residuals: Floats, spread: Floats, is_ready: Any) -> Scored:
    z = np.abs(residuals) / np.maximum(spread, 1e-9)
    scores = np.where(is_ready, z / (z + 3), 0.0)
    return scores, scores


if __name__ == "__main__":
    main()
