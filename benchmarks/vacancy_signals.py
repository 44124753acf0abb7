"""Vacancies advertised in Australia against the published shortage ratings of 2021 to 2023: does the signal tell?

Part of published_ratings.py. A rating is short where it is a national shortage. Every signal is the rank of the unit
group among all unit groups of the year, so that a boom or a slump of all vacancies says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from markdown_table import print_table
from panels import read_source
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = npt.NDArray[np.float64]
RESAMPLES = 1000

#: Year of rating -> the last month of vacancies used. The lists appeared in June 2021, October 2022 and October 2023;
#: a month's vacancies appear in the month after. The file of vacancies ends in December 2022.
LAST_MONTH = {"2021": "2021-03", "2022": "2022-07", "2023": "2022-12"}
#: What each signal says of a unit group, from months up to the last known one only.
SIGNALS: dict[str, Callable[[Array], float]] = {
    "level: log of the last 12 months": lambda v: float(np.log(mean_of(v, 0))),
    "growth over 1 year": lambda v: float(np.log(mean_of(v, 0) / mean_of(v, 1))),
    "growth over 3 years": lambda v: float(np.log(mean_of(v, 0) / mean_of(v, 3))),
    "last 3 months over the 12 before": lambda v: float(np.log(mean_of(v, 0, 3) / mean_of(v[:-3], 0))),
    "last 12 months over the peak before": lambda v: float(np.log(mean_of(v, 0) / highest_year(v[:-12]))),
    "last 12 months over the mean of all before": lambda v: float(
        np.log(mean_of(v, 0) / (v[:-12].mean() + 0.5))
    ),
    "share of earlier months below the last 3": lambda v: float((v[:-3] < v[-3:].mean()).mean()),
}


def mean_of(months: Array, years_back: int, width: int = 12) -> float:
    """Mean of so many months that end so many years before the last; half a vacancy more, so that none is zero."""
    end = len(months) - 12 * years_back
    return float(months[end - width : end].mean()) + 0.5


def highest_year(months: Array) -> float:
    """Largest mean of twelve months in a row."""
    return float(np.convolve(months, np.ones(12) / 12, "valid").max()) + 0.5


def read_ratings(folder: Path, cache: Path) -> pd.DataFrame:
    """One row per area, occupation and year: short (1 where rated a shortage), before (the year before), group."""
    rows = read_source("aus_osl_2021_2023", folder, cache)
    short = rows.assign(
        short=(rows["y"] == 2).astype(float), group=rows["occupation"].str[:4], year=rows["ds"]
    )
    before = short.assign(year=(short["ds"].astype(int) + 1).astype(str)).rename(columns={"short": "before"})
    keys = ["ref_area", "occupation", "year"]
    return short[[*keys, "group", "short"]].merge(before[[*keys, "before"]], on=keys, how="left")


def read_signals(folder: Path, cache: Path) -> pd.DataFrame:
    """One row per area, unit group and year of rating, one column per signal: its rank among the unit groups."""
    rows = read_source("aus_internet_vacancy_index", folder, cache)
    rows = rows[rows["occupation"] != "_T"]
    wide = rows.pivot(index="ds", columns=["ref_area", "occupation"], values="y").sort_index()
    signals = pd.DataFrame(
        [
            {"ref_area": area, "group": group, "year": year}
            | {name: signal(months.to_numpy(dtype=float)) for name, signal in SIGNALS.items()}
            for year, last in LAST_MONTH.items()
            for (area, group), months in wide.loc[:last].items()
        ]
    )
    ranks = signals.groupby(["ref_area", "year"])[list(SIGNALS)].rank(pct=True)
    return signals.assign(**{name: ranks[name] for name in SIGNALS})


def auc(score: Array, short: Array) -> float:
    """Area under the curve; NaN where only one kind is there."""
    return float(roc_auc_score(short, score)) if 0 < short.sum() < len(short) else float("nan")


def resample_groups(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], float]) -> tuple[float, float]:
    """2.5 % and 97.5 % of a measure over resampled unit groups."""
    random = np.random.default_rng(5)
    places = [np.asarray(p) for p in rows.groupby("group").indices.values()]
    drawn = (random.integers(0, len(places), len(places)) for _ in range(RESAMPLES))
    values = [measure(rows.iloc[np.concatenate([places[k] for k in picks])]) for picks in drawn]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def with_interval(rows: pd.DataFrame, name: str) -> str:
    """AUC of one column with its interval."""

    def measure(sample: pd.DataFrame) -> float:
        return auc(sample[name].to_numpy(), sample["short"].to_numpy())

    return "{:.3f} ({:.3f} to {:.3f})".format(measure(rows), *resample_groups(rows, measure))


def compare_signals(panel: pd.DataFrame) -> list[dict[str, object]]:
    """AUC of every signal by year, and among those not short and those short the year before."""
    moves = {"enters": panel[panel["before"] == 0], "stays": panel[panel["before"] == 1]}
    rows: list[dict[str, object]] = []
    for name in (*SIGNALS, "before"):
        known = panel[panel[name].notna()]
        row = dict.fromkeys(("signal", *LAST_MONTH, *moves), "") | {
            "signal": "rating of the year before" if name == "before" else name
        }
        row |= {str(year): with_interval(part, name) for year, part in known.groupby("year")}
        if name != "before":
            row |= {move: with_interval(part, name) for move, part in moves.items()}
        rows.append(row)
    return rows


def compare_states(panel: pd.DataFrame) -> list[dict[str, object]]:
    """AUC of every signal within each state and year: mean, range, and in how many it is above one half."""
    rows: list[dict[str, object]] = []
    for name in (*SIGNALS, "before"):
        known = panel[panel[name].notna()]
        areas = np.array(
            [
                auc(part[name].to_numpy(), part["short"].to_numpy())
                for _, part in known.groupby(["ref_area", "year"])
            ]
        )
        rows.append(
            {
                "signal": "rating of the year before" if name == "before" else name,
                "states and years": len(areas),
                "mean": float(areas.mean()),
                "lowest": float(areas.min()),
                "highest": float(areas.max()),
                "above 0.5": int((areas > 0.5).sum()),
            }
        )
    return rows


def fit_logistic(train: pd.DataFrame, test: pd.DataFrame, columns: list[str]) -> Array:
    """P(short) of another year by a logistic model; no columns: the share of the training years."""
    if not columns:
        return np.full(len(test), train["short"].mean())
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    chance: Array = model.fit(train[columns], train["short"]).predict_proba(test[columns])[:, 1]
    return chance


def predict_left_out(panel: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Every year predicted by a model of the other years."""
    years = sorted(panel["year"].unique())
    parts = [
        panel[panel["year"] == year].assign(
            chance=fit_logistic(panel[panel["year"] != year], panel[panel["year"] == year], columns)
        )
        for year in years
    ]
    return pd.concat(parts)


