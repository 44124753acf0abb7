"""T14 quality statement: the concepts of the European Statistical System's SIMS, said with the figures of this edition.

SIMS (Single Integrated Metadata Structure) is the list of concepts under which European statistical offices describe
quality; its names are used here, its numbers are not. Every sentence is composed from cells of the other tables and
names them; what the edition cannot know is said to be not assessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.selection import select
from lma.contracts import TableSpec, codelist

STATEMENT_COLUMNS = (Key("statement", "Statement"), Key("rests_on", "Tables it rests on"))
STATEMENT_SPEC = TableSpec(
    "T14",
    "Quality statement",
    "The concepts of the Single Integrated Metadata Structure of the European Statistical System (SIMS), each with"
    " what the figures of this edition say about it and the cells they stand in.",
    "Concept",
)
Said = tuple[list[str], list[str]]
"""Sentences of a concept, and addresses of the cells they quote."""
NOT_ASSESSED: Said = (
    ["Not assessed: the publishers' costs and their respondents' burden are not published with the tables."],
    [],
)


def statement_table(ref_area: str, cells: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Cells of T14, composed from the cells of the other tables, never from anything else."""
    table = TableCells(ref_area, "T14", STATEMENT_COLUMNS, lineage)
    known = cells.set_index("address")["inputs"]
    for row, compose in CONCEPTS.items():
        sentences, addresses = compose(cells)
        inputs = [node for address in addresses for node in known.loc[address]]
        table.text(
            row, "statement", " ".join(sentences), inputs, "composed from the cells of the tables named"
        )
        tables = sorted({address.split(".")[0] for address in addresses}, key=lambda name: int(name[1:]))
        if tables:
            table.text(row, "rests_on", ", ".join(tables), inputs)
        else:
            table.empty(row, "rests_on", "[z]", "no figure of the edition speaks of it")
    return table.frame()


