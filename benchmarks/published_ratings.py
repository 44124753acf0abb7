"""The rule sets on published inputs, against the ratings that the publishers gave.

    python benchmarks/published_ratings.py FOLDER --cache DIR [--parts cops bc vacancies]

FOLDER holds the publishers' files; what was read from them is kept in DIR. Markdown tables are printed.

cops: openings and seekers of COPS 2024 to 2033 (Canada) -> its future condition in five grades. Cuts are fitted on
one random half of the occupations and judged on the other, 200 times. bc: what the outlook of British Columbia 2010
to 2020 allows. vacancies: does what the Australian internet vacancy index showed before a rating tell the rating of
2021 to 2023? Nothing of a month after the last known one enters (``LAST_MONTH``); intervals come from resampling
ANZSCO unit groups, because all occupations of a unit group share one vacancy series.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from markdown_table import print_table
from panels import read_source
from sklearn.metrics import cohen_kappa_score, confusion_matrix
from vacancy_signals import report_vacancies

from lma import contracts
from lma.shortages.cops import Cuts, combine_conditions, gap_percent, grade_gap, move_condition, read_cuts

Array = npt.NDArray[np.float64]
GRADES = (-2.0, -1.0, 0.0, 1.0, 2.0)
WORDS = ("strong surplus", "surplus", "balance", "shortage", "strong shortage")
HALVES = 200


def pivot_indicators(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Figures as one column per indicator."""
    return rows.pivot_table(index=keys, columns="indicator", values="y").reset_index()


# ---------------------------------------------------------------- COPS


def read_cops(folder: Path, cache: Path) -> pd.DataFrame:
    """Occupations of COPS with both published grades: openings, seekers, employment, gap, recent, future."""
    rows = read_source("can_cops_2024_2033", folder, cache)
    wide = pivot_indicators(rows, ["occupation"]).dropna(
        subset=["SHORTAGE_OUTLOOK_COPS", "SHORTAGE_NOW_COPS"]
    )
    gap = gap_percent(*(wide[c].to_numpy(dtype=float) for c in ("OPENINGS_SUM", "SEEKERS_SUM", "EMP_BASE")))
    named = {"SHORTAGE_NOW_COPS": "recent", "SHORTAGE_OUTLOOK_COPS": "future"}
    return wide.rename(columns=named).assign(gap=gap, ratio=wide["OPENINGS_SUM"] / wide["SEEKERS_SUM"])


