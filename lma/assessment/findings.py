"""T15 breaks, conflicts and coherence: what the figures of a country say against themselves, with numbers.

What is worked out here is shown in T15 in full, in T11 where it is large, and said in words in T14.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.breaks import KINDS, name_world_shock, pick_level_shifts, score_changes
from lma.coherence import CHECKS, WITHIN, compare_figures, count_cells, describe_cell, summarise_conflicts
from lma.contracts import TableSpec, codelist, rule_set

FINDING_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("kind", "Kind of finding"), ("checked", "Series or cells checked"), ("found", "Found"), ("median", "Median difference, %"),
        ("largest", "Largest difference, %"), ("example", "Largest example, or closest to the limit"), ("finding", "Finding"),
    )
)  # fmt: skip
FINDING_SPEC = TableSpec(
    "T15",
    "Breaks, conflicts, coherence and revisions",
    "Level shifts that nobody declares, by indicator, source and year; identities that the figures must hold; pairs of"
    " sources with a figure for the same cell (all of them in source_conflicts.csv); and figures that a newer vintage"
    " changed. Differences are absolute, per cent; of shares that must sum to 100, points.",
    "Finding",
)
BASIS = {"reported": "reported", "modelled": "modelled_estimate"}
SHOWN_IDS = 20
PAIR_STEP = (
    "cells with a figure of both sources, latest vintages, projections left out (source_conflicts.csv)"
)


@dataclass(frozen=True)
class Findings:
    """What was found of one country, each frame as the function of the same name gives it."""

    shifts: pd.DataFrame
    changes: pd.DataFrame
    compared: pd.DataFrame
    pairs: pd.DataFrame
    cells: pd.DataFrame
    revisions: pd.DataFrame


def collect_findings(
    observations: pd.DataFrame, conflicts: pd.DataFrame, revisions: pd.DataFrame
) -> Findings:
    """All findings of one country; ``conflicts``: rows of source_conflicts.sql, ``revisions``: of marts.revisions."""
    changes = score_changes(observations, rule_set("breaks"))
    return Findings(
        pick_level_shifts(changes, rule_set("breaks")),
        changes,
        compare_figures(observations, rule_set("coherence")),
        summarise_conflicts(conflicts, rule_set("coherence").threshold("conflict")),
        count_cells(conflicts, rule_set("coherence").threshold("conflict")),
        revisions,
    )


def finding_table(
    ref_area: str, findings: Findings, lineage: Lineage, growth: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Cells of T15; one row says so where nothing could be compared.

    ``growth``: indicators that T2 shows; a suspicion that growth among them spans says so.
    """
    table = TableCells(ref_area, "T15", FINDING_COLUMNS, lineage)
    _add_shifts(table, findings, growth)
    _add_declared(table, findings)
    _add_checks(table, findings.compared)
    _add_not_comparable(table, findings.compared)
    _add_cells(table, findings.cells)
    _add_pairs(table, findings.pairs)
    _add_revisions(table, findings.revisions)
    if not table.cells:
        for column in FINDING_COLUMNS:
            table.empty(
                Key("NONE", "None"), column.id, "[x]", "no series is long enough and no cell has two figures"
            )
    return table.frame()


def _add(
    table: TableCells, row: Key, kind: str, numbers: Mapping[str, float | None], basis: str, ids: Iterable[str],
    step: str, words: tuple[str, str],
) -> None:  # fmt: skip
    """One row: counts without decimals, differences in per cent, an example and what it means."""
    ids = list(ids)[:SHOWN_IDS]
    table.text(row, "kind", kind, ids)
    for column, value in numbers.items():
        unit, decimals = ("NR", 0) if column in ("checked", "found") else ("PC", 1)
        if value is None or pd.isna(value):
            table.empty(row, column, "[z]", "does not apply to this kind of finding")
        else:
            kind = "computed" if unit == "NR" else basis
            table.number(row, column, value, unit, kind, ids, step, decimals=decimals)
    for column, text in zip(("example", "finding"), words, strict=True):
        if text:
            table.text(row, column, text, ids)
        else:
            table.empty(row, column, "[z]", "nothing found")


