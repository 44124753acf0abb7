"""Registers of what governments agreed: bilateral agreements, lists of short occupations with force of law, costs.

The registers are versioned codelists. Every row names its source and how far it was checked (``verified``):
``primary`` (a party's or the publisher's own page), ``secondary`` (a report of others), ``memory`` (not looked up).
No row means that none is known here, never that none exists.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lma.contracts import codelist
from lma.errors import UsageError

BINDING = frozenset({"agreement", "memorandum"})
CONCLUDED = frozenset({"signed", "in force"})
ALL_DESTINATIONS = "_T"
ALWAYS = "9999"
"""Date up to which everything in the registers is known."""
COST_STATISTICS = {"mean": None, "median": 0.5, "quintile4": 0.8}


@dataclass(frozen=True)
class Agreement:
    """What the register says of one corridor: words for the reader, whether any counts, and a quota a year."""

    text: str
    concluded: bool
    quota: float | None


def find_agreement(origin: str, destination: str, known_until: str = ALWAYS) -> Agreement:
    """Agreements of a corridor, each with date, status and how far it was checked.

    Concluded are agreements and memoranda that were signed or are in force; drafts and declarations are shown only.
    ``known_until``: YYYY or YYYY-MM-DD; what is dated later, by its signing or else its source, is not seen. What has no
    date is seen always, and says so.
    """
    listed = codelist("bilateral_agreements")
    dated = listed["signed"].where(listed["signed"] != "", listed["source_date"])
    mask = (listed["origin"] == origin) & (listed["destination"] == destination)
    rows = listed[mask & (dated.str[: len(known_until)] <= known_until)]
    if rows.empty:
        return Agreement("none in the register", False, None)
    counts = rows["type"].isin(BINDING) & rows["status"].isin(CONCLUDED)
    quotas = pd.to_numeric(rows.loc[counts, "quota_a_year"], errors="coerce").dropna()
    quota = float(quotas.sum()) if len(quotas) else None
    return Agreement(
        "; ".join(_describe_agreement(row) for row in rows.to_dict("records")), bool(counts.any()), quota
    )


def _describe_agreement(row: Mapping[Hashable, str]) -> str:
    dates = [
        f"{word} {row[key]}" for key, word in (("signed", "signed"), ("in_force", "in force")) if row[key]
    ]
    undated = "" if row["signed"] or row["source_date"] else ", date not read"
    state = ", ".join(dates) or f"{row['status']}{undated}"
    extra = [row[key].rstrip(".") for key in ("sectors", "fee_rule") if row[key]]
    if row["quota_a_year"]:
        extra.append(f"{row['quota_a_year']} persons a year")
    parts = "; ".join([state, *extra, f"checked: {row['verified']}"])
    return f"{row['type']}, {parts}"


def find_shortage_list(origin: str, destination: str, known_until: str = ALWAYS) -> str | None:
    """The list of short occupations with force of law that a corridor falls under, in words; ``None`` without one.

    It applies where the destination is a member of the bloc and the origin is not, once it is adopted (``known_until``: YYYY or YYYY-MM-DD).
    """
    members = {bloc: set(rows["area"]) for bloc, rows in codelist("mobility_blocs").groupby("bloc")}
    found = [
        f"{row['act']} (adopted {row['adopted']}, checked: {row['verified']})"
        + ("" if row["occupations"] else ": its occupations are not in the register yet")
        for row in codelist("shortage_lists").to_dict("records")
        if destination in members[row["bloc"]]
        and origin not in members[row["bloc"]]
        and row["adopted"][: len(known_until)] <= known_until
    ]
    return "; ".join(found) or None


def find_recruitment_cost(
    origin: str, destination: str, known_until: str = ALWAYS
) -> tuple[float, str] | None:
    """Months of the first earnings abroad that a worker pays (SDG 10.7.1) for this very corridor, and its source.

    The figure of an origin for all destinations together stands for no corridor: it is not taken. Nor is one about a
    year after ``known_until`` (YYYY or YYYY-MM-DD).
    """
    listed = codelist("recruitment_costs")
    rows = listed[(listed["origin"] == origin) & (listed["destination"] == destination)]
    rows = rows[rows["year"] <= known_until[:4]]
    if rows.empty:
        return None
    newest = rows.sort_values("year").iloc[-1]
    return float(
        newest["months"]
    ), f"{newest['statistic']}, {newest['year']}, {newest['source']} ({newest['verified']})"


def describe_origin_cost(origin: str, known_until: str = ALWAYS) -> str | None:
    """Recruitment cost of an origin over all destinations together, in words; ``None`` where the register has none."""
    found = find_recruitment_cost(origin, ALL_DESTINATIONS, known_until)
    return None if found is None else f"{found[0]:g} months over all destinations together ({found[1]})"


def compute_recruitment_cost(
    costs: Iterable[float], earnings: Iterable[float], statistic: str = "mean"
) -> float:
    """SDG 10.7.1: ``f(C / E)`` over workers, cost over monthly earnings of the first job abroad of the same person.

    ``statistic``: mean, median or quintile4 (the 80th percentile, interpolated). Raises ``UsageError`` for an
    unknown statistic, no worker, unequal numbers, a cost below zero or earnings not above zero.
    """
    if statistic not in COST_STATISTICS:
        raise UsageError(
            f"{statistic!r} is no statistic of SDG 10.7.1: take one of {', '.join(COST_STATISTICS)}."
        )
    paid, earned = np.asarray(list(costs), dtype=float), np.asarray(list(earnings), dtype=float)
    if paid.size == 0 or paid.size != earned.size:
        raise UsageError(
            f"{paid.size} costs and {earned.size} earnings: give both of each worker, and one worker at least."
        )
    if not ((paid >= 0) & (earned > 0)).all():
        raise UsageError(
            "SDG 10.7.1 needs costs of zero or more and earnings above zero: leave out who earned no wage."
        )
    share, ratios = COST_STATISTICS[statistic], paid / earned
    return float(ratios.mean() if share is None else np.quantile(ratios, share))
