"""CPU seconds and memory of the panel forecast beside AutoETS of statsforecast, on generated annual series.

    python benchmarks/forecast_speed.py [--series 1000] [--many 2660]

Series of 25 years, horizon 6. Every measurement is a process of its own on one thread; its first call, on 20
other series, is the cold start (with the imports) and shown apart. CPU seconds are those of the process and its
children. The engine is `forecast_panel`: training, its own rolling origins, choice, points and intervals. The backtest
on top fits the models of the scorecard to each series at its last origins. The answers of the engine must be the
same when asked again, on two threads, and for rows in another order.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

LENGTH, HORIZON, FIRST_YEAR = 25, 6, 2000
INTERVALS = [50, 80, 95]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
Step = Callable[[pd.DataFrame], str]


def generate(n_series: int, prefix: str, seed: int = 20260101) -> pd.DataFrame:
    """Random walks with persistent growth, of very different sizes; every tenth has one jump."""
    rng = np.random.default_rng(seed)
    growth = rng.normal(0.01, 0.02, (n_series, 1)) + rng.normal(0, 0.03, (n_series, LENGTH))
    growth[:, 1:] += 0.5 * growth[:, :-1]
    jumps = np.zeros_like(growth)
    jumps[::10, LENGTH // 2] = rng.normal(0, 0.3, len(jumps[::10]))
    values = np.exp(rng.normal(10, 2, (n_series, 1)) + np.cumsum(growth + jumps, axis=1))
    ids = [f"{prefix}{k:05d}" for k in range(n_series)]
    years = np.tile(np.arange(FIRST_YEAR, FIRST_YEAR + LENGTH), n_series)
    return pd.DataFrame({"unique_id": np.repeat(ids, LENGTH), "ds": years, "y": values.round(3).ravel()})


# ---------------------------------------------------------------- what is measured


def engine(panel: pd.DataFrame) -> str:
    """sha256 of everything `forecast_panel` answers."""
    from lma.forecasting import forecast_panel

    answer = forecast_panel(panel, HORIZON, "A")
    return hashlib.sha256(answer.to_csv(index=False).encode()).hexdigest()


@functools.cache
def trained_engine() -> Any:
    """The engine fitted once to 1,000 other series."""
    from lma.forecasting.panel import prepare_engine

    return prepare_engine(generate(1000, "pool", seed=1), HORIZON, "A")


def trained(panel: pd.DataFrame) -> str:
    """Paths and quantiles by an engine that was fitted before."""
    from lma.forecasting.panel import run_panel

    result = run_panel(panel, HORIZON, "A", engine=trained_engine())
    for place, champion in enumerate(result.champions):
        result.quantiles(place, champion)
    return ""


def scorecard(panel: pd.DataFrame) -> str:
    """The engine and, at the last rolling origins, the models fitted to each series, for the scorecard."""
    from lma.forecasting.panel import run_panel

    run_panel(panel, HORIZON, "A", singly=True)
    return ""


def shuffled(panel: pd.DataFrame) -> str:
    """The engine on the same rows in another order."""
    return engine(panel.sample(frac=1, random_state=1))


def single(name: str, levels: list[int] | None) -> Step:
    """A model of statsforecast alone, by its own class for panels."""

    def run(panel: pd.DataFrame) -> str:
        import statsforecast.models
        from statsforecast import StatsForecast

        model = getattr(statsforecast.models, name)(season_length=1)
        StatsForecast(models=[model], freq=1, n_jobs=1).forecast(df=panel, h=HORIZON, level=levels)
        return ""

    return run


STEPS: dict[str, Step] = {
    "engine": engine,
    "scorecard": scorecard,
    "trained": trained,
    "shuffled": shuffled,
    **{f"{name}_points": single(name, None) for name in ("AutoETS", "AutoCES")},
    **{f"{name}_intervals": single(name, INTERVALS) for name in ("AutoETS", "AutoCES", "AutoARIMA")},
}


def cpu_seconds() -> float:
    """CPU seconds of this process and of its finished children."""
    return sum(os.times()[:4])


def measure(step: Step, n_series: int) -> dict[str, Any]:
    """Cold start (imports and a first call), then two calls: seconds, answers and the peak of memory in GB."""
    start = time.perf_counter()
    step(generate(20, "cold"))
    cold = {"cold": time.perf_counter() - start, "cold_cpu": cpu_seconds()}
    panel, answers, seconds = generate(n_series, "s"), [], []
    for _ in range(2):
        before, start = cpu_seconds(), time.perf_counter()
        answers.append(step(panel))
        seconds.append((cpu_seconds() - before, time.perf_counter() - start))
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu, wall = min(seconds)
    return {**cold, "cpu": cpu, "wall": wall, "peak": peak / 1e6, "answers": answers}


def in_its_own_process(step: str, n_series: int, threads: int = 1) -> dict[str, Any]:
    """One measured step, on so many threads."""
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    command = [sys.executable, __file__, "--step", step, "--series", str(n_series)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


# ---------------------------------------------------------------- the command


def tabulate(n_series: int, n_many: int) -> list[tuple[str, str, str]]:
    """Lines of the table: what, figure, aim with the verdict."""
    ours, ets = in_its_own_process("engine", n_series), in_its_own_process("AutoETS_points", n_series)
    with_intervals = in_its_own_process("AutoETS_intervals", n_series)
    before = in_its_own_process("trained", n_series)
    with_scorecard = in_its_own_process("scorecard", n_series)
    on_top = with_scorecard["cpu"] - ours["cpu"]
    many = in_its_own_process("engine", n_many)
    n = f"{n_series:,} series"
    lines = [
        (f"AutoETS alone, points, {n}, CPU s", f"{ets['cpu']:.2f}", ""),
        (f"AutoETS alone, points and intervals, {n}, CPU s", f"{with_intervals['cpu']:.2f}", ""),
        (f"engine, all of it, {n}, CPU s", f"{ours['cpu']:.2f}", ""),
        ("engine / AutoETS, points", *_judge(ours["cpu"] / ets["cpu"], 2.5)),
        ("engine / AutoETS, points and intervals", *_judge(ours["cpu"] / with_intervals["cpu"], 2.5)),
        (f"engine trained before, {n}, CPU s", f"{before['cpu']:.2f}", ""),
        ("engine trained before / AutoETS, points", *_judge(before["cpu"] / ets["cpu"], 0.5)),
        (
            "engine trained before / AutoETS, points and intervals",
            *_judge(before["cpu"] / with_intervals["cpu"], 0.5),
        ),
        ("backtest of the models fitted singly, on top, CPU s", f"{on_top:.2f}", ""),
        ("backtest on top / engine", *_judge(on_top / ours["cpu"], 10)),
        ("backtest on top / AutoETS, points and intervals", f"{on_top / with_intervals['cpu']:.2f}", ""),
        (f"{n_many:,} series, warm, seconds", *_judge(many["wall"], 120)),
        (f"{n_many:,} series, peak of memory, GB", *_judge(many["peak"], 1.5)),
        ("cold start, imports and a first call on 20 series, seconds", f"{ours['cold']:.2f}", ""),
        ("cold start of AutoETS, seconds", f"{ets['cold']:.2f}", ""),
    ]
    return [*lines, *tabulate_sameness(ours, n_series), *tabulate_slow(with_intervals, ets, n_series)]


def _judge(value: float, limit: float) -> tuple[str, str]:
    return f"{value:.2f}", f"at most {limit}: {'met' if value <= limit else 'NOT MET'}"


def tabulate_sameness(ours: dict[str, Any], n_series: int) -> list[tuple[str, str, str]]:
    """Whether the answers are the same whatever the circumstances."""
    others = {
        "asked again": ours["answers"],
        "on two threads": in_its_own_process("engine", n_series, threads=2)["answers"],
        "rows in another order": in_its_own_process("shuffled", n_series)["answers"],
    }
    alike = {what: set(answers) == {ours["answers"][0]} for what, answers in others.items()}
    return [
        (f"answers, {what}", "the same" if same else "ANOTHER", f"the same: {'met' if same else 'NOT MET'}")
        for what, same in alike.items()
    ]


def tabulate_slow(
    with_intervals: dict[str, Any], points: dict[str, Any], n_series: int
) -> list[tuple[str, str, str]]:
    """What the slow models would cost, on a tenth of the series."""
    few = max(n_series // 10, 1)
    share = n_series / few
    compared = {
        "AutoARIMA_intervals": with_intervals,
        "AutoCES_intervals": with_intervals,
        "AutoCES_points": points,
    }
    return [
        (
            f"{name.replace('_', ', ')} / AutoETS",
            f"{in_its_own_process(name, few)['cpu'] * share / base['cpu']:.1f}",
            "",
        )
        for name, base in compared.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--many", type=int, default=2660)
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(measure(STEPS[args.step], args.series)))
        return
    print("| what | figure | aim |\n|---|---|---|")
    for line in tabulate(args.series, args.many):
        print("| " + " | ".join(line) + " |", flush=True)


if __name__ == "__main__":
    main()
