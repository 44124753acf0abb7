"""JSA-style rule (Australia): the share of advertised vacancies that are filled, and four drivers of a shortage.

Drivers after the Skills Shortage Drivers of Jobs and Skills Australia (2023, experimental), which are not mutually
exclusive. The wording of their definitions is published; most cut points are not (rules/jsa.yaml says which are ours).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lma.contracts import RuleSet
from lma.shortages.figures import Verdict, lay_out_rows, show_figures, spread_values
from lma.shortages.scorecard import is_economy, take_newest

LONG_TRAINING, SHORT_TRAINING, SUITABILITY, RETENTION = DRIVERS = (
    "LONG_TRAINING", "SHORT_TRAINING", "SUITABILITY", "RETENTION",
)  # fmt: skip

#: Driver -> codes of the policy options it routes to, the first to try first (reference/methods 4.6).
#: A long training gap: train ahead, migration as a bridge; short courses; work experience and recognition; pay first.
DRIVER_OPTIONS: dict[str, tuple[str, ...]] = {
    LONG_TRAINING: ("TRAIN", "MIGRATE"),
    SHORT_TRAINING: ("TRAIN",),
    SUITABILITY: ("ACTIVATE", "RECOGNISE"),
    RETENTION: ("PAY",),
}


def fill_rate(filled: float, advertised: float) -> float:
    """Filled vacancies in per cent of those advertised; NaN where the counts allow none."""
    return 100 * filled / advertised if advertised > 0 and 0 <= filled <= advertised else float("nan")


def find_drivers(
    values: pd.Series, usual_retention: float, rules: RuleSet
) -> dict[str, tuple[bool | None, str]]:
    """Driver -> (holds, why); None where its figures are missing.

    ``values``: one unit's QUALIFIED_PER_VACANCY, SUITABLE_PER_VACANCY, TRAINING_YEARS, RETENTION_RT (NaN where
    unknown); ``usual_retention``: per cent, of the whole economy.
    """
    qualified, suitable = values["QUALIFIED_PER_VACANCY"], values["SUITABLE_PER_VACANCY"]
    training_years, retention = values["TRAINING_YEARS"], values["RETENTION_RT"]
    t = rules.threshold
    few = qualified < t("few_qualified")
    applicants = f"{qualified:g} qualified applicants per vacancy, few below {t('few_qualified'):g}"
    training = f"{applicants}; {training_years:g} years to train, long from {t('long_training_years'):g}"
    lacks_training = np.isnan(qualified) or (few and np.isnan(training_years))
    long = training_years >= t("long_training_years")
    share = suitable / qualified if qualified > 0 else np.nan
    suitability = f"{applicants}; {share:.2f} of them suitable, low below {t('suitable_share'):g}"
    lacks_share = np.isnan(qualified) or (not few and np.isnan(share))
    lacks_retention = np.isnan(retention - usual_retention)
    return {
        LONG_TRAINING: (None if lacks_training else bool(few and long), training),
        SHORT_TRAINING: (None if lacks_training else bool(few and not long), training),
        SUITABILITY: (None if lacks_share else bool(not few and share < t("suitable_share")), suitability),
        RETENTION: (
            None if lacks_retention else bool(retention < usual_retention),
            f"retention {retention:g} per cent, usual {usual_retention:g}",
        ),
    }


def route_options(drivers: list[str]) -> tuple[str, ...]:
    """Codes of the options the drivers route to, in order, each once."""
    return tuple(dict.fromkeys(option for driver in drivers for option in DRIVER_OPTIONS[driver]))


def _refuse(values: pd.Series, rate_pc: float, rules: RuleSet) -> str | None:
    """Why a unit has no fill rate that can be used; None where it has one."""
    advertised, filled = values["VACANCIES_ADVERTISED"], values["VACANCIES_FILLED"]
    least = rules.threshold("minimum_vacancies")
    few = (
        f"TOO_FEW_VACANCIES: {advertised:g} of at least {least:g} advertised" if advertised < least else None
    )
    if not np.isnan(values["FILL_RATE"]):
        out = not 0 <= rate_pc <= 100
        return f"OUT_OF_RANGE: a fill rate of {rate_pc:g} per cent, expected 0 to 100" if out else few
    lacking = [name for name in ("VACANCIES_ADVERTISED", "VACANCIES_FILLED") if np.isnan(values[name])]
    if lacking:
        return f"INSUFFICIENT_INDICATORS: missing FILL_RATE, or {', '.join(lacking)}"
    if advertised <= 0:
        return f"NO_VACANCIES: {advertised:g} advertised"
    if not 0 <= filled <= advertised:
        return f"OUT_OF_RANGE: {filled:g} filled of {advertised:g} advertised"
    return few


def _drivers(values: pd.Series, usual: float, rating: str, rules: RuleSet) -> Iterator[Verdict]:
    """One verdict per driver: points 1 where it holds, 0 where not; only a shortage has drivers."""
    refused = "NOT_RATED: no usable fill rate" if rating == "N" else "NO_SHORTAGE"
    for driver, (holds, why) in find_drivers(values, usual, rules).items():
        if rating != "SHORTAGE":
            yield Verdict(driver, np.nan, "IX", np.nan, np.nan, None, refused, "only a shortage has drivers")
        elif holds is None:
            yield Verdict(driver, np.nan, "IX", np.nan, np.nan, None, "MISSING", "its figures are missing")
        else:
            yield Verdict(driver, float(holds), "IX", np.nan, float(holds), None, None, why)


def _judge(values: pd.Series, usual: float, rules: RuleSet) -> list[Verdict]:
    """The drivers and the score of one unit."""
    counted = fill_rate(values["VACANCIES_FILLED"], values["VACANCIES_ADVERTISED"])
    rate_pc = counted if np.isnan(values["FILL_RATE"]) else values["FILL_RATE"]
    reason, below = _refuse(values, rate_pc, rules), rules.threshold("shortage_below")
    rating = "N" if reason else "SHORTAGE" if rate_pc < below else "NONE"
    drivers = list(_drivers(values, usual, rating, rules))
    if reason:
        score = Verdict("_SCORE", np.nan, "PC", np.nan, np.nan, "N", reason, "not rated: no usable fill rate")
        return [*drivers, score]
    held = [verdict.indicator for verdict in drivers if verdict.points == 1]
    routes = f"; drivers {', '.join(held)}, options {', '.join(route_options(held))}" if held else ""
    unknown = "; no driver could be told" if rating == "SHORTAGE" and not held else ""
    step = f"{rate_pc:.1f} per cent of advertised vacancies filled, shortage below {below:g}{routes}{unknown}"
    return [*drivers, Verdict("_SCORE", rate_pc, "PC", below, np.nan, rating, None, step)]


def _usual_retention(indicators: pd.DataFrame) -> pd.Series:
    """Retention of the whole economy by country; the mean over units where it is not given."""
    rows = take_newest(indicators[indicators["indicator"] == "RETENTION_RT"])
    economy = rows[is_economy(rows)].set_index("ref_area")["value"]
    means: pd.Series = rows[~is_economy(rows)].groupby("ref_area")["value"].mean()
    return economy.combine_first(means)


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under the JSA-style rule: the figures, one row per driver, and `_SCORE`.

    The fill rate is FILL_RATE, or VACANCIES_FILLED over VACANCIES_ADVERTISED where it is missing. The figures of the
    drivers may be missing: the driver then says MISSING and the rating stands.
    """
    figures = show_figures(indicators, rules)
    usual = _usual_retention(indicators)
    verdicts = {
        unit: _judge(values, float(usual.get(unit[0], np.nan)), rules)  # type: ignore[index]
        for unit, values in spread_values(figures, rules).iterrows()
    }
    return lay_out_rows(figures, verdicts, rules)
