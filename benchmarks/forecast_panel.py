"""Rolling-origin accuracy, intervals and CPU seconds of the panel forecast beside single models of statsforecast.

    python benchmarks/forecast_panel.py FOLDER --cache DIR [--panels labour jolts ...] [--origins 2001 2010 ...] [--no-slow]

Every panel of panels.py (FOLDER: the publishers' files) is cut at each origin, every row dated later removed in
every series, and given to `run_panel` as a user would. The single models get the histories that the engine
forecasts (after its ladder: the part after the last long gap). Forecasts of the single models are kept in DIR;
the engine always runs. A window is one series at one origin; windows with a constant history are left out.

Prints for each panel a table of all models at horizons 1-5 and 6-10 (quarterly 1-8, monthly 1-12), coverage by
horizon, source and origin, and at the end the aims of the issue with margins. CHAMPION is what `forecast_panel`
publishes: the champion of each series. --no-slow leaves out AutoARIMA. AutoCES gives points only.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from baselines import INTERVALS, LEVELS, SLOW, Floats, Forecasts, fit_all, list_singles
from measures import Flags, Measures, Windows, count_unsound, measure, owa
from panels import HARD_SOURCES, PANELS, Panel, build_panel, describe, panel_parser

from lma.forecasting import intervals
from lma.forecasting.panel import PanelForecast, run_panel
from lma.forecasting.periods import format_period, frequency, parse_period

OURS = ("smoothing", "pooled", "engine")
"""Models of the engine shown besides what it publishes, those that it has."""
SPANS = {
    "A": {"1-5": slice(0, 5), "6-10": slice(5, 10)},
    "Q": {"1-8": slice(0, 8)},
    "M": {"1-12": slice(0, 12)},
}
CONSTANT = 1e-9  # steps below this share of the largest value are rounding, not movement


@dataclass(frozen=True)
class Outcome:
    """All that one panel gave: the windows, the forecasts by model, and what was not forecast, by reason."""

    name: str
    windows: Windows
    made: dict[str, Forecasts]
    absent: Counter[str]
    champions: Counter[str]

    @property
    def spans(self) -> dict[str, slice]:
        """Groups of horizons that are reported: those with an outcome."""
        spans = SPANS[PANELS[self.name].freq]
        return {
            title: span for title, span in spans.items() if np.isfinite(self.windows.actual[:, span]).any()
        }

    def answered_by(self, model: str) -> Flags:
        """Windows for which a model has a forecast: all, but for models of the engine that need a pool."""
        return np.isfinite(self.made[model].mean).all(axis=1)

    def measures(self, span: slice, rows: Flags) -> dict[str, Measures]:
        """Measures of every model over the windows in ``rows``."""
        return {name: measure(self.windows, made, rows, span) for name, made in self.made.items()}


# ---------------------------------------------------------------- forecasts


def cpu_seconds() -> float:
    """CPU seconds of this process and of its finished children."""
    return sum(os.times()[:4])


def run_origin(panel: Panel, rows: pd.DataFrame, origin: int, is_slow_wanted: bool, cache: Path) -> Outcome:
    """Everything at one origin."""
    freq = frequency(panel.freq)
    horizon = max(span.stop for span in SPANS[panel.freq].values())
    seen = rows[rows["period"] <= origin]
    start = cpu_seconds()
    result = run_panel(seen[["unique_id", "ds", "y"]], horizon, panel.freq)
    seconds = cpu_seconds() - start
    places = [
        place for place, series in enumerate(result.targets) if _is_scored(series.values, series.end, origin)
    ]
    histories = [result.targets[place].values for place in places]
    ours = collect_ours(result, places, seconds)
    theirs = fit_all(
        histories, list_singles(freq.season, is_slow_wanted=is_slow_wanted), freq.season, horizon, cache
    )
    ids = [result.targets[place].unique_id for place in places]
    return Outcome(
        "",
        look_ahead(rows, ids, histories, origin, horizon),
        theirs | ours,
        Counter(absence.reason for absence in result.absences if absence.end == origin),
        Counter(result.champions[place] for place in places),
    )


def _is_scored(history: Floats, end: int, origin: int) -> bool:
    return end == origin and float(np.ptp(history)) > CONSTANT * float(np.max(np.abs(history)))


def collect_ours(result: PanelForecast, places: list[int], seconds: float) -> dict[str, Forecasts]:
    """What the engine publishes and the models it shows, with its quantiles; the seconds are those of the whole run."""
    shown = [name for name in OURS if name in result.forecasts]
    made = {name: _collect(result, places, [name] * len(places), np.nan) for name in shown}
    return {
        **made,
        "CHAMPION": _collect(result, places, [result.champions[place] for place in places], seconds),
    }


def _collect(result: PanelForecast, places: list[int], names: list[str], seconds: float) -> Forecasts:
    mean = np.array([result.mean(place, name) for place, name in zip(places, names, strict=True)])
    quantiles = np.full((*mean.shape, len(LEVELS)), np.nan)
    if set(names) <= set(result.spread):  # the parts of the combination have no intervals of their own
        own = np.array([result.quantiles(place, name) for place, name in zip(places, names, strict=True)])
        quantiles = own[:, :, [intervals.LEVELS.index(level) for level in LEVELS]]
    return Forecasts(mean, quantiles, seconds)


def look_ahead(
    rows: pd.DataFrame, ids: list[str], histories: list[Floats], origin: int, horizon: int
) -> Windows:
    """What followed the origin, as observed (a filled gap is no outcome)."""
    later = rows[(rows["period"] > origin) & (rows["period"] <= origin + horizon)]
    wide = later.pivot(index="unique_id", columns="period", values="y")
    actual = wide.reindex(index=ids, columns=range(origin + 1, origin + horizon + 1)).to_numpy(
        dtype=np.float64
    )
    steps = [np.diff(history) for history in histories]
    return Windows(
        actual,
        np.array([np.mean(np.abs(step)) for step in steps]),
        np.array([np.sqrt(np.mean(step**2)) for step in steps]),
        np.array([history.min() for history in histories]),
        np.array(ids, dtype=object),
        rows.drop_duplicates("unique_id")
        .set_index("unique_id")["source"]
        .reindex(ids)
        .to_numpy(dtype=object),
        np.full(len(ids), origin),
    )


def run_whole(
    name: str, rows: pd.DataFrame, origins: list[int], is_slow_wanted: bool, cache: Path
) -> Outcome:
    """All origins of one panel in one outcome."""
    parts = [run_origin(PANELS[name], rows, origin, is_slow_wanted, cache) for origin in origins]
    return Outcome(
        name,
        Windows(
            *(np.concatenate(each) for each in zip(*(vars(p.windows).values() for p in parts), strict=True))
        ),
        {model: _join([part.made[model] for part in parts]) for model in parts[0].made},
        sum((part.absent for part in parts), Counter()),
        sum((part.champions for part in parts), Counter()),
    )


def _join(parts: list[Forecasts]) -> Forecasts:
    return Forecasts(
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.quantiles for part in parts]),
        sum(part.seconds for part in parts),
        sum(part.n_failed for part in parts),
    )


# ---------------------------------------------------------------- tables


def tabulate_models(outcome: Outcome, span: slice, rows: Flags) -> pd.DataFrame:
    """One row per model: accuracy, coverage, interval score (also relative to AutoETS's own) and seconds.

    What is relative is so over the windows that the model answers.
    """
    seasonal = {"OWA seasonal": "seasonal_naive"} if "seasonal_naive" in outcome.made else {}
    lines = []
    for name in outcome.made:
        found = outcome.measures(span, rows & outcome.answered_by(name))
        m = found[name]
        relative = {title: owa(m, found[base]) for title, base in ({"OWA": "naive"} | seasonal).items()}
        lines.append(
            {"model": name, "windows": m.n_windows, "MASE": m.mase, "RMSSE": m.rmsse, "sMAPE": m.smape}
            | relative
            | {f"cover {nominal}": m.coverage[nominal] for nominal in INTERVALS}
            | {"WIS": m.interval_score, "WIS / ETS": m.interval_score / found["auto_ets"].interval_score}
            | {"CPU s": outcome.made[name].seconds, "naive instead": outcome.made[name].n_failed}
        )
    return pd.DataFrame(lines)


def tabulate_coverage(outcome: Outcome, model: str) -> pd.DataFrame:
    """Coverage and OWA of one model by horizon, source and origin."""
    every = np.ones(len(outcome.windows.step), dtype=np.bool_)
    first = next(iter(outcome.spans.values()))
    horizons = np.flatnonzero(np.isfinite(outcome.windows.actual).any(axis=0))
    cuts = [(f"horizon {h + 1}", every, slice(h, h + 1)) for h in horizons]
    dates = np.array([format_period(p, frequency(PANELS[outcome.name].freq)) for p in outcome.windows.origin])
    for word, values in (("source", outcome.windows.source), ("origin", dates)):
        cuts += [(f"{word} {value}", values == value, first) for value in np.unique(values)]
    lines = []
    for title, rows, span in cuts:
        m, base = (measure(outcome.windows, outcome.made[name], rows, span) for name in (model, "naive"))
        cover = {f"cover {nominal}": m.coverage[nominal] for nominal in INTERVALS}
        lines.append({"cut": title, "windows": m.n_windows, "MASE": m.mase, "OWA": owa(m, base)} | cover)
    return pd.DataFrame(lines)


def total_lines(outcome: Outcome) -> list[dict[str, object]]:
    """One line per group of horizons: the OWA of every model."""
    lines = []
    for title, span in outcome.spans.items():
        table = tabulate_models(outcome, span, np.ones(len(outcome.windows.step), dtype=np.bool_))
        lines.append(
            {"panel": outcome.name, "horizons": title} | dict(zip(table["model"], table["OWA"], strict=True))
        )
    return lines


def as_markdown(table: pd.DataFrame) -> str:
    """A table for a page: three decimals, empty where there is no figure."""
    shown = table.apply(
        lambda column: column.map(
            lambda cell: ("" if np.isnan(cell) else f"{cell:.3f}") if isinstance(cell, float) else str(cell)
        )
    )
    lines = [shown.columns.tolist(), ["---"] * shown.shape[1], *shown.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# ---------------------------------------------------------------- aims


@dataclass(frozen=True)
class Aim:
    """One aim: a value that must be at most ``limit``; the margin is positive where it is met."""

    panel: str
    what: str
    model: str
    value: float
    limit: float

    @property
    def margin(self) -> float:
        """How far on the good side of the limit."""
        return self.limit - self.value


def list_aims(outcome: Outcome, model: str) -> Iterator[Aim]:
    """Items 2 and 3 of the issue that apply to the panel, for one of our models."""
    role, name = PANELS[outcome.name].role, outcome.name
    yield from accuracy_aims(outcome, model)
    span = next(iter(outcome.spans.values()))
    found = outcome.measures(span, outcome.answered_by(model))
    is_labour = role == "labour"
    for nominal, limit in {95: 0.01 if is_labour else 0.02, 80: 0.015 if is_labour else 0.03}.items():
        yield Aim(name, f"coverage {nominal} off by", model, _off(found[model], nominal), limit)
    n_unsound = sum(count_unsound(outcome.windows, outcome.made[model]).values())
    yield Aim(name, "windows with unsound quantiles", model, float(n_unsound), 0)
    if is_labour:
        yield from labour_interval_aims(outcome, model, span)
        ratio = found[model].interval_score / found["auto_ets"].interval_score
        yield Aim(name, "interval score / AutoETS", model, ratio, 0.86)


def accuracy_aims(outcome: Outcome, model: str) -> Iterator[Aim]:
    """Accuracy against the best single model of each measure, naive and the median of four."""
    name, role = outcome.name, PANELS[outcome.name].role
    limits = {"labour": 0.92, "held_out": 1.0}
    for title, span in outcome.spans.items():
        found = outcome.measures(span, outcome.answered_by(model))
        limit = limits.get(role, 1.0) if title != "6-10" else 1.0
        if role != "general":
            yield Aim(name, f"OWA {title} / best single", model, _against_singles(found, model, "owa"), limit)
        if role == "labour" and title == "1-5":
            yield Aim(name, "MASE 1-5 / best single", model, _against_singles(found, model, "mase"), 0.93)
        if role == "general" or (role == "held_out" and title == "1-5"):
            yield Aim(name, f"OWA {title} / median4", model, owa(found[model], found["median4"]), 1.0)
        for base in [base for base in ("naive", "seasonal_naive") if base in found]:
            yield Aim(name, f"OWA {title} / {base}", model, owa(found[model], found[base]), 1.01)
    if role == "labour":
        hard = np.isin(outcome.windows.source, HARD_SOURCES) & outcome.answered_by(model)
        found = outcome.measures(outcome.spans["1-5"], hard)
        yield Aim("hard", "OWA 1-5 / best single", model, _against_singles(found, model, "owa"), 0.94)


def _against_singles(found: dict[str, Measures], model: str, measure_name: str) -> float:
    singles = set(found) & set(list_singles(12, is_slow_wanted=True))
    if measure_name == "mase":
        return found[model].mase / min(found[name].mase for name in singles)
    return owa(found[model], found["naive"]) / min(owa(found[name], found["naive"]) for name in singles)


def labour_interval_aims(outcome: Outcome, model: str, span: slice) -> Iterator[Aim]:
    """Coverage at the worst horizon and the worst source."""
    every = np.ones(len(outcome.windows.step), dtype=np.bool_)
    made, windows = outcome.made[model], outcome.windows
    scored = np.flatnonzero(np.isfinite(windows.actual[:, span]).any(axis=0))
    by_horizon = [measure(windows, made, every, slice(h, h + 1)) for h in scored]
    by_source = [measure(windows, made, windows.source == s, span) for s in np.unique(windows.source)]
    for nominal, per_horizon, per_source in ((95, 0.015, 0.025), (80, 0.02, 0.07)):
        worst = max(_off(m, nominal) for m in by_horizon)
        yield Aim(outcome.name, f"coverage {nominal}, worst horizon", model, worst, per_horizon)
        worst = max(_off(m, nominal) for m in by_source)
        yield Aim(outcome.name, f"coverage {nominal}, worst source", model, worst, per_source)


def _off(found: Measures, nominal: int) -> float:
    return abs(found.coverage[nominal] - nominal / 100)


def tabulate_aims(aims: list[Aim]) -> pd.DataFrame:
    """One row per aim."""
    return pd.DataFrame(
        [
            {**vars(aim), "margin": aim.margin, "met": "yes" if aim.margin >= 0 else "NO"}
            for aim in sorted(aims, key=lambda aim: aim.model)
        ]
    )


# ---------------------------------------------------------------- the command


def report(outcome: Outcome, about: str, origins: list[str]) -> list[Aim]:
    """Print what one panel gave; its aims."""
    every = np.ones(len(outcome.windows.step), dtype=np.bool_)
    print(f"\n## {outcome.name}: {about}\n\norigins {', '.join(origins)}", flush=True)
    absent = ", ".join(f"{reason} {n}" for reason, n in sorted(outcome.absent.items())) or "none"
    print(f"\nwindows the engine gives no forecast for, by reason: {absent}")
    unsound = ", ".join(
        f"{fault} {n}" for fault, n in count_unsound(outcome.windows, outcome.made["CHAMPION"]).items()
    )
    print(f"windows with quantiles {unsound}")
    print("champions: " + ", ".join(f"{name} {n}" for name, n in outcome.champions.most_common()))
    for title, span in outcome.spans.items():
        print(f"\nhorizons {title}\n\n{as_markdown(tabulate_models(outcome, span, every))}")
    if PANELS[outcome.name].role == "labour":
        hard = np.isin(outcome.windows.source, HARD_SOURCES)
        table = tabulate_models(outcome, outcome.spans["1-5"], hard).drop(columns=["CPU s", "naive instead"])
        print(f"\nhard: CES and Eurostat, horizons 1-5\n\n{as_markdown(table)}")
    print(f"\nCHAMPION\n\n{as_markdown(tabulate_coverage(outcome, 'CHAMPION'))}", flush=True)
    judged = [name for name in ("CHAMPION", "engine") if name in outcome.made]
    return [aim for model in judged for aim in list_aims(outcome, model)]


def main() -> None:
    parser = panel_parser(__doc__)
    parser.add_argument("--origins", nargs="+", help="instead of the panels' own (of one frequency)")
    parser.add_argument("--no-slow", action="store_true", help=f"without {' and '.join(SLOW)}")
    args = parser.parse_args()
    aims, totals = [], []
    for name in args.panels:
        rows, freq = build_panel(name, args.folder, args.cache), frequency(PANELS[name].freq)
        periods = {text: parse_period(text, freq) for text in rows["ds"].unique()}
        rows = rows.assign(period=rows["ds"].map(periods))
        origins = args.origins or list(PANELS[name].origins)
        cuts = [parse_period(origin, freq) for origin in origins]
        outcome = run_whole(name, rows, cuts, not args.no_slow, args.cache)
        aims += report(outcome, describe(name, rows), origins)
        totals += total_lines(outcome)
    print(f"\n## OWA relative to naive\n\n{as_markdown(pd.DataFrame(totals))}")
    print(f"\n## Aims\n\n{as_markdown(tabulate_aims(aims))}")


if __name__ == "__main__":
    main()
