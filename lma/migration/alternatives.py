"""What a country could do before it recruits abroad, in persons, each with a range, women and men apart where known.

D = usable unemployed + rho_NEET NEET + rho_F potential female labour force + rho_under underemployed, each
times the share that fits the activity, + rho_R surplus seekers of other activities. Yearly rates act on what is
left, so that over n years a pool gives 1 - (1 - rho)^n of itself. Whoever is new to the work is trained first:
with t years of training the first n - t years count (the upper end assumes training on the job, t = 0).
Every rate is an assumption of rules/decision.yaml and stands in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import Evidence, RuleSet, weakest_basis
from lma.migration.evidence import Figure, describe, join_ids, select_figures, year_of
from lma.migration.local_evidence import find_evidence
from lma.migration.pools import Pool, Pools

CODES = ("UNEMPLOYED", "NEET", "WOMEN", "UNDEREMPLOYED", "RETRAIN")
"""The domestic alternatives, in the order in which they are shown."""


@dataclass(frozen=True)
class Alternative:
    """One domestic alternative: persons it could bring to the activity over the years, or why unknown.

    ``share_women``: fraction of the pool that are women, ``None`` where the sexes are not told apart.
    """

    code: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    text: str
    basis: str
    ids: tuple[str, ...]
    share_women: float | None = None

    @property
    def is_assessed(self) -> bool:
        """True when the figures suffice for a number."""
        return self.value is not None


@dataclass(frozen=True)
class Match:
    """Share of a national pool that fits the activity, with a range."""

    value: float
    low: float
    high: float
    text: str
    ids: tuple[str, ...]
    basis: str = "reported"


@dataclass(frozen=True)
class Surplus:
    """Seekers beyond openings in the other activities of the same level, and how many activities lack workers."""

    persons: float
    n_short: int
    time_period: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """Over how many years people are found, of which how many pass in training."""

    years: int
    training: float

    @property
    def trained(self) -> float:
        """Years whose newcomers are trained before the span ends."""
        return max(0.0, self.years - self.training)


@dataclass(frozen=True)
class Unit:
    """Whose alternatives are counted: the country's figures and pools, and one activity."""

    observations: pd.DataFrame
    ref_area: str
    economic_activity: str
    as_of_year: int
    rules: RuleSet
    pools: Pools
    evidence: Sequence[Evidence] = ()

    def match(self) -> Match | None:
        """The share of a national pool that fits the activity."""
        return match_activity(
            self.observations, self.ref_area, self.economic_activity, self.as_of_year, self.rules
        )


def compute_activated(pool: float, rho: float, years: float) -> float:
    """Persons of a pool activated over ``years`` at ``rho`` per cent a year of those left."""
    return float(pool * (1 - (1 - rho / 100) ** years))


def match_activity(
    observations: pd.DataFrame, ref_area: str, economic_activity: str, as_of_year: int, rules: RuleSet
) -> Match | None:
    """The activity's share of employment stands for the share of the pool that fits it; ``None`` if unknown.

    Of the total the share is 1. Both counts come from one source, kind and period; a part below zero or above
    the whole is a slip and stands for nothing.
    """
    if economic_activity == "_T":
        return Match(1.0, 1.0, 1.0, "share of the pool that fits 100.0 %", ())
    parts = select_figures(observations, as_of_year, "EMP", ref_area, economic_activity=economic_activity)
    wholes = select_figures(observations, as_of_year, "EMP", ref_area)
    keys = ["time_period", "source_id", "basis"]
    both = parts.merge(wholes, on=keys, suffixes=("", "_all"))
    both = both[(both["obs_value_all"] > 0) & both["obs_value"].between(0, both["obs_value_all"])]
    if both.empty:
        return None
    row = both.sort_values(["time_period", "observation_id"]).iloc[-1]
    share = float(row["obs_value"]) / float(row["obs_value_all"])
    low = share * rules.threshold("matching_low_factor")
    high = min(1.0, share * rules.threshold("matching_high_factor"))
    text = (
        f"share of the pool that fits {share:.1%} (range {low:.1%} to {high:.1%}), the activity's share of "
        f"employment in {row['time_period']}: {row['obs_value']:,.0f} of {row['obs_value_all']:,.0f}"
    )
    ids = (str(row["observation_id"]), str(row["observation_id_all"]))
    return Match(share, low, high, text, ids, str(row["basis"]))


