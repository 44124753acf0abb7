"""What each choice in the engine is worth: the engine with one choice changed at a time.

    python benchmarks/engine_choices.py FOLDER --cache DIR [--panels labour jolts ...]

FOLDER: the publishers' files, see panels.py. The engine is fitted once on the whole panel; what it says at an origin
rests on fits at or before that origin, and is scored at every origin of the last 29 years, horizons 1 to 5: MASE and
OWA relative to naive, for the labour panel also those of CES and Eurostat alone (hard). Intervals: coverage and
weighted interval score at the origins of forecast_panel.py, calibrated on earlier outcomes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from panels import PANELS, build_panel, describe, panel_parser

from lma.forecasting import combine, intervals, pooled
from lma.forecasting.engine import Engine, fit_engine
from lma.forecasting.intervals import LEVELS
from lma.forecasting.series import FREQUENCIES, Series, read_panel
from lma.forecasting.smoothing import MEMBERS

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
HARD = ("eurostat_employment_a10", "us_bls_ces_monthly")
HORIZON = 5


@contextmanager
def changed(module: Any, **values: Any) -> Iterator[None]:
    """Another value of constants or functions of a module, for a while."""
    before = {name: getattr(module, name) for name in values}
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


def list_variants(series: list[Series], fit: Callable[[], Engine]) -> dict[str, Floats]:
    """Scaled changes of the engine and of its variants, by what is different."""
    engine = fit()
    windows, made = engine.learnt.windows, engine.learnt.changes
    path = {member: windows.paths[place, :, :HORIZON] for place, member in enumerate(MEMBERS)}
    out = {"engine": made["engine"], "regression on values alone": made["pooled"]}
    out |= {"regression on logarithms alone": made["relative"]}
    out |= {"both regressions, no smoother": (made["pooled"] + made["relative"]) / 2}
    out |= {f"smoothing: {member}": values for member, values in path.items()}
    without = combine.Trust(engine.trust.origins, np.ones_like(engine.trust.share))
    mixed = combine.mix(windows, made["pooled"], made["relative"])
    out["engine, the mix always trusted"] = combine.combine(windows, mixed, without, engine.trust_level)
    with changed(combine, MIX={"pooled": 0.5, "best": 0.25, "level": 0.25}):
        out["engine, half of it smoothing"] = refit(engine)
    with changed(pooled, calendar_weights=lambda period: np.ones(len(period))):
        out["engine, every window the same weight"] = fit().learnt.changes["engine"]
    with changed(pooled, PENALTY=100.0):
        out["engine, a hundredth of the penalty"] = fit().learnt.changes["engine"]
    with changed(pooled, _reweigh=lambda weights, errors: weights):
        out["engine, least squares"] = fit().learnt.changes["engine"]
    out["engine, naive where its own record is worse than naive"] = choose(engine, 1.0)
    out[f"what is published (worse than {combine.WORSE_THAN_NAIVE} times naive)"] = choose(
        engine, combine.WORSE_THAN_NAIVE
    )
    return {name: values[:, :HORIZON] for name, values in out.items()}


def refit(engine: Engine) -> Floats:
    """The engine's changes with another mix."""
    windows, made = engine.learnt.windows, engine.learnt.changes
    mixed = combine.mix(windows, made["pooled"], made["relative"])
    trust = combine.measure_trust(windows, mixed, combine.DOUBT)
    return combine.combine(windows, mixed, trust, engine.trust_level)


def choose(engine: Engine, worse: float) -> Floats:
    """The engine, or naive where its errors at the series' earlier origins were so many times those of naive."""
    windows, made = engine.learnt.windows, engine.learnt.changes["engine"]
    out = made.copy()
    errors = {
        "engine": np.abs(engine.learnt.errors("engine")),
        "naive": np.abs(engine.learnt.errors("naive")),
    }
    bounds = np.searchsorted(windows.series, np.arange(windows.series.max() + 2))
    for first, stop in zip(bounds[:-1], bounds[1:], strict=True):
        period = windows.period[first:stop]
        known = period[:, None, None] + np.arange(1, HORIZON + 1) <= period[None, :, None]
        recent = known & (period[:, None, None] > period[None, :, None] - 31)
        sums = {
            name: np.nansum(np.where(recent, values[first:stop, None, :HORIZON], np.nan), axis=(0, 2))
            for name, values in errors.items()
        }
        enough = recent[:, :, 0].sum(axis=0) >= combine.JUDGED_ALONE
        out[first:stop][enough & (sums["engine"] > worse * sums["naive"])] = 0.0
    return out


