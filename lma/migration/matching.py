"""Match size of a corridor: how many persons the origin could spare and the destination needs, as a range.

match = min(safe pool of the origin, need of the destination, quota of the agreement), each for the same activity.
Where one ingredient lacks there is no size but the reason.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lma.contracts import RuleSet, rule_set
from lma.migration.corridors import conform_corridors
from lma.migration.gaps import Gap, read_gaps
from lma.migration.safeguards import SHORT, find_same_activity

ENDS = ("_low", "", "_high")


@dataclass(frozen=True)
class Amount:
    """Persons as a range with its middle, the ids behind it, or the reason why it is unknown."""

    low: float | None = None
    middle: float | None = None
    high: float | None = None
    ids: tuple[str, ...] = ()
    years: int = 1
    text: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.middle is not None

    def columns(self, name: str) -> dict[Hashable, float | None]:
        """The three columns of a name, such as need_low, need, need_high."""
        return {
            f"{name}{end}": value for end, value in zip(ENDS, (self.low, self.middle, self.high), strict=True)
        }


def compute_safe_pool(gap: Gap, safe_share: float) -> tuple[float, float, float]:
    """kappa x max(0, -gap) at q90, q50 and q10: what may leave if the surplus turns out small, middling, large.

    The last is the safe pool as the methods write it, kappa x max(0, -gap_q10); the first is the prudent end.
    """
    low, middle, high = (safe_share * max(0.0, -value) for value in (gap.q90, gap.q50, gap.q10))
    return low, middle, high


def compute_match(pool: float, need: float, quota: float | None) -> float:
    """min(safe pool, need, quota), never below zero; without a quota the smaller of the two."""
    return max(0.0, min(pool, need) if quota is None else min(pool, need, quota))


def match_corridors(
    corridors: pd.DataFrame, *, balances: pd.DataFrame, decisions: pd.DataFrame, rules: RuleSet | None = None
) -> pd.DataFrame:
    """The corridors with safe pool, need and match size as ranges, and the reason where one lacks.

    ``balances`` and ``decisions``: rows of every country the warehouse knows, so that a partner counts that was run.
    """
    rules = rules or rule_set("corridors")
    share = rules.threshold("safe_share")
    pools = {
        key: find_pool(balances, str(key[0]), str(key[1]), share)
        for key, _ in corridors.groupby(["origin", "economic_activity"])
    }
    needs = {
        key: find_need(decisions, str(key[0]), str(key[1]))
        for key, _ in corridors.groupby(["destination", "economic_activity"])
    }
    rows = [
        _match_row(
            row,
            pools[row["origin"], row["economic_activity"]],
            needs[row["destination"], row["economic_activity"]],
        )
        for row in corridors.to_dict("records")
    ]
    return conform_corridors(rows).astype({"rank": "Int64"})


def find_pool(balances: pd.DataFrame, origin: str, activity: str, safe_share: float) -> Amount:
    """Safe pool of an origin in an activity from its own balance over the longest period."""
    codes = set(balances.loc[balances["ref_area"] == origin, "economic_activity"])
    if not codes:
        return Amount(
            text=f"the balance of {origin} is not in the warehouse: `lma coverage coverage.csv {origin}` makes one"
        )
    gaps = read_gaps(balances, origin, find_same_activity(activity, codes) or activity, "_T")
    if not gaps:
        return Amount(text=f"the balance of {origin} has no gap of this activity by itself")
    gap = gaps[-1]
    words = f"safe pool {safe_share:g} x surplus of {origin} {gap.time_period}: {gap.text}"
    return Amount(*compute_safe_pool(gap, safe_share), gap.ids, gap.years, words)


def find_need(decisions: pd.DataFrame, destination: str, activity: str) -> Amount:
    """Need of a destination in an activity: the number its own decision D0 to D8 arrives at, if it does."""
    own = decisions[(decisions["ref_area"] == destination) & (decisions["occupation"] == "_T")]
    if own.empty:
        return Amount(
            text=f"the need of {destination} was not decided: `lma coverage coverage.csv {destination}` decides it"
        )
    mine = own[own["economic_activity"] == find_same_activity(activity, set(own["economic_activity"]))]
    result = mine[mine["step_id"] == "RESULT"]
    if result.empty:
        return Amount(text=f"{destination} decides nothing on this activity by itself")
    row = result.iloc[0]
    if pd.isna(row["value_high"]):
        return Amount(text=f"the decision gives no number of persons: {row['reason_code']}")
    middle = row["value_high"] if pd.isna(row["value"]) else row["value"]
    # Not the ids of D8, which rests on the corridors themselves: a number never rests on itself.
    steps = mine[mine["step_id"].isin(["D2", "D4", "D7"])]
    ids = tuple(one for found in steps["inputs"] for one in found if not str(one).startswith(("C:", "D:")))
    words = f"need of {destination} {row['value_low']:,.0f} to {row['value_high']:,.0f} persons (decision)"
    return Amount(float(row["value_low"]), float(middle), float(row["value_high"]), ids, text=words)


def _match_row(row: Mapping[Hashable, Any], pool: Amount, need: Amount) -> dict[Hashable, Any]:
    if row["economic_activity"] == "_T":
        never = "a match is made by activity, never for all at once"
        return {**row, "pool_reason": never, "need_reason": never, "match_reason": never}
    if row["origin_rating"] in SHORT:
        pool = Amount(
            0.0, 0.0, 0.0, pool.ids, pool.years, "safe pool none: the origin itself is short in this activity"
        )
    columns = {**pool.columns("safe_pool"), **need.columns("need")}
    per_year = row["quota"]
    quota = None if pd.isna(per_year) else float(per_year) * pool.years
    sized, reason = size_match(pool, need, quota, str(row["recommended"]))
    ids = list(dict.fromkeys([*list(row["inputs"]), *pool.ids, *need.ids]))
    words = "; ".join([str(row["step"]), pool.text, need.text])
    size = sized.columns("match")
    columns = {
        **columns,
        **{"match_size" if name == "match" else name: value for name, value in size.items()},
    }
    reasons: dict[Hashable, Any] = {
        "pool_reason": pool.text,
        "need_reason": need.text,
        "match_reason": reason,
    }
    return {**row, **columns, **reasons, "inputs": ids, "step": words}


def size_match(pool: Amount, need: Amount, quota: float | None, recommended: str) -> tuple[Amount, str]:
    """(match, why) of a corridor; no size where an ingredient lacks or the corridor is not cleared."""
    if recommended == "NO":
        return Amount(), "no match: no active recruitment along this corridor"
    lacking = [one.text for one in (pool, need) if not one.known]
    if lacking:
        return Amount(), f"no match size: {'; '.join(lacking)}"
    if recommended != "CANDIDATE":
        return Amount(), "no match size: the corridor is not cleared"
    pools, needs = (pool.low, pool.middle, pool.high), (need.low, need.middle, need.high)
    low, middle, high = (
        compute_match(float(p or 0), float(n or 0), quota) for p, n in zip(pools, needs, strict=True)
    )
    bounds = {"safe pool": float(pool.middle or 0), "need": float(need.middle or 0)}
    if quota is not None:
        bounds[f"quota over {pool.years} years"] = quota
    return Amount(
        low, middle, high
    ), f"the smallest of the three bounds it: {min(bounds, key=lambda name: bounds[name])}"