def judge_chances(made: pd.DataFrame) -> dict[str, object]:
    """AUC within years (mean), Brier score, share right at one half, mean chance and share short."""
    return {
        "AUC, mean of years": float(
            np.mean(
                [auc(part["chance"].to_numpy(), part["short"].to_numpy()) for _, part in made.groupby("year")]
            )
        ),
        "Brier": float(brier_score_loss(made["short"], made["chance"])),
        "right at 0.5": float(((made["chance"] >= 0.5) == (made["short"] == 1)).mean()),
        "mean chance": float(made["chance"].mean()),
        "share short": float(made["short"].mean()),
    }


def compare_models(panel: pd.DataFrame) -> list[dict[str, object]]:
    """Leave-year-out on all years; then 2022 and 2023, where the rating before is known; then 2022 onto 2023."""
    signals = list(SIGNALS)
    models = {"no signal (share of the other years)": [], "vacancy signals": signals}
    later = panel[panel["before"].notna()]
    more = {**models, "rating of the year before": ["before"], "both": [*signals, "before"]}
    rows: list[dict[str, object]] = [
        {
            "years": "2021 to 2023, each left out",
            "n": len(panel),
            "model": name,
            **judge_chances(predict_left_out(panel, columns)),
        }
        for name, columns in models.items()
    ]
    rows += [
        {
            "years": "2022 and 2023, each left out",
            "n": len(later),
            "model": name,
            **judge_chances(predict_left_out(later, columns)),
        }
        for name, columns in more.items()
    ]
    train, test = later[later["year"] == "2022"], later[later["year"] == "2023"]
    rows += [
        {
            "years": "2022 onto 2023",
            "n": len(test),
            "model": name,
            **judge_chances(test.assign(chance=fit_logistic(train, test, columns))),
        }
        for name, columns in more.items()
    ]
    return rows