def score(engine: Engine, changes: Floats, rows: Flags, lowest: Floats) -> tuple[float, float]:
    """MASE and OWA relative to naive over the rows."""
    windows = engine.learnt.windows
    floor = np.where(lowest >= 0, 0.0, -np.inf)[rows, None]
    actual = windows.in_levels(windows.targets[:, :HORIZON])[rows]
    forecast = np.maximum(windows.in_levels(changes)[rows], floor)
    naive = np.repeat(windows.last[rows, None], HORIZON, axis=1)
    relative = []
    for value in (forecast, naive):
        error = np.abs(actual - value)
        size = np.maximum(np.abs(actual) + np.abs(value), np.finfo(float).tiny)
        relative.append((np.nanmean(error / windows.step[rows, None]), np.nanmean(error / size)))
    (mase, smape), (naive_mase, naive_smape) = relative
    return float(mase / naive_mase), float((mase / naive_mase + smape / naive_smape) / 2)


def measure_intervals(engine: Engine, origins: list[int], rows: Flags) -> tuple[float, float, float]:
    """Coverage of the 80 and 95 % intervals and interval score in mean steps, at some origins."""
    windows, changes = engine.learnt.windows, engine.learnt.changes["engine"]
    inside80, inside95, scores = [], [], []
    for origin in origins:
        here = np.flatnonzero(rows & (windows.period == origin))
        calibration = engine.calibrated("engine", origin, HORIZON)
        offsets = calibration.offsets(windows, changes, here)
        error = engine.learnt.errors("engine")[here, :HORIZON]
        known = np.isfinite(error)
        low, high = offsets[..., : LEVELS.index(0.5)], offsets[..., : LEVELS.index(0.5) : -1]
        inside = (error[..., None] >= low) & (error[..., None] <= high)
        inside95.append(inside[..., 0][known])
        inside80.append(inside[..., 1][known])
        scores.append((weigh(error, low, high) * (windows.scale / windows.step)[here, None])[known])
    return (
        float(np.concatenate(inside80).mean()),
        float(np.concatenate(inside95).mean()),
        float(np.concatenate(scores).mean()),
    )


def weigh(error: Floats, low: Floats, high: Floats) -> Floats:
    """Weighted interval score (Bracher et al. 2021) of errors against offsets, the median being 0."""
    total = np.abs(error) / 2
    for place, alpha in enumerate((0.05, 0.2, 0.5)):
        missed = np.maximum(low[..., place] - error, 0) + np.maximum(error - high[..., place], 0)
        total = total + alpha / 2 * (high[..., place] - low[..., place]) + missed
    return total / 3.5


def report(name: str, folder: Path, cache: Path) -> None:
    """Tables of one panel."""
    panel = build_panel(name, folder, cache)
    print(f"\n## {describe(name, panel)}\n")
    freq = FREQUENCIES[PANELS[name].freq]
    series, _ = read_panel(panel, freq)
    engine = fit_engine(series, freq, HORIZON)
    windows = engine.learnt.windows
    source = dict(zip(panel["unique_id"], panel["source"], strict=True))
    is_hard = np.array([source[one.unique_id] in HARD for one in series])[windows.series]
    lowest = np.array([one.values.min() for one in series])[windows.series]
    last = int(windows.period.max())
    scored = (windows.length >= freq.min_points) & np.isfinite(windows.targets[:, 0])
    rows = scored & (windows.period > last - 34) & (windows.period <= last - HORIZON)
    parts = {"all": rows} | ({"hard": rows & is_hard} if is_hard.any() and not is_hard.all() else {})
    print("| variant | " + " | ".join(f"MASE {p} | OWA {p}" for p in parts) + " |")
    print("|---|" + "---|---|" * len(parts))
    for variant, changes in list_variants(series, lambda: fit_engine(series, freq, HORIZON)).items():
        cells = [
            f"{v:.3f}" for part in parts.values() for v in score(engine, fill(engine, changes), part, lowest)
        ]
        print(f"| {variant} | " + " | ".join(cells) + " |", flush=True)
    origins = sorted({int(origin) for origin in PANELS[name].origins})
    print("\n| intervals | cover 80 | cover 95 | interval score |\n|---|---|---|---|")
    variants = {"as published": {}, "one spread for all shapes": {"ENOUGH_FOR_SPREAD": 10**9}}
    for variant, values in variants.items():
        with changed(intervals, **values):
            cells = measure_intervals(replace(engine, calibrations={}), origins, scored)
        print(f"| {variant} | " + " | ".join(f"{value:.3f}" for value in cells) + " |")


def fill(engine: Engine, changes: Floats) -> Floats:
    """The mix where a variant has no forecast, so that all are scored on the same windows."""
    mixed = combine.mix(
        engine.learnt.windows, engine.learnt.changes["pooled"], engine.learnt.changes["relative"]
    )
    return np.where(np.isfinite(changes), changes, mixed[:, :HORIZON])


def main() -> None:
    """Read the arguments and report on every panel asked for."""
    annual = [name for name, panel in PANELS.items() if panel.freq == "A"]
    args = panel_parser(__doc__, annual, ("labour", "jolts", "wdi_other")).parse_args()
    for name in args.panels:
        report(name, args.folder, args.cache)


if __name__ == "__main__":
    main()
