"""News: which source moved which cell by how much, and which published figures stand behind the movement.

The assessment is made once for every mix of vintages on the way from one date to another: first with all sources as
known on the first date, then with one source after the other as known on the second. The differences between
neighbours are each source's part; they sum to the whole change, whatever the order. The split itself depends on the
order where two sources meet in one cell, as that of any non-linear result does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lma.assessment.cells import Lineage
from lma.assessment.compare import compare_cells

CALENDAR = "calendar"
"""Step of the passing of time: ages of data are counted from the later edition."""

SERIES_KEY = [
    "ref_area", "counterpart_area", "freq", "indicator", "sex", "age", "economic_activity", "activity_revision",
    "occupation", "occupation_revision", "citizenship", "unit_measure", "basis_kind",
]  # fmt: skip
KINDS = {
    "revised": "revised figure",
    "other_source": "another source is preferred",
    "new_period": "new period",
    "new_series": "new series of a source known before",
    "source_appeared": "source without an earlier vintage",
    "dropped": "no longer used",
}
POOLED_FROM = ["observation_id_before", "observation_id_after"]
SHOWN_INPUTS = 3
POOLED = "pooled model"
POOLED_IN_WORDS = (
    "pooled model: employment figures of all countries, from which the forecast model and its intervals learn"
)


@dataclass(frozen=True)
class Mix:
    """The assessment with one mix of vintages: the step that led to it, its cells, figures and lineage."""

    step: str
    cells: pd.DataFrame
    observations: pd.DataFrame
    lineage: Lineage


# ---------------------------------------------------------------- parts of a change


def decompose_changes(cells: Sequence[pd.DataFrame], steps: Sequence[str]) -> pd.DataFrame:
    """One row per numeric cell and step that moved it: address, step, position (from 1), part.

    ``cells``: those of every mix, the first before any step. A cell without a number in some mix keeps its last one
    there, so that the parts of a cell with a number at both ends sum to its change.
    """
    values = [frame.set_index("address")["value"].astype(float) for frame in cells]
    wide = pd.concat(values, axis=1, keys=range(len(values)))
    wide = wide[wide[0].notna() & wide[len(values) - 1].notna()]
    parts = wide.ffill(axis=1).diff(axis=1).drop(columns=0)
    long = parts.rename_axis("address").reset_index().melt("address", var_name="position", value_name="part")
    long = long[long["part"] != 0]
    long.insert(1, "step", [steps[int(position) - 1] for position in long["position"]])
    return long.sort_values(["address", "position"], kind="stable", ignore_index=True)


def find_first_steps(cells: Sequence[pd.DataFrame], steps: Sequence[str]) -> dict[str, str]:
    """Address of a cell that got its first number on the way -> the step from which on it has one."""
    numeric = [set(frame.loc[frame["value"].notna(), "address"]) for frame in cells]
    found: dict[str, str] = {}
    for address in sorted(numeric[-1] - numeric[0]):
        without = [place for place, known in enumerate(numeric) if address not in known]
        found[address] = steps[without[-1]]
    return found


# ---------------------------------------------------------------- figures that moved


def list_moved_figures(
    before: pd.DataFrame, after: pd.DataFrame, known_sources: Iterable[str]
) -> pd.DataFrame:
    """Preferred figures that differ between two dates: one row each, with kind (see KINDS) and both sides.

    Both frames have the columns of marts.observations. ``known_sources``: sources with a vintage on the first date.
    Columns: SERIES_KEY, time_period, and id, value, source, as_of of both sides (``_before``, ``_after``), kind,
    relative_change in per cent. A figure that a newer vintage only repeats is not listed.
    """
    key, shown = [*SERIES_KEY, "time_period"], ["observation_id", "obs_value", "source_id", "as_of"]
    both = before[[*key, *shown]].merge(
        after[[*key, *shown]], on=key, how="outer", suffixes=("_before", "_after"), indicator="side"
    )
    old, new = both["obs_value_before"], both["obs_value_after"]
    same = (both["side"] == "both") & ((old == new) | (old.isna() & new.isna()))
    same &= both["source_id_before"] == both["source_id_after"]
    moved = both[~same].reset_index(drop=True)
    kinds = _name_kinds(moved, before, set(known_sources))
    size = moved["obs_value_before"].abs()
    relative = 100 * (moved["obs_value_after"] - moved["obs_value_before"]) / size.where(size > 0)
    return moved.drop(columns="side").assign(kind=kinds, relative_change=relative)


def _name_kinds(moved: pd.DataFrame, before: pd.DataFrame, known_sources: set[str]) -> list[str]:
    series = set(map(tuple, before[SERIES_KEY].drop_duplicates().itertuples(index=False, name=None)))
    of_row = moved[SERIES_KEY].itertuples(index=False, name=None)
    sides = zip(of_row, moved["side"], moved["source_id_before"], moved["source_id_after"], strict=True)
    return [_name_kind(tuple(key) in series, side, old, new, known_sources) for key, side, old, new in sides]


def _name_kind(has_series: bool, side: str, old: str, new: str, known_sources: set[str]) -> str:
    if side == "both":
        return "revised" if old == new else "other_source"
    if side == "left_only":
        return "dropped"
    if new not in known_sources:
        return "source_appeared"
    return "new_period" if has_series else "new_series"


def find_leaves(
    node_ids: Iterable[str], lineage: Lineage, known: dict[str, frozenset[str]]
) -> frozenset[str]:
    """Ids of all published figures behind some rows, and POOLED where a forecast or its score is among them.

    ``known`` remembers what was found before.
    """
    leaves: set[str] = set()
    for node in node_ids:
        if node not in known:
            is_leaf, pooled = node in lineage.leaves, {POOLED} if node.startswith(("F:", "K:")) else set()
            behind = {node} if is_leaf else find_leaves(lineage.inputs.get(node, ()), lineage, known)
            known[node] = frozenset(behind | pooled)
        leaves |= known[node]
    return frozenset(leaves)


def explain_inputs(
    addresses: Iterable[str], first: Mix, last: Mix, moved: pd.DataFrame, n_pooled: int
) -> pd.DataFrame:
    """Figures that moved behind each cell: one row per address, with counts in words and the most moved ones.

    ``n_pooled``: moved figures of all countries from which the pooled forecast model learns. Columns address,
    why (such as "3 revised figure, 2 new period"), inputs (SHOWN_INPUTS figures with both values).
    """
    ranked = _rank_figures(moved)
    texts = [describe_figure(row) for row in ranked.to_dict("records")]
    places: dict[str, list[int]] = {}
    for column in POOLED_FROM:
        for place, node in enumerate(ranked[column]):
            places.setdefault(node, []).append(place)
    sides = [
        (mix, dict(zip(mix.cells["address"], mix.cells["inputs"], strict=True))) for mix in (first, last)
    ]
    known: list[dict[str, frozenset[str]]] = [{}, {}]
    rows = []
    for address in addresses:
        found = [
            find_leaves(inputs.get(address, ()), mix.lineage, memo)
            for (mix, inputs), memo in zip(sides, known, strict=True)
        ]
        leaves = found[0] | found[1]
        hit = sorted({place for leaf in leaves for place in places.get(leaf, ())})
        why = _count_kinds(ranked["kind"].iloc[hit], n_pooled if POOLED in leaves else 0)
        rows.append((address, why, "; ".join(texts[place] for place in hit[:SHOWN_INPUTS])))
    return pd.DataFrame(rows, columns=["address", "why", "inputs"])


def _count_kinds(kinds: pd.Series[str], n_pooled: int) -> str:
    counts = kinds.value_counts()
    words = [f"{counts[kind]} {name}" for kind, name in KINDS.items() if kind in counts]
    if n_pooled:
        words.append(f"{n_pooled} behind the {POOLED}")
    return "; ".join(words) or "no published figure behind it moved"


def _rank_figures(moved: pd.DataFrame) -> pd.DataFrame:
    """Revised figures by size of the revision, then the others by newest period."""
    is_revised = moved["kind"].isin(["revised", "other_source"])
    order = pd.DataFrame(
        {"later": ~is_revised, "size": -moved["relative_change"].abs().fillna(0).where(is_revised, 0.0)}
    )
    newest = moved.assign(**order).sort_values("time_period", ascending=False, kind="stable")
    return newest.sort_values(["later", "size"], kind="stable", ignore_index=True)


def describe_figure(figure: Mapping[Any, Any]) -> str:
    """One moved figure in words: what it measures, both values, from which vintages, and how it moved."""
    dimensions = ("counterpart_area", "economic_activity", "sex", "age", "citizenship")
    named = [str(figure[name]) for name in dimensions if figure[name] not in ("_T", "_Z")]
    words = " ".join([str(figure["indicator"]), str(figure["ref_area"]), *named, str(figure["time_period"])])
    old, new = (
        show_value(figure[f"obs_value_{side}"], figure["unit_measure"]) for side in ("before", "after")
    )
    sides = [
        f"{figure[f'source_id_{side}']} {figure[f'as_of_{side}']}"
        for side in ("before", "after")
        if isinstance(figure[f"source_id_{side}"], str)
    ]
    return f"{words}: {old} to {new} {figure['unit_measure']} ({KINDS[str(figure['kind'])]}; {' to '.join(sides)})"


WHOLE_UNITS = ("PS", "JOBS", "NR", "USD", "USD_PPP", "XDC")
"""Units counted in whole ones; money and persons need no decimals."""


def show_value(value: Any, unit: str | None, sign: str = "") -> str:
    """A figure as a reader writes it: persons whole with thousands marked, small or fractional ones to four digits."""
    if value is None or value != value:
        return "none"
    whole = unit in WHOLE_UNITS or abs(value) >= 1_000
    return f"{value:{sign},.0f}" if whole and abs(value) >= 1 else f"{value:{sign},.4g}"


# ---------------------------------------------------------------- the whole


def list_news(
    mixes: Sequence[Mix],
    backwards: Sequence[Mix],
    known_sources: Iterable[str],
    vintages: pd.DataFrame,
    pooled: Iterable[str] = (),
) -> pd.DataFrame:
    """Every cell that differs between the first and the last mix, one row per cell and step that moved it.

    ``backwards``: the mixes of the reversed order of sources (may be empty). ``vintages``: columns step,
    vintage_before, vintage_after. ``pooled``: ids of the figures from which the pooled forecast model learns, of
    both ends. Columns of the result: see NEWS_COLUMNS; largest relative change first.
    """
    first, last = mixes[0], mixes[-1]
    steps = [mix.step for mix in mixes[1:]]
    changed = _describe_changes(first.cells, last.cells)
    parts = decompose_changes([mix.cells for mix in mixes], steps)
    appeared = find_first_steps([mix.cells for mix in mixes], steps)
    moved = list_moved_figures(first.observations, last.observations, known_sources)
    news = changed.merge(parts, on="address", how="left")
    news["step"] = news["step"].fillna(news["address"].map(appeared))
    news = news.merge(_reverse_parts(backwards), on=["address", "step"], how="left")
    n_pooled = int(moved[POOLED_FROM].isin(pooled).any(axis=1).sum())
    explained = explain_inputs(changed["address"], first, last, moved, n_pooled)
    news = news.merge(explained, on="address", how="left")
    news = news.merge(vintages, on="step", how="left")
    return news.reindex(columns=NEWS_COLUMNS)


NEWS_COLUMNS = [
    "address", "row_label", "column_label", "unit_measure", "what", "period_before", "period_after", "value_before",
    "value_after", "text_before", "text_after", "change", "relative_change", "position", "step", "vintage_before",
    "vintage_after", "part", "part_reversed", "why", "inputs",
]  # fmt: skip


def _reverse_parts(backwards: Sequence[Mix]) -> pd.DataFrame:
    if not backwards:
        return pd.DataFrame({"address": [], "step": [], "part_reversed": []}, dtype=object)
    parts = decompose_changes([mix.cells for mix in backwards], [mix.step for mix in backwards[1:]])
    return parts.rename(columns={"part": "part_reversed"}).drop(columns="position")


def _describe_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """compare_cells with periods and relative change; labels of whichever side has the cell."""
    changed = compare_cells(before, after)
    for name in ("row_label", "column_label", "unit_measure"):
        changed[name] = changed[f"{name}_after"].fillna(changed[f"{name}_before"])
    for side, frame in (("before", before), ("after", after)):
        changed[f"period_{side}"] = changed["address"].map(frame.set_index("address")["time_period"])
    size = changed["value_before"].abs()
    changed["relative_change"] = 100 * changed["change"] / size.where(size > 0)
    return changed.sort_values(
        "relative_change", key=lambda column: -column.abs(), kind="stable", ignore_index=True
    )


def name_newest(vintages: Mapping[str, dt.date], source_id: str) -> str:
    """Date of a source's newest vintage, or that there is none."""
    return str(vintages[source_id]) if source_id in vintages else "none"
