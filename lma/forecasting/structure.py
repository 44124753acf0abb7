"""Which sums a country's published series obey, and its forecasts made to obey them, year by year.

A sum is used where every member has a forecast and the published figures obeyed it in the last year they all
have, to one per cent. Members may end in different years: each calendar year is reconciled on its own, a
figure already published stands as it is (its variance is zero), and the variance of a forecast grows with its
own horizon.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lma.forecasting.backtest import Backtest
from lma.forecasting.intervals import tidy_quantiles
from lma.forecasting.reconcile import FEWEST_ERRORS, WHOLE, Key, Sum, find_sums, reconcile, shrink_covariance
from lma.forecasting.series import Floats, Series

LARGEST_GAP = 0.01
SEXES = ("F", "M")
DIMENSIONS = ("sexes", "sectors")
NO_SUM = "no sectors to reconcile with"


@dataclass(frozen=True)
class Path:
    """One path of one series: mean (horizon,), quantiles (horizon, level), and how it was reconciled, in
    words. ``borrowed``: ids of later figures of other series that it was reconciled with.
    """

    mean: Floats
    quantiles: Floats
    reconciled: str = NO_SUM
    borrowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """A series of the structure: its place among the targets, its key (sex, activity), its published rows."""

    place: int
    key: Key
    series: Series
    rows: pd.DataFrame


@dataclass(frozen=True)
class Judged:
    """A sum by its keys, with the obstacle to using it in words, empty where there is none."""

    whole: Key
    parts: tuple[Key, ...]
    obstacle: str


def judge_sums(
    members: Mapping[Key, Member], keys: Sequence[Key], codes: Sequence[Sequence[str]]
) -> list[Judged]:
    """Every sum among the published keys, and why it cannot be used. ``codes``: sexes, sectors."""
    listed = [(keys[whole], tuple(keys[part] for part in parts)) for whole, parts in find_sums(keys, codes)]
    return [Judged(whole, parts, _find_obstacle(members, whole, parts)) for whole, parts in listed]


def _find_obstacle(members: Mapping[Key, Member], whole: Key, parts: tuple[Key, ...]) -> str:
    dimension = _dimension(whole, parts)
    absent = [key for key in (whole, *parts) if key not in members]
    if absent:
        return f"not reconciled: no forecast for {', '.join(name_key(key) for key in absent)}"
    group = [members[key] for key in (whole, *parts)]
    year = min(member.series.end for member in group)
    broken = [m for m in group if _breaks(m.rows)[m.rows["ds"] > year].any()]
    if broken:
        return f"not reconciled with {dimension}: {name_key(broken[0].key)} breaks after {year}"
    total, *found = (_published(member, year) for member in group)
    if not abs(total - sum(found)) <= LARGEST_GAP * total:
        return (
            f"not reconciled: the {dimension} published for {year} sum to {sum(found):.0f}, "
            f"{_name_whole(whole)} is {total:.0f}"
        )
    return ""


def _breaks(rows: pd.DataFrame) -> pd.Series[bool]:
    """Declared breaks, adjusted or not."""
    return rows["is_break"].astype(bool) | (rows["is_joined"] & ~rows["is_suspected"])


def _dimension(whole: Key, parts: tuple[Key, ...]) -> str:
    return next(name for d, name in enumerate(DIMENSIONS) if whole[d] != parts[0][d])


def name_key(key: Key) -> str:
    """A key as a reader sees it: the activity, with the sex where it is not both."""
    return key[1] if key[0] == WHOLE else f"{key[1]}/{key[0]}"


def _name_whole(key: Key) -> str:
    name = "the total" if key[1] == WHOLE else key[1]
    return name if key[0] == WHOLE else f"{name} of sex {key[0]}"


def _published(member: Member, year: int) -> float:
    rows = member.rows.loc[member.rows["ds"] == year, "y"].dropna()
    return float(rows.iloc[0]) if len(rows) else float("nan")


def reconcile_members(
    members: Mapping[Key, Member],
    judged: Sequence[Judged],
    paths: Sequence[Path],
    backtest: Backtest,
    models: Sequence[str],
) -> dict[int, Path]:
    """Paths of the members, by place, after reconciliation by every sum without an obstacle."""
    out: dict[int, Path] = {}
    for usable in split_connected([s for s in judged if not s.obstacle]):
        out |= _reconcile_connected(members, usable, paths, backtest, models)
    return {
        m.place: _with_obstacles(out.get(m.place, paths[m.place]), m.key, judged) for m in members.values()
    }


def split_connected(sums: Sequence[Judged]) -> list[list[Judged]]:
    """The sums in groups that share no series: what happens in one group changes nothing in another."""
    groups: list[list[Judged]] = []
    for new in sums:
        mine = {new.whole, *new.parts}
        linked = [g for g in groups if any(mine & {s.whole, *s.parts} for s in g)]
        groups = [g for g in groups if g not in linked] + [[*itertools.chain(*linked), new]]
    return groups


def _reconcile_connected(
    members: Mapping[Key, Member],
    usable: Sequence[Judged],
    paths: Sequence[Path],
    backtest: Backtest,
    models: Sequence[str],
) -> dict[int, Path]:
    keys = [key for key in members if any(key in (s.whole, *s.parts) for s in usable)]
    sums = [(keys.index(s.whole), tuple(keys.index(part) for part in s.parts)) for s in usable]
    group = [members[key] for key in keys]
    places = [member.place for member in group]
    errors = one_step_errors(backtest, places, models)
    means = _reconcile_years(group, sums, [paths[p].mean for p in places], shrink_covariance(errors))
    words, later = _describe(len(errors), group), _list_later_ids(group)
    return {
        m.place: _obey(paths[m.place], mean, words, later[m.series.end])
        for m, mean in zip(group, means, strict=True)
    }


def _describe(n_errors: int, group: Sequence[Member]) -> str:
    words = f"reconciled (MinT, shrunk covariance of {n_errors} one-step errors)"
    if n_errors < FEWEST_ERRORS:
        words = "reconciled (MinT, gaps shared by size: too few errors for a covariance)"
    ends = sorted({member.series.end for member in group})
    return f"{words}, figures published to {ends[-1]} kept" if len(ends) > 1 else words


def _with_obstacles(path: Path, key: Key, judged: Sequence[Judged]) -> Path:
    """The path with every obstacle to a sum it stands in."""
    found = [s.obstacle for s in judged if s.obstacle and key in (s.whole, *s.parts)]
    said = [path.reconciled] if path.reconciled != NO_SUM or not found else []
    return Path(path.mean, path.quantiles, "; ".join([*said, *dict.fromkeys(found)]), path.borrowed)


def _list_later_ids(group: Sequence[Member]) -> dict[int, tuple[str, ...]]:
    """Ids of the figures of the group after each year in which a series of it ends."""
    known = pd.concat([m.rows[m.rows["y"].notna()][["ds", "observation_id"]] for m in group])
    ends = {m.series.end for m in group}
    return {end: tuple(map(str, known.loc[known["ds"] > end, "observation_id"])) for end in ends}


def _obey(path: Path, mean: Floats, words: str, borrowed: tuple[str, ...]) -> Path:
    """Quantiles move with their mean, by as many persons, and stay ordered and above zero."""
    moved = (mean - path.mean)[:, None]
    return Path(mean, tidy_quantiles(path.quantiles + moved, not_negative=True), words, borrowed)


def _reconcile_years(
    group: Sequence[Member], sums: Sequence[Sum], means: Sequence[Floats], covariance: Floats
) -> list[Floats]:
    ends = np.array([member.series.end for member in group])
    last = int(ends.min()) + len(means[0])  # nobody's path is read beyond its end
    out = [mean.copy() for mean in means]
    for year in range(int(ends.min()) + 1, last + 1):
        ahead = np.maximum(year - ends, 0)
        path = np.array(
            [
                mean[h - 1] if h else member.series.values[year - member.series.start]
                for member, mean, h in zip(group, means, ahead, strict=True)
            ]
        )
        obeying = reconcile(path, sums, covariance * np.sqrt(np.outer(ahead, ahead)))
        for i in np.flatnonzero(ahead):
            out[i][ahead[i] - 1] = obeying[i]
    return out


def one_step_errors(backtest: Backtest, places: Sequence[int], models: Sequence[str]) -> Floats:
    """One-step errors (origins common to all, series) of each series' own model, in persons."""
    columns = []
    for place in places:
        rows = backtest.series == place
        errors = (backtest.actual[rows] - backtest.forecasts[models[place]][rows])[:, 0]
        columns.append(pd.Series(errors, index=backtest.period[rows]))
    aligned = pd.concat(columns, axis=1, join="inner").dropna()
    return aligned.to_numpy(dtype=np.float64)