def list_alternatives(
    unit: Unit, span: Span, surplus: Surplus | None = None, unemployed_in_supply: bool = False
) -> list[Alternative]:
    """The domestic alternatives of one activity, in the order of ``CODES``; unknown ones stay, without a number.

    ``surplus``: of the other activities, where the balance has them. ``unemployed_in_supply``: the balance's
    seekers already hold the usable unemployed, who add nothing here.
    """
    match = unit.match()
    return [
        _assess_unemployed(unit, match, unemployed_in_supply),
        _assess_neet(unit, match, span),
        _assess_women(unit, match, span),
        _assess_underemployed(unit, match, span),
        _assess_retraining(unit, surplus, span),
    ]


def describe_match(alternatives: Sequence[Alternative], unit: Unit) -> str:
    """How national pools are scaled to the activity, said once for all alternatives that need it."""
    match = unit.match()
    scaled = [one for one in alternatives if one.is_assessed and one.code not in ("RETRAIN",)]
    return f" Of national pools: {match.text}." if match is not None and scaled else ""


def total_alternatives(alternatives: Sequence[Alternative]) -> tuple[float, float, float] | None:
    """Sum (value, low, high) of the alternatives that have a number; ``None`` when none has."""
    known = [one for one in alternatives if one.is_assessed]
    if not known:
        return None
    return (
        sum(one.value or 0.0 for one in known),
        sum(one.low or 0.0 for one in known),
        sum(one.high or 0.0 for one in known),
    )


def split_sexes(alternatives: Sequence[Alternative]) -> tuple[float, float, float]:
    """(women, men, not told apart) of the middle of all alternatives that have a number."""
    known = [(one.value or 0.0, one.share_women) for one in alternatives if one.is_assessed]
    women = sum(value * share for value, share in known if share is not None)
    men = sum(value * (1 - share) for value, share in known if share is not None)
    return women, men, sum(value for value, share in known if share is None)


def _unknown(code: str, label: str, missing: str) -> Alternative:
    return Alternative(code, label, None, None, None, f"{label}: not assessed, {missing}", "reported", ())


def _assess_unemployed(unit: Unit, match: Match | None, in_supply: bool) -> Alternative:
    code, label, pool = "UNEMPLOYED", "place the unemployed", unit.pools.unemployed
    if pool is None or match is None:
        return _unknown(
            code,
            label,
            "unemployment with labour force or employment, or employment of the activity is missing",
        )
    usable = 0.0 if in_supply else pool.persons
    held = "; counted as 0 because the balance's seekers already hold them" if in_supply else ""
    return _spread(code, label, (usable, usable, usable), match, pool.text + held, pool, unit)


def _name_old(figures: Sequence[Figure], unit: Unit) -> str:
    """Periods of figures that are older than the limit, as an addition to the text."""
    limit = unit.rules.threshold("max_age")
    old = sorted({one.time_period for one in figures if year_of(one.time_period) < unit.as_of_year - limit})
    return f"; older than {limit:g} years in {unit.as_of_year}: {', '.join(old)}" if old else ""


def _assess_neet(unit: Unit, match: Match | None, span: Span) -> Alternative:
    code, label, pool = "NEET", "activate young people neither in work nor in education", unit.pools.neet
    if pool is None or match is None:
        return _unknown(code, label, "NEET rate, population 15-24 or employment of the activity is missing")
    rhos, words = _read_rhos(unit, "rho_neet", span)
    return _spread(
        code, label, _activate(pool.persons, rhos, span), match, f"{pool.text}; {words}", pool, unit
    )