def _indicator_label(code: str) -> str:
    labels = codelist("indicators").set_index("indicator")["label_en"]
    return str(labels.get(code, code))


# ---------------------------------------------------------------- level shifts


SHIFT_KEY = ["indicator", "basis_kind", "source_id", "time_period", "kind"]


def list_suspected(findings: Findings) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Undeclared shifts of one indicator, kind of basis, source, year and kind together, the largest first."""
    suspected = findings.shifts[~findings.shifts["is_declared"].astype(bool)]
    sized = suspected.assign(size=suspected["change"].abs())
    for key, rows in sized.groupby(SHIFT_KEY, sort=True):
        yield (
            dict(zip(SHIFT_KEY, map(str, key), strict=True)),
            rows.sort_values(["size", "observation_id"], ascending=[False, True], kind="stable"),
        )


def describe_shift(row: Mapping[Any, Any]) -> str:
    """A shift in figures: from, to, expected."""
    decimals = 1 if row["unit_measure"] == "PC" else 0
    return (
        f"{describe_cell(row)}: {row['previous_value']:,.{decimals}f} in {row['previous_period']}, then"
        f" {row['value']:,.{decimals}f}; {row['expected']:,.{decimals}f} by the series' usual change"
        f" ({row['score']:.1f} robust deviations off)"
    )


def word_shift(kind: str, period: str, is_spanned: bool = False) -> str:
    """What a suspicion means; ``is_spanned``: by growth of employment that T2 shows."""
    shock = (
        f" {period} is a year in which many countries' series moved for one real reason."
        if name_world_shock(period, rule_set("breaks"))
        else ""
    )
    noted = " Growth of employment across it is shown in T2 with a note." if is_spanned else ""
    return f"Suspected {KINDS[kind]}, declared by nobody.{shock}{noted}"


def _add_shifts(table: TableCells, findings: Findings, growth: pd.DataFrame | None) -> None:
    judged = findings.changes[~findings.changes["is_declared"]].groupby(SHIFT_KEY[:4]).size()
    for key, rows in list_suspected(findings):
        row = Key(
            f"SHIFT_{'_'.join(key.values())}",
            f"{_indicator_label(key['indicator'])} ({key['basis_kind']}, {key['source_id']}), {key['time_period']}",
        )
        numbers = {
            "checked": float(judged.loc[tuple(key[name] for name in SHIFT_KEY[:4])]), "found": float(len(rows)),
            "median": rows["size"].median(), "largest": rows["size"].max(),
        }  # fmt: skip
        ids = [
            node for pair in zip(rows["observation_id"], rows["previous_id"], strict=True) for node in pair
        ]
        is_spanned = growth is not None and bool(find_growth_across(rows, growth))
        words = (
            describe_shift(rows.iloc[0].to_dict()),
            word_shift(key["kind"], key["time_period"], is_spanned),
        )
        step = "distance of the figure from the one expected by the series' median change (rules/breaks.yaml)"
        _add(table, row, "suspected break", numbers, BASIS[key["basis_kind"]], ids, step, words)


def _add_declared(table: TableCells, findings: Findings) -> None:
    """How many of the declared breaks the same rule finds by itself: what its silence is worth."""
    declared = findings.changes[findings.changes["is_declared"]]
    if declared.empty:
        return
    found = findings.shifts[findings.shifts["is_declared"].astype(bool)]
    sizes = found["change"].abs()
    ids = list((found if len(found) else declared)["observation_id"])
    numbers = {
        "checked": float(len(declared)),
        "found": float(len(found)),
        "median": sizes.median(),
        "largest": sizes.max(),
    }
    example = describe_shift(found.iloc[int(sizes.argmax())].to_dict()) if len(found) else ""
    text = (
        f"The rule finds {len(found)} of {len(declared)} declared breaks by itself: the others are no larger than the"
        " series' own movements."
    )
    step = "declared breaks in series long enough to be judged, and those found without the declaration"
    _add(
        table,
        Key("DECLARED", "Declared breaks"),
        "declared break",
        numbers,
        "modelled_estimate",
        ids,
        step,
        (example, text),
    )


# ---------------------------------------------------------------- coherence


def describe_comparison(row: Mapping[Any, Any]) -> str:
    """One comparison in figures; a part that lies within its whole says which share of it it takes."""
    decimals = 1 if row["check_id"] == "shares" else 0
    holds_within = row["check_id"] in WITHIN and not row["fails"]
    distance = (
        f"closest to the limit: {100 + row['deviation']:.1f} % of it"
        if holds_within
        else f"{row['deviation']:+.1f} %"
    )
    return (
        f"{describe_cell(row)} ({row['basis_kind']}): {row['value']:,.{decimals}f} against"
        f" {row['expected']:,.{decimals}f} ({distance})"
    )


def list_checks(compared: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.Series[Any], list[str]]]:
    """Check, its comparisons, the one that misses most (failing ones first), and the ids to show.

    Of parts that all lie within their whole the first is the one closest to it. What is not comparable is left out.
    """
    comparable = compared[compared["is_comparable"].astype(bool)]
    for check, rows in comparable.groupby("check_id", sort=False):
        sized = rows.assign(size=rows["deviation"].abs())
        by = "deviation" if check in WITHIN else "size"
        ordered = sized.sort_values(["fails", by, "time_period"], ascending=False, kind="stable")
        failing = [node for ids in ordered.loc[ordered["fails"], "ids"].head(3) for node in ids]
        yield str(check), ordered, ordered.iloc[0], failing or list(ordered.iloc[0]["ids"])


def word_check(check: str, rows: pd.DataFrame) -> str:
    """What failed, and how far it may miss."""
    failing = rows[rows["fails"]]
    tolerance = rule_set("coherence").threshold(check)
    if failing.empty and check in WITHIN:
        return f"All {len(rows)} hold: no part is larger than its whole."
    if failing.empty:
        return f"All {len(rows)} hold within {tolerance:g} %."
    years = sorted(failing["time_period"].unique())
    span = years[0] if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return (
        f"{len(failing)} of {len(rows)} miss by more than {tolerance:g} %, in {len(years)} period(s), {span}."
    )


def _add_checks(table: TableCells, compared: pd.DataFrame) -> None:
    for check, rows, worst, ids in list_checks(compared):
        # A part may lie far below its whole: only by how much it exceeds it says anything.
        sizes = rows.loc[rows["fails"], "size"] if check in WITHIN else rows["size"]
        numbers = {
            "checked": float(len(rows)), "found": float(rows["fails"].sum()), "median": sizes.median(), "largest": sizes.max(),
        }  # fmt: skip
        basis = "modelled_estimate" if (rows["basis_kind"] == "modelled").any() else "reported"
        step = "comparisons of published figures that an identity ties (rules/coherence.yaml)"
        words = (describe_comparison(worst.to_dict()), word_check(check, rows))
        _add(table, Key(f"COH_{check}", CHECKS[check]), "coherence", numbers, basis, ids, step, words)


def _add_not_comparable(table: TableCells, compared: pd.DataFrame) -> None:
    """Identities whose figures come from vintages too far apart: counted, not judged."""
    apart = compared[~compared["is_comparable"].astype(bool)]
    limit = rule_set("coherence").threshold("vintage_gap")
    for check, rows in apart.groupby("check_id", sort=False):
        first = rows.sort_values("time_period", kind="stable").iloc[-1]
        text = (
            f"{len(rows)} not comparable (vintages differ): two vintages of one source, or sources whose vintages lie more"
            f" than {limit:g} days apart. What their figures differ by says nothing about an identity."
        )
        numbers = {"checked": float(len(rows)), "found": None, "median": None, "largest": None}
        step = "sets of figures that an identity ties but whose vintages differ (rules/coherence.yaml)"
        example = f"{describe_cell(first.to_dict())} ({first['basis_kind']})"
        row = Key(
            f"APART_{check}", f"Not comparable: {CHECKS[str(check)][0].lower()}{CHECKS[str(check)][1:]}"
        )
        _add(table, row, "not comparable", numbers, "computed", list(first["ids"]), step, (example, text))
        if not (compared["check_id"].eq(check) & compared["is_comparable"].astype(bool)).any():
            none = numbers | {"checked": 0.0, "found": 0.0}
            words = ("", f"None of {len(rows)} is comparable: the vintages differ.")
            key = Key(f"COH_{check}", CHECKS[str(check)])
            _add(table, key, "coherence", none, "computed", list(first["ids"]), step, words)


# ---------------------------------------------------------------- conflicts and revisions


def describe_pair(row: Mapping[Any, Any]) -> str:
    """The widest difference of a pair of sources."""
    decimals = 1 if row["unit_measure"] == "PC" else 0
    return (
        f"{row['cell']}: {row['obs_value']:,.{decimals}f} ({row['source_id']}, {row['basis'].replace('_', ' ')})"
        f" and {row['other_value']:,.{decimals}f} ({row['other_source_id']}, {row['other_basis'].replace('_', ' ')})"
    )


def word_pair(row: Mapping[Any, Any]) -> str:
    """How far two sources differ."""
    return (
        f"{row['n_beyond']} of {row['n_cells']} cells differ by more than {rule_set('coherence').threshold('conflict'):g} %;"
        f" the first source is the one used where both have the same kind of basis."
    )


MIXED = " (reported beside modelled)"


def _add_cells(table: TableCells, counted: pd.DataFrame) -> None:
    """How many cells have figures of two sources that differ; a cell counts once, however many pairs it makes."""
    for row in counted.to_dict("records"):
        key = (
            Key("MIXED", "Cells with a reported and a modelled figure")
            if row["is_mixed"]
            else Key("CELLS", "Cells with figures of two sources, of one kind of basis")
        )
        numbers = {
            "checked": float(row["n_cells"]),
            "found": float(row["n_beyond"]),
            "median": None,
            "largest": None,
        }
        limit = rule_set("coherence").threshold("conflict")
        meaning = (
            "a reported and a modelled figure are of different kinds"
            if row["is_mixed"]
            else "each cell counted once"
        )
        text = f"{row['n_beyond']} of {row['n_cells']} cells differ by more than {limit:g} %; {meaning}; copies left out."
        step = (
            "distinct cells of source_conflicts.csv, pairs of sources whose every difference is zero left out"
        )
        _add(table, key, "cells of two sources", numbers, "computed", row["ids"], step, ("", text))


def _add_pairs(table: TableCells, pairs: pd.DataFrame) -> None:
    """Pairs of sources that differ somewhere by more than the threshold; the others are counted in one row."""
    _add_agreeing(table, pairs[pairs["n_beyond"] == 0])
    for row in pairs[pairs["n_beyond"] > 0].to_dict("records"):
        key = Key(
            f"{'BASES' if row['is_mixed'] else 'PAIR'}_{row['indicator']}_{row['source_id']}_{row['other_source_id']}",
            f"{_indicator_label(row['indicator'])}: {row['source_id']} and {row['other_source_id']}{MIXED if row['is_mixed'] else ''}",
        )
        numbers = {
            "checked": row["n_cells"],
            "found": row["n_beyond"],
            "median": row["median"],
            "largest": row["largest"],
        }
        bases = {row["basis"], row["other_basis"]}
        basis = "modelled_estimate" if "modelled_estimate" in bases else "reported"
        ids = [row["observation_id"], row["other_observation_id"]]
        _add(table, key, "conflict", numbers, basis, ids, PAIR_STEP, (describe_pair(row), word_pair(row)))


def _add_agreeing(table: TableCells, pairs: pd.DataFrame) -> None:
    """One row for all pairs of sources that agree in every cell; ``pairs``: the widest median first."""
    if pairs.empty:
        return
    widest = pairs.iloc[int(pairs["largest"].argmax())].to_dict()
    names = [
        f"{row['source_id']} and {row['other_source_id']} ({row['indicator']})"
        for row in pairs.to_dict("records")
    ]
    n_copies = int((pairs["largest"] == 0).sum())
    text = (
        f"{len(pairs)} pair(s) of sources differ in no cell by more than {rule_set('coherence').threshold('conflict'):g} %:"
        f" {'; '.join(names)}. {n_copies} of them are copies (every difference is zero), not second sources."
    )
    numbers = {
        "checked": float(pairs["n_cells"].sum()), "found": 0.0, "median": None, "largest": widest["largest"],
    }  # fmt: skip
    bases = {*pairs["basis"], *pairs["other_basis"]}
    basis = "modelled_estimate" if "modelled_estimate" in bases else "reported"
    ids = [*pairs["observation_id"], *pairs["other_observation_id"]]
    example = describe_pair(widest) if widest["largest"] > 0 else ""
    _add(
        table,
        Key("AGREE", "Pairs of sources that agree"),
        "agreement",
        numbers,
        basis,
        ids,
        PAIR_STEP,
        (example, text),
    )


def _add_revisions(table: TableCells, revisions: pd.DataFrame) -> None:
    for source_id, rows in revisions.groupby("source_id", sort=True):
        sized = rows.assign(size=rows["relative_change"].abs()).sort_values(
            ["size", "revision_id"], ascending=[False, True], kind="stable"
        )
        top = sized.iloc[0]
        numbers = {
            "checked": None,
            "found": float(len(rows)),
            "median": sized["size"].median(),
            "largest": sized["size"].max(),
        }
        before, after = (
            f"{value:,.6g}" if pd.notna(value) else "no figure"
            for value in (top["previous_value"], top["value"])
        )
        example = f"{describe_cell(top.to_dict())}: {before} ({top['previous_as_of']}), then {after} ({top['as_of']})"
        text = f"{len(rows)} figures of the country differ between two vintages of the source; `lma revisions` lists them."
        step = "figures that a newer vintage changed, against the vintage before"
        row = Key(f"REVISED_{source_id}", f"Revisions: {source_id}")
        _add(table, row, "revision", numbers, "reported", list(sized["revision_id"]), step, (example, text))


# ---------------------------------------------------------------- suspicions beside the figures they touch


def mark_suspected(
    cells: pd.DataFrame, findings: Findings, indicators: pd.DataFrame, lineage: Lineage
) -> pd.DataFrame:
    """The cells, with the note N_SUSPECTED where a figure is the first after a suspected shift or growth spans one.

    T11 and T15, which speak of the suspicions themselves, are left alone.
    """
    crossed = find_growth_across(findings.shifts, indicators)
    shifted = set(findings.shifts.loc[~findings.shifts["is_declared"].astype(bool), "observation_id"])
    rests_on = [
        table_id not in ("T11", "T15")
        and (
            not (crossed | shifted).isdisjoint(ids)
            or any(not crossed.isdisjoint(lineage.inputs.get(node, ())) for node in ids)
        )
        for table_id, ids in zip(cells["table_id"], cells["inputs"], strict=True)
    ]
    noted = [
        [*notes, "N_SUSPECTED"] if crosses and pd.notna(value) else notes
        for notes, crosses, value in zip(cells["footnotes"], rests_on, cells["value"], strict=True)
    ]
    return cells.assign(footnotes=pd.Series(noted, index=cells.index, dtype=object))


def find_growth_across(shifts: pd.DataFrame, indicators: pd.DataFrame) -> set[str]:
    """Ids of growth rates of employment whose years span an undeclared shift of the same series."""
    own = shifts[
        (shifts["indicator"] == "EMP") & (shifts["age"] == "_T") & ~shifts["is_declared"].astype(bool)
    ]
    growth = indicators[
        indicators["indicator"].str.fullmatch(r"EMP_GROWTH_\d+Y") & indicators["value"].notna()
    ]
    keys = ["ref_area", "sex", "economic_activity", "basis_kind"]
    both = growth.merge(own[[*keys, "time_period"]], on=keys, suffixes=("", "_shift"))
    if both.empty:
        return set()
    years = both["indicator"].str.extract(r"_(\d+)Y$")[0].astype(int)
    last, shift = both["time_period"].astype(int), both["time_period_shift"].astype(int)
    return set(both.loc[(shift <= last) & (shift > last - years), "indicator_id"])