def gain_over_persistence(panel: pd.DataFrame) -> str:
    """AUC and Brier of both less the rating before alone, 2022 onto 2023, with intervals."""
    later = panel[panel["before"].notna()]
    train, test = later[later["year"] == "2022"], later[later["year"] == "2023"]
    both = test.assign(
        alone=fit_logistic(train, test, ["before"]), joint=fit_logistic(train, test, [*SIGNALS, "before"])
    )

    def auc_gain(rows: pd.DataFrame) -> float:
        short = rows["short"].to_numpy()
        return auc(rows["joint"].to_numpy(), short) - auc(rows["alone"].to_numpy(), short)

    def brier_gain(rows: pd.DataFrame) -> float:
        return float(((rows["joint"] - rows["short"]) ** 2 - (rows["alone"] - rows["short"]) ** 2).mean())

    parts = (
        "{} {:+.3f} ({:+.3f} to {:+.3f})".format(name, measure(both), *resample_groups(both, measure))
        for name, measure in (("AUC", auc_gain), ("Brier", brier_gain))
    )
    return ", ".join(parts)


def tabulate_reliability(made: pd.DataFrame, bins: int = 5) -> list[dict[str, object]]:
    """Fifths of the chance: what was said and what came."""
    fifth = pd.qcut(made["chance"], bins, labels=False, duplicates="drop")
    return [
        {
            "fifth": int(k) + 1,
            "n": len(part),
            "mean chance": float(part["chance"].mean()),
            "share short": float(part["short"].mean()),
        }
        for k, part in made.groupby(fifth)
    ]


def describe_rebound(ratings: pd.DataFrame, folder: Path, cache: Path) -> str:
    """Growth to March 2021 and from July 2021 to July 2022 (years of months) of unit groups, short in 2022 or not."""
    rows = read_source("aus_internet_vacancy_index", folder, cache)
    rows = rows[(rows["ref_area"] == "AUS") & (rows["occupation"] != "_T")]
    wide = rows.pivot(index="ds", columns="occupation", values="y").sort_index()
    growth = {
        last: pd.Series(
            {
                g: np.log(mean_of(m.to_numpy(), 0) / mean_of(m.to_numpy(), 1))
                for g, m in wide.loc[:last].items()
            }
        )
        for last in (LAST_MONTH["2021"], LAST_MONTH["2022"])
    }
    fall, rise = growth.values()
    rated = ratings[ratings["year"] == "2022"].merge(
        pd.DataFrame({"fall": fall, "rise": rise}), left_on="group", right_index=True
    )
    medians = 100 * rated.groupby("short")[["fall", "rise"]].median().map(np.expm1)
    return (
        f"Rank correlation over unit groups of the growth to March 2021 with that to July 2022: {fall.corr(rise, 'spearman'):.2f}. "
        f"Median growth, occupations not short in 2022: {medians.loc[0, 'fall']:.0f} and {medians.loc[0, 'rise']:.0f} per cent; "
        f"short: {medians.loc[1, 'fall']:.0f} and {medians.loc[1, 'rise']:.0f}."
    )


def report_vacancies(folder: Path, cache: Path) -> None:
    """Tables of Australia."""
    ratings = read_ratings(folder, cache)
    every = ratings.merge(read_signals(folder, cache), on=["ref_area", "group", "year"])
    panel, ratings = every[every["ref_area"] == "AUS"], ratings[ratings["ref_area"] == "AUS"]
    print(f"## Australia 2021 to 2023: {len(panel)} of {len(ratings)} ratings have a vacancy series\n")
    print_table(
        {
            "year": year,
            "ratings": len(rows),
            "short": float(rows["short"].mean()),
            "same as the year before": float(
                (rows["short"] == rows["before"])[rows["before"].notna()].mean()
            ),
            "entered": int(((rows["short"] == 1) & (rows["before"] == 0)).sum()),
            "left": int(((rows["short"] == 0) & (rows["before"] == 1)).sum()),
        }
        for year, rows in panel.groupby("year")
    )
    counts = panel["before"].value_counts()
    print(
        "AUC with 95 % interval; enters: among those not short the year before "
        f"({counts[0.0]}), stays: among those short ({counts[1.0]}):\n"
    )
    print_table(compare_signals(panel))
    print(describe_rebound(ratings, folder, cache) + "\n")
    print("The eight states and territories, AUC by state and year:\n")
    print_table(compare_states(every[every["ref_area"] != "AUS"]))
    print("Logistic models:\n")
    print_table(compare_models(panel))
    print(f"Both less the rating before alone, 2022 onto 2023: {gain_over_persistence(panel)}\n")
    for name, rows, columns in (
        ("Reliability, vacancy signals, each year left out", panel, list(SIGNALS)),
        (
            "Reliability, both, 2022 and 2023 each left out",
            panel[panel["before"].notna()],
            [*SIGNALS, "before"],
        ),
    ):
        print(f"{name}:\n")
        print_table(tabulate_reliability(predict_left_out(rows, columns)))