def _sources(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of T11, rows of published tables only."""
    chosen = select(cells, table_id="T11", column_id=column)
    return chosen[chosen["value"].notna() | (chosen["text"].notna() & ~_is_finding(chosen))]


def _is_finding(rows: pd.DataFrame) -> pd.Series[bool]:
    return rows["row_id"].str.match(r"[A-Z]")


def _about_country(cells: pd.DataFrame) -> pd.DataFrame:
    """Numbers about the country: those of all tables but T11, T15 and T16, which count sources, findings and ratings."""
    return cells[cells["value"].notna() & ~cells["table_id"].isin(["T11", "T15", "T16"])]


def _count(number: float, one: str, many: str) -> str:
    return f"{number:,.0f} {one if number == 1 else many}"


# ---------------------------------------------------------------- who, what, where


def _say_contact(cells: pd.DataFrame) -> Said:
    publishers = _sources(cells, "publisher")
    names = sorted(publishers["text"].unique())
    text = (
        f"Who answers for a figure is its publisher; the {_count(len(publishers), 'table', 'tables')} used come from"
        f" {_count(len(names), 'publisher', 'publishers')}: {'; '.join(names)} (T11)."
    )
    return [text], list(publishers["address"])


def _say_presentation(cells: pd.DataFrame) -> Said:
    numbers, empty = cells["value"].notna().sum(), cells["symbol"].notna().sum()
    about = len(_about_country(cells))
    text = (
        f"{_count(cells['table_id'].nunique(), 'table', 'tables')} of figures with {numbers:,} numbers: {about:,} about the"
        f" country, {numbers - about:,} about the sources, findings and ratings themselves (T11, T15, T16); {empty:,} cells have no"
        " figure and say why with a symbol and a reason."
    )
    return [text], list(select(cells, table_id="T11", column_id="n_figures")["address"].head(1))


def _say_units(cells: pd.DataFrame) -> Said:
    labels = codelist("units").set_index("unit_measure")["label_en"]
    first = cells[cells["unit_measure"].notna()].sort_values("address").drop_duplicates("unit_measure")
    words = "; ".join(f"{labels.get(unit, unit)}" for unit in sorted(first["unit_measure"]))
    return [f"Every number carries its unit: {words}."], list(first["address"])


def _say_reference_period(cells: pd.DataFrame) -> Said:
    first, last = _sources(cells, "first_period"), _sources(cells, "last_period")
    earliest, newest = (
        first.sort_values("text", kind="stable").iloc[0],
        last.sort_values("text", kind="stable").iloc[-1],
    )
    text = (
        f"Published figures from {earliest['text']} ({earliest['address']}) to {newest['text']} ({newest['address']});"
        " the latest of them may be projections of the publisher."
    )
    return [text], [earliest["address"], newest["address"]]


def _say_confidentiality(cells: pd.DataFrame) -> Said:
    withheld = int((cells["symbol"] == "[c]").sum())
    text = f"The tables rest on published aggregates, none on records of persons; {_count(withheld, 'cell is', 'cells are')} withheld."
    return [text], []


def _say_accessibility(cells: pd.DataFrame) -> Said:
    licences = _sources(cells, "licence")
    words = "; ".join(
        f"{licence} ({_count(n, 'table', 'tables')})"
        for licence, n in sorted(licences["text"].value_counts().items())
    )
    text = (
        "Published as workbook, page, PDF, CSV with a data package, and SDMX-CSV; `lma trace` leads from every number"
        f" to the publisher's row. Licences of the tables used: {words} (T11)."
    )
    return [text], list(licences["address"])


# ---------------------------------------------------------------- how good


def _say_relevance(cells: pd.DataFrame) -> Said:
    profile = select(cells, table_id="T1", column_id="value")
    absent = profile[profile["value"].isna()]
    sentences = [
        f"{profile['value'].notna().sum()} of {len(profile)} figures of the country profile are published (T1)"
        + (f"; not: {', '.join(absent['row_label'])}." if len(absent) else ".")
    ]
    ratings = select(cells, table_id="T3", column_id="p_shortage")
    if len(ratings):
        sentences.append(
            f"A gap between demand and supply can be told for {ratings['value'].notna().sum()} of {len(ratings)}"
            " activities (T3); for occupations and vacancies no table used has figures."
        )
    return sentences, [*profile["address"], *ratings["address"]]


def _say_accuracy(cells: pd.DataFrame) -> Said:
    numbers = _about_country(cells)
    shares = 100 * numbers["basis"].value_counts(normalize=True)
    words = ", ".join(f"{share:.0f} % {str(basis).replace('_', ' ')}" for basis, share in shares.items())
    sentences = [f"Of the numbers about the country, {words}; sampling errors are not in the tables used."]
    missing = _sources(cells, "missing")
    worst = missing.sort_values("value", kind="stable").iloc[-1:] if len(missing) else missing
    sentences += [_word_missing(cell) for cell in worst.to_dict("records")]
    refused, released = _sources(cells, "quarantined"), _sources(cells, "released")
    held, freed = refused["value"].sum(), released["value"].sum()
    sentences.append(
        f"{_count(held + freed, 'row', 'rows')} of the files used broke a contract: {held:,.0f} in quarantine, {freed:,.0f}"
        " released by a reviewer (T11)."
    )
    addresses = [*worst["address"], *refused["address"], *released["address"]]
    for address, where in (
        ("T12._T.coverage_80", "In the backtest"),
        ("T12.HINDCAST_T.coverage_80", "In hindcasts"),
    ):
        for cell in select(cells, address=address).dropna(subset=["value"]).to_dict("records"):
            sentences.append(
                f"{where} 80 % intervals of total employment held {cell['value']:.0f} % of outcomes ({address})."
            )
            addresses.append(address)
    return sentences, addresses


def _word_missing(worst: Mapping[Any, Any]) -> str:
    """How much is missing in the table that lacks most."""
    if worst["value"] == 0:
        return "Missing figures: none in any table used (T11)."
    return f"Missing figures: at most {worst['value']:.1f} % of a table's cells ({worst['address']})."


def _say_timeliness(cells: pd.DataFrame) -> Said:
    months = _sources(cells, "months").dropna(subset=["value"]).sort_values("value", kind="stable")
    if months.empty:
        return ["Not assessed: no source holds anything but projections."], []
    youngest, oldest = months.iloc[0], months.iloc[-1]
    sentences = [
        f"The last figures of the {len(months)} tables used were {median(months['value']):,.0f} months old at the median:"
        f" from {youngest['value']:,.0f} ({youngest['address']}) to {oldest['value']:,.0f} ({oldest['address']})."
    ]
    findings = select(cells, table_id="T11", column_id="finding")
    old = findings[findings["text"].fillna("").str.startswith("Out of date")]
    if len(old):
        sentences.append(f"Out of date by the decision rule: {', '.join(old['row_label'])} (T11).")
    sentences.append("Punctuality is not assessed: the tables used come without a release calendar.")
    return sentences, [*months["address"], *old["address"]]


def _say_coherence(cells: pd.DataFrame) -> Said:
    sentences, addresses = [], []
    broken = _sources(cells, "breaks")
    broken = broken[broken["text"] != "none"]
    sentences.append(
        f"{_count(len(broken), 'table has', 'tables have')} declared breaks, across which no growth is taken (T11)."
    )
    addresses += list(broken["address"])
    for prefix, say in (
        ("SHIFT_", _word_shifts),
        ("COH_", _word_checks),
        ("APART_", _word_not_comparable),
        ("CELLS", _word_cells),
        ("MIXED", _word_cells),
        ("PAIR_", _word_pairs),
        ("AGREE", _word_agreeing),
    ):
        column = "checked" if prefix == "APART_" else "found"
        found = select(cells, table_id="T15", column_id=column)
        found = found[found["row_id"].str.startswith(prefix) & found["value"].notna()]
        if len(found):
            sentences.append(say(found, cells))
            addresses += list(found["address"])
    return sentences, addresses


def _word_shifts(found: pd.DataFrame, cells: pd.DataFrame) -> str:
    top = found.sort_values(["value", "row_order"], ascending=[False, True], kind="stable").iloc[0]
    return (
        f"A level shift or shock that nobody declares is suspected in {_count(found['value'].sum(), 'series', 'series')};"
        f" most in {top['row_label']}: {top['value']:,.0f} ({top['address']})."
    )


def _word_checks(found: pd.DataFrame, cells: pd.DataFrame) -> str:
    checked = select(cells, address=[address.replace(".found", ".checked") for address in found["address"]])
    failing = found[found["value"] > 0]
    words = "; ".join(
        f"{row['row_label']}: {row['value']:,.0f} ({row['address']})" for row in failing.to_dict("records")
    )
    total, missed = checked["value"].sum(), found["value"].sum()
    return (
        f"Of {total:,.0f} comparisons between figures of one vintage, or of vintages close together, that must hold,"
        f" {missed:,.0f} do not{': ' + words if words else ''}."
    )


def _word_not_comparable(counted: pd.DataFrame, cells: pd.DataFrame) -> str:
    words = "; ".join(
        f"{row['row_label'].removeprefix('Not comparable: ')} {row['value']:,.0f} ({row['address']})"
        for row in counted.to_dict("records")
    )
    return f"Not comparable, because the vintages differ: {words}."


def _word_cells(found: pd.DataFrame, cells: pd.DataFrame) -> str:
    checked = select(cells, address=[address.replace(".found", ".checked") for address in found["address"]])
    cell, total = found.iloc[0], checked.iloc[0]
    return (
        f"{cell['row_label']}: {total['value']:,.0f} ({total['address']}), of which {cell['value']:,.0f} ({cell['address']})"
        " differ by more than they may."
    )


def _word_pairs(found: pd.DataFrame, cells: pd.DataFrame) -> str:
    medians = select(cells, address=[address.replace(".found", ".median") for address in found["address"]])
    widest = medians.sort_values(["value", "row_order"], ascending=[False, True], kind="stable").iloc[0]
    return (
        f"{_count(len(found), 'pair', 'pairs')} of sources differ for a cell by more than they may; furthest apart is"
        f" {widest['row_label']}, {widest['value']:.1f} % at the median ({widest['address']})."
    )


def _word_agreeing(found: pd.DataFrame, cells: pd.DataFrame) -> str:
    checked = select(cells, address=[address.replace(".found", ".checked") for address in found["address"]])
    shown = checked.iloc[0]
    return (
        f"Other pairs of sources agree in all cells they share: {shown['value']:,.0f} ({shown['address']})."
    )


def _say_revision(cells: pd.DataFrame) -> Said:
    found = select(cells, table_id="T15", column_id="found")
    found = found[found["row_id"].str.startswith("REVISED_") & found["value"].notna()]
    if found.empty:
        return [
            "No figure of the country was revised between the vintages used; the publishers' revision policies are not assessed."
        ], []
    words = "; ".join(
        f"{row['row_label'].removeprefix('Revisions: ')} {row['value']:,.0f} ({row['address']})"
        for row in found.to_dict("records")
    )
    text = (
        f"Practice: figures changed by a newer vintage, by source: {words}. Every vintage is kept; the publishers'"
        " revision policies are not assessed."
    )
    return [text], list(found["address"])


def _say_processing(cells: pd.DataFrame) -> Said:
    numbers = _about_country(cells)
    published = int((numbers["step"] == "as published").sum())
    models = select(cells, table_id="T12").dropna(subset=["value"])
    text = (
        f"{published:,} of the {len(numbers):,} numbers about the country are shown as published, the others are computed here, each with its"
        " step; declared corrections and breaks are listed in corrections.yaml of the project, forecasts and their"
        " backtest in T5 and T12."
    )
    return [text], list(models["address"].head(1))


CONCEPTS: dict[Key, Callable[[pd.DataFrame], Said]] = {
    Key("CONTACT", "Contact"): _say_contact,
    Key("PRESENTATION", "Statistical presentation"): _say_presentation,
    Key("UNIT", "Unit of measure"): _say_units,
    Key("REFERENCE_PERIOD", "Reference period"): _say_reference_period,
    Key("CONFIDENTIALITY", "Confidentiality"): _say_confidentiality,
    Key("ACCESSIBILITY", "Accessibility and clarity"): _say_accessibility,
    Key("RELEVANCE", "Relevance"): _say_relevance,
    Key("ACCURACY", "Accuracy and reliability"): _say_accuracy,
    Key("TIMELINESS", "Timeliness and punctuality"): _say_timeliness,
    Key("COHERENCE", "Coherence and comparability"): _say_coherence,
    Key("COST", "Cost and burden"): lambda cells: NOT_ASSESSED,
    Key("REVISION", "Data revision"): _say_revision,
    Key("PROCESSING", "Statistical processing"): _say_processing,
}