def _assess_women(unit: Unit, match: Match | None, span: Span) -> Alternative:
    code, label, pool = "WOMEN", "raise the participation of women", unit.pools.women
    if pool is None or match is None:
        return _unknown(
            code, label, "participation by sex, women 15+ or employment of the activity is missing"
        )
    rhos, words = _read_rhos(unit, "rho_women", span)
    return _spread(
        code, label, _activate(pool.persons, rhos, span), match, f"{pool.text}; {words}", pool, unit
    )


def _assess_underemployed(unit: Unit, match: Match | None, span: Span) -> Alternative:
    """They work in the activity already and need no training: every year of the span counts."""
    code, label = "UNDEREMPLOYED", "full hours for the underemployed"
    given = find_evidence(unit.evidence, "UNDEREMPLOYED", unit.economic_activity)
    national = find_evidence(unit.evidence, "UNDEREMPLOYED", "_T")
    published = unit.pools.underemployed
    found = given or published or national
    if found is None or found.value < 0 or (given is None and match is None):
        return _unknown(code, label, "time-related underemployment is not among the observations")
    fits = Match(1.0, 1.0, 1.0, "", ()) if given is not None or match is None else match
    rhos, words = _read_rhos(unit, "rho_underemployed", Span(span.years, 0.0))
    text = f"{describe('full-time equivalents', found)}; {words}"
    no_training = Span(span.years, 0.0)
    ends = [found.value if end is None else end for end in (found.value, found.low, found.high)]
    persons = [_activate(end, rhos, no_training)[place] for place, end in enumerate(ends)]
    return _spread(code, label, persons, fits, text, Pool(found.value, text, (found,), None), unit)


def _assess_retraining(unit: Unit, surplus: Surplus | None, span: Span) -> Alternative:
    code, label = "RETRAIN", "retrain seekers of activities in surplus"
    if surplus is None:
        return _unknown(code, label, "the balance has no other activities of this level")
    part = surplus.persons / max(1, surplus.n_short)
    rhos, words = _read_rhos(unit, "rho_retrain", span)
    value, low, high = _activate(part, rhos, span)
    text = (
        f"{label}: {value:,.0f} persons (range {low:,.0f} to {high:,.0f}); {surplus.persons:,.0f} seekers beyond "
        f"openings in the other activities (middle of the gap {surplus.time_period}, projection), divided evenly by "
        f"{max(1, surplus.n_short)} activities that lack workers; {words}"
    )
    return Alternative(code, label, value, low, high, text, "projection", surplus.ids)


def _read_rhos(unit: Unit, name: str, span: Span) -> tuple[list[float], str]:
    """Yearly rate with its low and high end, and the words for it and for the years they act."""
    rhos = [unit.rules.threshold(one) for one in (name, f"{name}_low", f"{name}_high")]
    words = f"{rhos[0]:g} % a year of those left (range {rhos[1]:g} to {rhos[2]:g}) over {span.years} years"
    if span.training > 0:
        words += f", of which {span.training:g} in training (none at the upper end)"
    return rhos, words


def _activate(pool: float, rhos: Sequence[float], span: Span) -> tuple[float, float, float]:
    """Middle and lower end train first, the upper end on the job."""
    value, low = (compute_activated(pool, rho, span.trained) for rho in rhos[:2])
    return value, low, compute_activated(pool, rhos[2], span.years)


def _spread(
    code: str, label: str, persons: Sequence[float], match: Match, text: str, pool: Pool, unit: Unit
) -> Alternative:
    """Persons of a national pool as persons of the activity, low with low and high with high."""
    value, low, high = persons[0] * match.value, persons[1] * match.low, persons[2] * match.high
    old = _name_old(pool.figures, unit)
    shown = f"{label}: {value:,.0f} persons (range {low:,.0f} to {high:,.0f}); {text}{old}"
    basis = weakest_basis([*(figure.basis for figure in pool.figures), match.basis])
    ids = join_ids(pool.figures) + match.ids
    return Alternative(code, label, value, low, high, shown, basis, ids, pool.share_women)