def best_cut(candidates: Array, right: Callable[[float], float]) -> float:
    """The cut with most calls right; the middle of the best ones, so that chance decides less."""
    score = np.array([right(cut) for cut in candidates])
    best = candidates[score == score.max()]
    return float(best[len(best) // 2])


GRID = np.arange(0.5, 40.5, 0.5)


def count_right(grades: Array, future: Array) -> float:
    """Calls that agree."""
    return float((grades == future).sum())


def fit_gap(train: pd.DataFrame) -> tuple[float, float]:
    """Cut of a moderate and of a strong grade on the gap alone, one after the other."""
    gap, future = train["gap"].to_numpy(), train["future"].to_numpy()
    moderate = best_cut(GRID, lambda cut: count_right(grade_gap(gap, cut, np.inf), future))
    return moderate, best_cut(
        GRID[moderate <= GRID], lambda cut: count_right(grade_gap(gap, moderate, cut), future)
    )


def fit_one_cut(train: pd.DataFrame) -> Cuts:
    """One cut for every move."""
    recent, gap, future = (train[c].to_numpy() for c in ("recent", "gap", "future"))
    cut = best_cut(GRID, lambda c: count_right(move_condition(recent, gap, Cuts(c, np.inf, c, c)), future))
    return Cuts(cut, np.inf, cut, cut)


def fit_cuts(train: pd.DataFrame) -> Cuts:
    """The four cuts: each moves occupations of its own only, so one after the other is exact but for ``strong``."""
    recent, gap, future = (train[c].to_numpy() for c in ("recent", "gap", "future"))

    def right(cuts: Cuts) -> float:
        return count_right(move_condition(recent, gap, cuts), future)

    none = float("inf")
    emerging = best_cut(GRID, lambda c: right(Cuts(c, none, none, none)))
    strong = best_cut(GRID[emerging <= GRID], lambda c: right(Cuts(emerging, c, none, none)))
    easing = best_cut(GRID, lambda c: right(Cuts(emerging, strong, c, none)))
    return Cuts(emerging, strong, easing, best_cut(GRID, lambda c: right(Cuts(emerging, strong, easing, c))))


def apply_matrix(recent: Array, projected: Array, watch: float) -> Array:
    """The matrix of three by three on grades; strong grades as the moderate ones, WATCH as the grade given."""
    words = {-1.0: "SURPLUS", 0.0: "BALANCE", 1.0: "SHORTAGE"}
    numbers = {"SURPLUS": -1.0, "BALANCE": 0.0, "WATCH": watch, "SHORTAGE": 1.0}
    pairs = zip(np.sign(recent), np.sign(projected), strict=True)
    return np.array([numbers[combine_conditions(words[r], words[p])] for r, p in pairs])


def spread_cut(train: pd.DataFrame) -> float:
    """At least 2 per cent, at least one standard deviation of the gap over occupations (own default)."""
    return max(2.0, float(train["gap"].std(ddof=0)))


#: Name -> (cuts chosen on one set, grades of another).
Rule = Callable[[pd.DataFrame, pd.DataFrame], Array]
COPS_RULES: dict[str, Rule] = {
    "majority class": lambda train, test: np.full(len(test), train["future"].mode()[0]),
    "recent condition carried forward": lambda _, test: test["recent"].to_numpy(),
    "gap alone, cuts 2 and 5": lambda _, test: grade_gap(test["gap"].to_numpy(), 2, 5),
    "gap alone, cut max(2, 1 sd)": lambda train, test: grade_gap(
        test["gap"].to_numpy(), spread_cut(train), np.inf
    ),
    "gap alone, cuts fitted": lambda train, test: grade_gap(test["gap"].to_numpy(), *fit_gap(train)),
    "matrix 3 x 3, WATCH is balance": lambda train, test: apply_matrix(
        test["recent"].to_numpy(), grade_gap(test["gap"].to_numpy(), fit_gap(train)[0], np.inf), 0.0
    ),
    "matrix 3 x 3, WATCH is shortage": lambda train, test: apply_matrix(
        test["recent"].to_numpy(), grade_gap(test["gap"].to_numpy(), fit_gap(train)[0], np.inf), 1.0
    ),
    "recent moved by the gap, one cut fitted": lambda train, test: move_condition(
        test["recent"].to_numpy(), test["gap"].to_numpy(), fit_one_cut(train)
    ),
    "recent moved by the gap, four cuts fitted": lambda train, test: move_condition(
        test["recent"].to_numpy(), test["gap"].to_numpy(), fit_cuts(train)
    ),
    "recent moved by the gap, cuts of rules/cops.yaml": lambda _, test: move_condition(
        test["recent"].to_numpy(), test["gap"].to_numpy(), read_cuts(contracts.rule_set("cops"))
    ),
}


def judge_grades(grades: Array, test: pd.DataFrame) -> dict[str, float]:
    """Agreement in five and in three classes, quadratic kappa, and how the published changes fared."""
    future, recent = test["future"].to_numpy(), test["recent"].to_numpy()
    changed = future != recent
    return {
        "agreement, 5 classes": float((grades == future).mean()),
        "agreement, 3 classes": float((np.sign(grades) == np.sign(future)).mean()),
        "weighted kappa": float(cohen_kappa_score(grades, future, labels=GRADES, weights="quadratic")),
        "changes found": float((grades == future)[changed].mean()) if changed.any() else np.nan,
        "kept where kept": float((grades == future)[~changed].mean()),
    }


def judge_by_group(rule: Rule, occupations: pd.DataFrame) -> float:
    """Agreement where each broad occupational group (first digit of NOC) is judged by cuts of the nine others."""
    broad = occupations["occupation"].str[0]
    right = [
        count_right(rule(occupations[broad != group], mine), mine["future"].to_numpy())
        for group, mine in occupations.groupby(broad)
    ]
    return sum(right) / len(occupations)


def spread_of_cuts(occupations: pd.DataFrame, halves: int = HALVES) -> list[dict[str, object]]:
    """Each cut over random halves: 5 %, median, 95 %."""
    random = np.random.default_rng(5)
    size = len(occupations) // 2
    chosen = pd.DataFrame(
        [vars(fit_cuts(occupations.iloc[random.permutation(len(occupations))[:size]])) for _ in range(halves)]
    )
    return [
        {"cut": name, "5 %": values.quantile(0.05), "median": values.median(), "95 %": values.quantile(0.95)}
        for name, values in chosen.items()
    ]


def compare_cops(occupations: pd.DataFrame, halves: int = HALVES) -> list[dict[str, object]]:
    """Every rule: judged on the half that did not choose its cuts, mean over random halves, and on the whole."""
    random = np.random.default_rng(5)
    splits = [random.permutation(len(occupations)) for _ in range(halves)]
    rows: list[dict[str, object]] = []
    kept = [
        (o["recent"] == o["future"]).mean()
        for o in (occupations.iloc[np.array_split(s, 2)[1]] for s in splits)
    ]
    for name, rule in COPS_RULES.items():
        tests = []
        for order in splits:
            train, test = (occupations.iloc[part] for part in np.array_split(order, 2))
            tests.append(judge_grades(rule(train, test), test))
        out = pd.DataFrame(tests)
        whole = judge_grades(rule(occupations, occupations), occupations)
        gain = out["agreement, 5 classes"] - kept
        rows.append(
            {
                "rule": name,
                **out.mean().to_dict(),
                "gain over the recent condition, 5 % to 95 % of halves": "{:+.3f} to {:+.3f}".format(
                    *gain.quantile([0.05, 0.95])
                ),
                "agreement, another broad group": judge_by_group(rule, occupations),
                "agreement, chosen and judged on all": whole["agreement, 5 classes"],
            }
        )
    return rows


def tabulate_grades(grades: Array, future: Array) -> list[dict[str, object]]:
    """Confusion matrix of five by five: published in rows."""
    table = confusion_matrix(future, grades, labels=GRADES)
    return [
        {"published \\ computed": word, **dict(zip(WORDS, map(int, counts), strict=True))}
        for word, counts in zip(WORDS, table, strict=True)
    ]


def report_cops(folder: Path, cache: Path) -> None:
    """Tables of COPS."""
    o = read_cops(folder, cache)
    recent, gap, future = (o[c].to_numpy() for c in ("recent", "gap", "future"))
    print(f"## COPS 2024 to 2033: {len(o)} occupations with both published grades\n")
    print(
        f"Spearman correlation with the published future grade: gap {o['gap'].corr(o['future'], 'spearman'):.3f}, "
        f"openings over seekers {o['ratio'].corr(o['future'], 'spearman'):.3f}, recent grade "
        f"{o['recent'].corr(o['future'], 'spearman'):.3f}. Future equals recent in {(recent == future).sum()}, "
        f"sd of the gap {gap.std():.2f} per cent.\n"
    )
    print_table(compare_cops(o))
    print(
        f"Cuts on all occupations: gap alone {fit_gap(o)}, one cut {fit_one_cut(o).emerging}, four cuts {fit_cuts(o)}\n"
    )
    print("The four cuts over random halves:\n")
    print_table(spread_of_cuts(o))
    cuts, size, side = fit_cuts(o), np.abs(gap), np.sign(gap) * np.sign(recent)
    reach = {
        "emerging": (recent == 0) & (size >= cuts.emerging),
        "strong": (recent == 0) & (size >= cuts.strong),
        "easing": (side < 0) & (size >= cuts.easing),
        "deepening": (side > 0) & (np.abs(recent) == 1) & (size >= cuts.deepening),
    }
    print(f"Occupations at or beyond a cut: {', '.join(f'{n} {r.sum()}' for n, r in reach.items())}.\n")
    changed = recent != future
    along = np.sign(gap) == np.sign(future - recent)
    print(
        f"Of {changed.sum()} grades that changed, the gap has the sign of the change in {along[changed].sum()}.\n"
    )
    for name in (
        "recent condition carried forward",
        "gap alone, cuts fitted",
        "recent moved by the gap, cuts of rules/cops.yaml",
    ):
        print(f"{name}:\n")
        print_table(tabulate_grades(COPS_RULES[name](o, o), future))
    print(
        "Median gap (per cent of employment) and occupations, recent in rows, published future in columns:\n"
    )
    cells = o.groupby(["recent", "future"])["gap"].agg(["median", "count"])
    print_table(
        {"recent \\ future": r_word}
        | {
            f_word: f"{cells.loc[(r, f), 'median']:.1f} ({cells.loc[(r, f), 'count']:.0f})"
            if (r, f) in cells.index
            else ""
            for f, f_word in zip(GRADES, WORDS, strict=True)
        }
        for r, r_word in zip(GRADES, WORDS, strict=True)
    )


# ---------------------------------------------------------------- British Columbia


def read_outlook(folder: Path, cache: Path) -> pd.DataFrame:
    """Demand and supply of every occupation, region and year of the outlook, and its openings of the decade."""
    rows = read_source("can_bc_lmo_2010_2020", folder, cache)
    wide = pivot_indicators(rows, ["ref_area", "occupation", "ds"])
    return wide.assign(gap=100 * (wide["EMP_DEMAND"] - wide["LABOUR_SUPPLY"]) / wide["EMP_DEMAND"])


def report_outlook(folder: Path, cache: Path) -> None:
    """Tables of the outlook of British Columbia."""
    o = read_outlook(folder, cache)
    province = o[o["ref_area"] == "CA-BC"]
    print(
        f"## British Columbia 2010 to 2020: {province['occupation'].nunique()} occupations, no published rating\n"
    )
    print("Demand less supply, per cent of demand, over the occupations of the province:\n")
    years = province.groupby("ds")["gap"]
    print_table(
        {
            "year": year,
            "median": gap.median(),
            "10 %": gap.quantile(0.1),
            "90 %": gap.quantile(0.9),
            "above zero": int((gap > 0).sum()),
        }
        for year, gap in years
    )
    first, last = (province[province["ds"] == year].set_index("occupation") for year in ("2010", "2020"))
    moved = last["EMP_DEMAND"] - first["EMP_DEMAND"]
    identity = (last["OPENINGS_SUM"] - last["REPLACEMENT_SUM"] - moved).abs()
    # Seekers are not published: those who would explain the published supply, once leavers are replaced.
    seekers = last["LABOUR_SUPPLY"] - first["LABOUR_SUPPLY"] + last["REPLACEMENT_SUM"]
    gap = gap_percent(
        *(x.to_numpy(dtype=float) for x in (last["OPENINGS_SUM"], seekers, first["EMP_DEMAND"]))
    )
    share = last["gap"].var() / province["gap"].var()
    print_table(
        [
            {
                "question": "expansion equals the change of demand, largest difference, persons",
                "figure": float(identity.max()),
            },
            {
                "question": "occupations with demand above supply in 2010",
                "figure": int((first["gap"] > 0).sum()),
            },
            {
                "question": "occupations with demand above supply in 2020",
                "figure": int((last["gap"] > 0).sum()),
            },
            {
                "question": "rank correlation over occupations, gap of 2010 with gap of 2020",
                "figure": first["gap"].corr(last["gap"], "spearman"),
            },
            {
                "question": "variance between occupations in 2020 over variance of all occupations and years",
                "figure": float(share),
            },
            {
                "question": "openings less implied seekers, per cent of demand in 2010, median",
                "figure": float(np.median(gap)),
            },
            {
                "question": "the same, 10 % and 90 % of occupations",
                "figure": "{:.2f} to {:.2f}".format(*np.quantile(gap, [0.1, 0.9])),
            },
            {"question": "occupations with that gap at 2 per cent or above", "figure": int((gap >= 2).sum())},
            {
                "question": "occupations moved out of balance by rules/cops.yaml",
                "figure": int((np.abs(gap) >= read_cuts(contracts.rule_set("cops")).emerging).sum()),
            },
        ]
    )
    regions = o[(o["ds"] == "2020") & (o["ref_area"] != "CA-BC")]
    sums = regions.groupby("occupation")[["EMP_DEMAND", "LABOUR_SUPPLY"]].sum()
    print(
        f"Regions sum to the province within {(sums - last[['EMP_DEMAND', 'LABOUR_SUPPLY']]).abs().max().max():.0f} persons. "
        f"Regional gaps of 2020: median {regions['gap'].median():.2f}, from {regions['gap'].quantile(0.1):.2f} (10 %) to "
        f"{regions['gap'].quantile(0.9):.2f} (90 %); above zero in {(regions['gap'] > 0).sum()} of {regions['gap'].notna().sum()}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    args = parser.parse_args()
    for part in args.parts:
        PARTS[part](args.folder, args.cache)


PARTS = {"cops": report_cops, "bc": report_outlook, "vacancies": report_vacancies}

if __name__ == "__main__":
    main()
