"""From rows as published to observations: ``conform``, declared corrections, and which file is whose.

The steps of ``conform`` in order: file-name groups -> melt -> keep -> crosswalks -> source columns ->
inline code maps -> constants -> defaults -> values, periods, status -> one row per key. Every cell that
goes in is accounted for: kept, rejected, dropped, not applicable, or collapsed into its equal or its sum.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.classifications import Concept, check_codes
from lma.contracts import Correction, Source, SourceFile, Wide, codelist, crosswalk, source_path
from lma.errors import ClassificationError, ContractError, DefinitionError, InputError
from lma.published_text import check_date_format, parse_numbers, parse_period, scale_numbers

SERIES_KEY = (
    "ref_area",
    "counterpart_area",
    "freq",
    "indicator",
    "sex",
    "age",
    "economic_activity",
    "activity_revision",
    "occupation",
    "occupation_revision",
    "citizenship",
    "unit_measure",
    "time_period",
)
"""Concepts that, with source and vintage, identify a figure."""

DEFAULTS = {
    "counterpart_area": "_Z",
    "freq": "A",
    "sex": "_T",
    "age": "_T",
    "economic_activity": "_T",
    "activity_revision": "_Z",
    "occupation": "_T",
    "occupation_revision": "_Z",
    "citizenship": "_T",
    "obs_status": "A",
    "note": "",
}
"""What a concept is where neither the file nor the source says anything."""

OBSERVATION_COLUMNS = (
    "observation_id",
    *SERIES_KEY,
    "source_id",
    "as_of",
    "obs_value",
    "obs_status",
    "basis",
    "note",
    "snapshot_sha",
    "raw_row",
    "raw_column",
    "correction_id",
    "uncorrected_value",
)
"""Columns of staging.observations, in order (a test holds them to the contract)."""

REJECTED_COLUMNS = ("observation_id", "raw_row", "column", "value", "reason")

CONCEPTS = (*SERIES_KEY, "obs_value", "obs_status", "note")
_CODELISTS = {
    "ref_area": ("areas", ()),
    "counterpart_area": ("areas", ("_Z", "_T", "_X")),
    "indicator": ("indicators", ()),
    "unit_measure": ("units", ()),
}
_REVISIONS: tuple[tuple[str, str, Concept], ...] = (
    ("economic_activity", "activity_revision", "activity"),
    ("occupation", "occupation_revision", "occupation"),
)
CHECKED_TOGETHER = (
    *((concept,) for concept in ("ref_area", "counterpart_area", "indicator", "unit_measure")),
    *(pair[:2] for pair in _REVISIONS),
)
"""Concepts whose codes ``check_codelists`` looks at together: distinct combinations of each are enough."""
Texts: TypeAlias = "pd.Series[Any]"
Flags: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]

_LOOKS_LIKE_A_DATE = re.compile(r"\d{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-\d{2}|\d{4}-\d{2}-\d{2}")
_ROW, _COLUMN, _CELL = "__row__", "__column__", "value"
_SHOWN = 5


@dataclass(frozen=True)
class FileFacts:
    """What is known of a landed file besides its rows.

    ``mark``: stands in the address of every figure, where another source has the plain addresses of this file.
    """

    snapshot_sha: str
    file_name: str
    as_of: dt.date
    groups: Mapping[str, str] = field(default_factory=dict)
    constant: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True)
class Conformed:
    """Observations of one file, and what became of every other cell.

    ``observations``: columns ``OBSERVATION_COLUMNS``. ``rejected``: columns ``REJECTED_COLUMNS``, for
    quarantine. ``n_cells`` = observations + rejected + ``n_dropped`` (deliberately not kept) +
    ``n_not_applicable`` (blanks of the layout) + ``n_collapsed`` (repeats of an equal figure, and parts
    beyond the first of a figure that is added up).
    """

    observations: pd.DataFrame
    rejected: pd.DataFrame
    n_cells: int
    n_dropped: int
    n_not_applicable: int
    n_collapsed: int


# ---------------------------------------------------------------- which file is whose


Match: TypeAlias = tuple[Source, SourceFile, dict[str, str]]


def match_sources(sources: Mapping[str, Source], file_name: str) -> list[Match]:
    """Every source that reads a file of this name (a workbook may hold the tables of several)."""
    return [
        (source, file, {name: text for name, text in match.groupdict().items() if text is not None})
        for source in sources.values()
        for file in source.files
        if (match := re.fullmatch(file.name, file_name))
    ]


def match_file(sources: Mapping[str, Source], file_name: str) -> Match | None:
    """Source, pattern and named groups of a file name; None where no source knows it.

    Raises ``DefinitionError`` where several patterns match: use ``match_sources``, or name the source.
    """
    found = match_sources(sources, file_name)
    if len(found) > 1:
        owners = ", ".join(f"{source.source_id} ({file.name})" for source, file, _ in found)
        raise DefinitionError(
            f"the file name {file_name!r} matches {len(found)} patterns of data_contracts/sources: {owners}. "
            "Name the source (`lma ingest SOURCE_ID FILE`), or narrow one of the patterns."
        )
    return found[0] if found else None


def read_vintage(file: SourceFile, groups: Mapping[str, str]) -> dt.date | None:
    """Vintage of a file: declared, or the first eight digits of the named group ``as_of``; else None."""
    if file.as_of is not None:
        return file.as_of
    if "as_of" not in groups:
        return None
    digits = re.sub(r"\D", "", groups["as_of"])[:8]
    try:
        return dt.datetime.strptime(digits, "%Y%m%d").date()
    except ValueError as error:
        raise DefinitionError(
            f"{groups['as_of']!r} in the file name is no date (year, month, day): correct the group as_of "
            f"of {file.name!r}."
        ) from error


# ---------------------------------------------------------------- conform


def name_columns_as_declared(raw: pd.DataFrame, source: Source, where: str) -> pd.DataFrame:
    """Rows as published under the publisher's present column names, without the withheld columns.

    ``InputError`` where a file has a column under two of its names, or lacks one that must be withheld:
    a renamed column of names would otherwise be loaded.
    """
    present = {old: name for name, olds in source.aliases.items() for old in olds if old in raw.columns}
    names = [present.get(str(column), str(column)) for column in raw.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"{where}: the file has {', '.join(twice)} under several of its names: correct `aliases` of the source."
        )
    absent = [name for name in source.withhold if name not in names]
    if absent:
        raise InputError(
            f"{where}: the column {', '.join(absent)}, which must not be loaded, is not in the file: it may be there "
            f"under another name, or the line of the header may be missing. {_declared_among(names, source)} Look at "
            "the file; add the other name to `aliases` of the source, or correct where its header stands."
        )
    return raw.set_axis(names, axis="columns").drop(columns=source.withhold)


def _declared_among(names: Sequence[str], source: Source) -> str:
    """How many columns a file has and which declared ones it lacks; never its own words, which may be names."""
    mapping = source.mapping
    references = [*mapping.source.values(), *mapping.keep, *source.extract, *source.withhold, *source.aliases]
    made = {group for pattern in source.extract.values() for group in re.compile(pattern).groupindex}
    made |= set(source.wide and re.compile(source.wide.columns).groupindex or ())
    made |= {group for file in source.files for group in re.compile(file.name).groupindex}
    declared = {part for text in references for part in re.findall(r"\{([^{}]+)\}", text) or [text]} - made
    lacking = sorted(declared - set(names))
    return f"The file has {len(names)} columns, and not these that the source declares: {', '.join(lacking)}."


def conform(raw: pd.DataFrame, source: Source, file: FileFacts) -> Conformed:
    """Observations of one published file in SDMX concepts, one row per key.

    ``raw`` has the parser's columns, all text; its rows are numbered 1..n as ``raw_row``. Values are in
    ``unit_measure`` (multipliers applied). Raises ``InputError`` (a column the mapping names is not in
    the file, too few rows), ``ClassificationError`` (a code that no crosswalk or codelist knows),
    ``ContractError`` (two different figures under one key), ``DefinitionError`` (the mapping itself).
    """
    check_mapping(source, file)
    where = f"{file.file_name} (source {source.source_id})"
    if len(raw) < source.expect.min_rows:
        raise too_few_rows(len(raw), source, where)
    published = _with_file_columns(_melt(raw, source, where), file, where)
    n_cells = len(published)
    kept = _keep_rows(published, source, where)
    figures = kept[~_strip(_cells_of(kept, source, where)).isin(source.not_applicable).to_numpy()]
    n_not_applicable = len(kept) - len(figures)
    figures, unread = _extract_columns(figures, source, file, where)
    if source.aggregate:
        columns = ", ".join(sorted(set(unread["column"])))
        _check_parts_have_keys(unread, where, f"{columns} is not written as `extract` says")
    concepts, multipliers, dropped = _code_concepts(figures, source, file, where)
    concepts, figures, multipliers = concepts[~dropped], figures[~dropped], multipliers[~dropped]
    candidates, unreadable, rejected = _read_figures(concepts, figures, multipliers, source, file, where)
    check_codelists(candidates, where)
    if source.aggregate:
        _check_parts_have_keys(
            rejected[unreadable["time_period"].isna().to_numpy()], where, "there is no period"
        )
        observations = _add_up(candidates, unreadable)
    else:
        observations = _collapse_repeats(candidates, where)
    return Conformed(
        observations=observations.loc[:, list(OBSERVATION_COLUMNS)].reset_index(drop=True),
        rejected=pd.concat([unread, rejected], ignore_index=True) if len(unread) else rejected,
        n_cells=n_cells,
        n_dropped=n_cells - len(kept) + int(dropped.sum()),
        n_not_applicable=n_not_applicable,
        n_collapsed=len(candidates) - len(observations),
    )


def too_few_rows(n_rows: int, source: Source, where: str) -> InputError:
    """The error of a file that is smaller than its source ever is."""
    return InputError(
        f"{where} has {n_rows} rows, its source expects at least {source.expect.min_rows}: the file "
        "is cut off; download it again, "
        "or correct expect.min_rows."
    )


def check_mapping(source: Source, file: FileFacts) -> None:
    """Refuse concepts that do not exist, and concepts given twice."""
    mapping, where = source.mapping, f"data_contracts/sources/{source.source_id}.yaml"
    inline = [name for name, codes in mapping.codes.items() if isinstance(codes, dict)]
    unknown = sorted({*mapping.source, *mapping.constant, *file.constant, *inline} - set(CONCEPTS))
    if unknown:
        raise DefinitionError(
            f"{where}: mapping names {', '.join(unknown)}, which is no concept. Concepts: "
            f"{', '.join(CONCEPTS)}."
        )
    twice = sorted(set(mapping.source) & set(mapping.constant))
    if twice:
        raise DefinitionError(
            f"{where}: {', '.join(twice)} is given both by `source` and by `constant`: keep one."
        )
    _check_constants(source)


def _check_constants(source: Source) -> None:
    """Refuse a constant that its codelist lacks: then the YAML is wrong, not the codelist."""
    for concept, (name, special) in _CODELISTS.items():
        value, listed = source.mapping.constant.get(concept), codelist(name)
        codes = [*listed.iloc[:, 0], *special]
        if value is None or value in codes:
            continue
        words = {str(code).casefold(): code for code in codes}
        for column in {"label_en", "symbol"} & set(listed):
            words |= {
                label.casefold(): code
                for label, code in zip(listed[column], listed.iloc[:, 0], strict=True)
                if label
            }
        close = difflib.get_close_matches(value.casefold(), list(words), n=1, cutoff=0.5)
        hint = f", perhaps to {words[close[0]]} ({close[0]})" if close else ""
        raise ClassificationError(
            f"{value!r} is no code of codelists/{name}.csv: correct mapping.constant.{concept} in "
            f"{source_path(source.source_id)}{hint}."
        )


def _with_file_columns(published: pd.DataFrame, file: FileFacts, where: str) -> pd.DataFrame:
    """Rows with the named groups of the file name as columns."""
    clash = sorted(set(file.groups) & set(published.columns))
    if clash:
        raise DefinitionError(
            f"{where}: the file-name group {', '.join(clash)} is also a column of the file: rename the "
            "group in the source's `files`."
        )
    return published.assign(**dict(file.groups))


def _melt(raw: pd.DataFrame, source: Source, where: str) -> pd.DataFrame:
    """One row per cell: headers that ``wide.columns`` matches become rows, their groups become columns."""
    numbers = np.arange(1, len(raw) + 1)
    if source.wide is None:
        return raw.assign(**{_ROW: numbers})
    matches = {
        str(header): match
        for header in raw.columns
        if (match := re.fullmatch(source.wide.columns, str(header)))
    }
    if not matches:
        raise InputError(
            f"{where}: no column header matches wide.columns {source.wide.columns!r}. Columns: "
            f"{_listed(raw.columns)}."
        )
    beside = _columns_beside(raw, source.wide, matches, where)
    taken = {header for headers in beside.values() for header in headers}
    stays = [name for name in raw.columns if name not in matches and name not in taken]
    groups = pd.DataFrame([match.groupdict(default="") for match in matches.values()], dtype=object)
    clash = sorted({*groups.columns, *beside, _CELL} & set(stays))
    if clash:
        raise DefinitionError(
            f"{where}: {', '.join(clash)} is both a column of the file and made by `wide`: rename the group."
        )
    rows, columns = np.repeat(np.arange(len(raw)), len(matches)), np.tile(np.arange(len(matches)), len(raw))
    melted = {name: raw[name].to_numpy()[rows] for name in stays}
    melted |= {str(name): groups[name].to_numpy()[columns] for name in groups.columns}
    melted |= {name: raw[headers].to_numpy().ravel() for name, headers in beside.items()}
    headers, cells = np.array(list(matches), dtype=object), raw[list(matches)].to_numpy().ravel()
    return pd.DataFrame(melted | {_ROW: numbers[rows], _COLUMN: headers[columns], _CELL: cells})


def _columns_beside(
    raw: pd.DataFrame, wide: Wide, matches: Mapping[str, re.Match[str]], where: str
) -> dict[str, list[str]]:
    """Headers that stand beside those of the figures, in the same order (a flag for each year, say)."""
    beside = {
        name: [template.format(**match.groupdict(default="")) for match in matches.values()]
        for name, template in wide.beside.items()
    }
    absent = [header for headers in beside.values() for header in headers if header not in raw.columns]
    if absent:
        raise InputError(
            f"{where}: the file has no column {', '.join(absent[:_SHOWN])}, which `wide.beside` expects beside "
            f"the figures. Columns: {_listed(raw.columns)}."
        )
    return beside


def _extract_columns(
    figures: pd.DataFrame, source: Source, file: FileFacts, where: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells with the named groups of ``extract`` as columns; those whose text does not match, for quarantine."""
    unread = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    for column, pattern in source.extract.items():
        groups = re.compile(pattern).groupindex
        clash = sorted(set(groups) & set(figures.columns))
        if clash or not groups:
            raise DefinitionError(
                f"data_contracts/sources/{source.source_id}.yaml: `extract` of {column!r} needs named groups that "
                f"are no columns of the file ({', '.join(clash) or 'it has none'})."
            )
        published = _strip(_column(figures, column, where))
        positions, distinct = pd.factorize(published)
        matches = [re.fullmatch(pattern, text) for text in distinct]
        is_read = np.array([match is not None for match in matches], dtype=bool)[positions]
        for name in groups:
            texts = np.array([(match and match[name]) or "" for match in matches], dtype=object)
            figures = figures.assign(**{name: texts[positions]})
        bad = figures[~is_read]
        strange = pd.DataFrame(
            {"observation_id": _observation_ids(bad, file), "raw_row": bad[_ROW], "column": column,
             "value": published[~is_read], "reason": f"is not written as {pattern}"},
        )  # fmt: skip
        figures, unread = figures[is_read], pd.concat([unread, strange]) if len(strange) else unread
    return figures, unread.reset_index(drop=True)


def _keep_rows(published: pd.DataFrame, source: Source, where: str) -> pd.DataFrame:
    """Rows that pass every ``keep`` filter."""
    kept = np.ones(len(published), dtype=bool)
    for column, values in source.mapping.keep.items():
        kept &= _column(published, column, where).isin(values).to_numpy()
    if source.mapping.keep and not kept.any() and len(published):
        raise nothing_kept(source, where)
    return published[kept]


def nothing_kept(source: Source, where: str) -> InputError:
    """The error of a file of which every row is filtered out."""
    return InputError(
        f"{where}: no row passes `keep` {source.mapping.keep}: the publisher's codes changed; correct "
        "the source."
    )


def _cells_of(frame: pd.DataFrame, source: Source, where: str) -> Texts:
    """The publisher's cells that hold the figures; in a wide file they are the cells of the matched columns."""
    reference = _CELL if source.wide else source.mapping.source.get("obs_value", "obs_value")
    return _column(frame, reference, where)


def _strip(cells: Texts) -> Texts:
    return pd.Series([cell.strip() for cell in cells], index=cells.index, dtype=object)


def _column(frame: pd.DataFrame, name: str, where: str) -> Texts:
    """One column as published, or the text of a template such as ``{year}-{month}``."""
    if name in frame.columns:
        return frame[name]
    parts = re.findall(r"\{([^{}]+)\}", name)
    if parts:
        columns = [_column(frame, part, where) for part in parts]
        template = re.sub(r"\{[^{}]+\}", "{}", name)
        return pd.Series(
            [template.format(*cells).strip() for cells in zip(*columns, strict=True)],
            index=frame.index,
            dtype=object,
        )
    raise no_such_column(name, list(map(str, frame.columns)), where)


def no_such_column(name: str, columns: Sequence[str], where: str) -> InputError:
    """The error of a mapping that names a column the file does not have."""
    close = difflib.get_close_matches(name, columns, n=1)
    hint = f" (closest: {close[0]!r})" if close else ""
    return InputError(
        f"{where}: the file has no column {name!r}{hint}. Columns: {_listed(columns)}. Correct the "
        "source's mapping, or the file."
    )


def _printable(text: str) -> str:
    """Text with letters that cannot be seen, such as a zero-width space, as their escapes."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _listed(names: Iterable[Any], limit: int = 30) -> str:
    shown = [_printable(str(name)) for name in names if name not in (_ROW, _COLUMN)]
    more = f", ... ({len(shown)} in all)" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more


# ---------------------------------------------------------------- concepts


def _code_concepts(
    figures: pd.DataFrame, source: Source, file: FileFacts, where: str
) -> tuple[pd.DataFrame, Floats, Flags]:
    """Key concepts, status and note as text; multiplier per row; rows deliberately dropped."""
    concepts = _source_concepts(figures, source, where)
    multipliers = np.full(len(figures), source.mapping.unit_multiplier)
    dropped = np.zeros(len(figures), dtype=bool)
    unknown: list[tuple[str, str, Texts, Flags, pd.Index[Any]]] = []
    for key, codes in code_maps("obs_status" in concepts.columns, source):
        if isinstance(codes, str):
            published = _strip(_column(figures, _published_column(key, figures, source), where))
        else:
            published = _required(concepts, key, source)
        table, origin = code_table(key, codes, source)
        if key in source.mapping.unlisted:
            table = _with_codes_as_published(table, key, published)
        given, known, empty, factor = look_up(published, table)
        concepts = concepts.assign(**given)
        multipliers, dropped = multipliers * factor, dropped | empty
        unknown.append((key, origin, published, ~known, table.index))
    for key, origin, published, strange, listed in unknown:
        check_known(key, origin, published, strange & ~dropped, figures[_ROW], listed, where)
    return _complete_concepts(concepts, source, file), multipliers, dropped


def code_maps(has_flags: bool, source: Source) -> list[tuple[str, str | dict[str, str]]]:
    """The code maps in order; the publisher's flags come first, so that a crosswalk may overrule them."""
    flags: list[tuple[str, str | dict[str, str]]] = [("obs_status", {"": "A"} | source.status)]
    own = [(key, codes) for key, codes in source.mapping.codes.items() if key != "obs_value"]
    return (flags if has_flags else []) + own


def code_table(key: str, codes: str | dict[str, str], source: Source) -> tuple[pd.DataFrame, str]:
    """Table indexed by published value, and where it stands."""
    if isinstance(codes, str):
        return _read_crosswalk(codes, source), f"codelists/crosswalks/{codes.removesuffix('.csv')}.csv"
    verb = "status" if key == "obs_status" else "codes"
    return pd.DataFrame(
        {key: codes}, dtype=object
    ), f"`{verb}` of data_contracts/sources/{source.source_id}.yaml"


def _with_codes_as_published(table: pd.DataFrame, key: str, published: Texts) -> pd.DataFrame:
    """Code table with every code it does not list, but no empty one, standing for itself."""
    others = sorted(set(published) - set(table.index) - {""})
    return pd.concat([table, pd.DataFrame({key: others}, index=pd.Index(others, dtype=object), dtype=object)])


def _published_column(key: str, figures: pd.DataFrame, source: Source) -> str:
    """Publisher's column a crosswalk is keyed on; a concept stands for the column ``source`` gives it."""
    return key if key in figures.columns else source.mapping.source.get(key, key)


def _source_concepts(figures: pd.DataFrame, source: Source, where: str) -> pd.DataFrame:
    """Concepts taken from publisher's columns, and from named groups that bear a concept's name."""
    mapped = {concept: column for concept, column in source.mapping.source.items() if concept != "obs_value"}
    named = set(source.wide and re.compile(source.wide.columns).groupindex or ())
    for pattern in [*(file.name for file in source.files), *source.extract.values()]:
        named |= set(re.compile(pattern).groupindex)
    own = {name: name for name in named & set(CONCEPTS) & set(figures.columns) if name not in mapped}
    return pd.DataFrame(
        {concept: _strip(_column(figures, column, where)) for concept, column in (mapped | own).items()},
        index=figures.index,
    )


def _required(concepts: pd.DataFrame, key: str, source: Source) -> Texts:
    if key not in concepts.columns:
        raise no_column_given(key, source)
    return concepts[key]


def no_column_given(key: str, source: Source) -> DefinitionError:
    """The error of an inline code map of a concept that no column gives."""
    return DefinitionError(
        f"data_contracts/sources/{source.source_id}.yaml: `codes` maps the concept {key}, but "
        "`source` gives it no column."
    )


def _read_crosswalk(name: str, source: Source) -> pd.DataFrame:
    """Crosswalk indexed by ``published``: concept columns, and ``unit_multiplier`` where it has one."""
    table, where = crosswalk(name), f"codelists/crosswalks/{name.removesuffix('.csv')}.csv"
    given = [column for column in table.columns if column in CONCEPTS]
    if "published" not in table.columns or not given:
        raise DefinitionError(
            f"{where} needs a column `published` and at least one concept; it has {', '.join(table.columns)}."
        )
    twice = sorted(set(table.loc[table["published"].duplicated(), "published"]))
    if twice:
        raise DefinitionError(
            f"{where} lists {', '.join(map(repr, twice[:_SHOWN]))} twice: keep one row each."
        )
    fixed = sorted(set(given) & set(source.mapping.constant))
    if fixed:
        raise DefinitionError(
            f"data_contracts/sources/{source.source_id}.yaml: {', '.join(fixed)} is given both by {where} "
            "and by `constant`: keep one."
        )
    extra = ["unit_multiplier"] if "unit_multiplier" in table.columns else []
    return table.set_index("published")[given + extra]


def look_up(
    published: Texts, table: pd.DataFrame
) -> tuple[dict[str, npt.NDArray[Any]], Flags, Flags, Floats]:
    """Concepts, known rows, rows with an empty code, and multipliers, looked up once per distinct value."""
    positions, distinct = pd.factorize(published)
    found = table.reindex(pd.Index(distinct, dtype=object))
    known = pd.Index(distinct).isin(table.index)
    given = [column for column in table.columns if column != "unit_multiplier"]
    empty = (found[given] == "").any(axis=1).to_numpy() if len(found) else np.zeros(0, dtype=bool)
    factor: Floats = np.ones(len(found))
    if "unit_multiplier" in table.columns:
        factor = found["unit_multiplier"].fillna("").replace("", "1").to_numpy(dtype=float)
    columns = {column: found[column].to_numpy(dtype=object)[positions] for column in given}
    return columns, known[positions], empty[positions], factor[positions]


def check_known(
    key: str, origin: str, published: Texts, strange: Flags, rows: Texts, known: Iterable[Any], where: str
) -> None:
    """Raise for values that the crosswalk does not list, with their rows and the closest listed ones."""
    if not strange.any():
        return
    listed = [str(code) for code in known]
    found = rows[strange].groupby(published[strange], sort=False).unique()
    shown = "; ".join(
        f"{value!r} (row {_listed(numbers, _SHOWN)}{_closest(str(value), listed)})"
        for value, numbers in found.head(_SHOWN).items()
    )
    raise ClassificationError(
        f"{where}: {len(found)} value(s) of {key!r} are not in {origin}: {shown}. "
        "Add each there: its code, or an empty code where it is deliberately not kept."
    )


def _closest(value: str, known: Sequence[str]) -> str:
    eaten = next((code for code in known if value and code != value and code.lstrip("0") == value), None)
    if eaten is not None:
        return f"; a spreadsheet programme took the zero from {eaten!r}"
    if _LOOKS_LIKE_A_DATE.fullmatch(value):
        return "; a spreadsheet programme makes such dates of codes such as 5-9 or 10-14"
    close = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
    return f"; closest known: {close[0]!r}" if close else ""


def _complete_concepts(concepts: pd.DataFrame, source: Source, file: FileFacts) -> pd.DataFrame:
    """Concepts with constants and defaults filled in; totals carry no revision."""
    complete = concepts.assign(**(source.mapping.constant | dict(file.constant)))
    complete = complete.assign(
        **{concept: value for concept, value in DEFAULTS.items() if concept not in complete.columns}
    )
    missing = [concept for concept in SERIES_KEY if concept not in complete.columns]
    if missing:
        raise concepts_not_given(missing, source)
    revision = complete["activity_revision"].where(complete["economic_activity"] != "_T", "_Z")
    edition = complete["occupation_revision"].where(complete["occupation"] != "_T", "_Z")
    return complete.assign(activity_revision=revision, occupation_revision=edition)


def concepts_not_given(missing: Sequence[str], source: Source) -> DefinitionError:
    """The error of a source that leaves a concept of the key open."""
    return DefinitionError(
        f"data_contracts/sources/{source.source_id}.yaml gives no {', '.join(missing)}: add it to "
        "`source`, `codes`, `constant` or as a named group."
    )


def check_codelists(candidates: pd.DataFrame, where: str) -> None:
    """Every area, indicator and unit is in its codelist; every activity and occupation in its declared revision."""
    for concept, (name, special) in _CODELISTS.items():
        codes = [*codelist(name).iloc[:, 0], *special]
        positions, distinct = pd.factorize(candidates[concept])
        strange = ~np.isin(np.asarray(distinct, dtype=object), np.array(codes, dtype=object))[positions]
        check_known(
            concept,
            f"codelists/{name}.csv",
            candidates[concept],
            strange,
            candidates["raw_row"],
            codes,
            where,
        )
    for concept, revision, kind in _REVISIONS:
        check_codes(candidates[concept], candidates[revision], candidates["raw_row"], kind, where)


# ---------------------------------------------------------------- figures


def _read_figures(
    concepts: pd.DataFrame,
    figures: pd.DataFrame,
    multipliers: Floats,
    source: Source,
    file: FileFacts,
    where: str,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Observations (repeats included), the rows without a figure or a period, and these as rejected cells."""
    cells = _figures_of_words(_strip(_cells_of(figures, source, where)), source)
    is_missing = cells.isin(source.missing).to_numpy()
    texts, is_number = parse_numbers(
        cells.tolist(), str(source.options.get("thousands", "")), str(source.options.get("decimal", "."))
    )
    values = np.full(len(cells), np.nan)
    wanted = is_number & ~is_missing
    values[wanted] = scale_numbers(texts[wanted], multipliers[wanted])
    periods = _read_periods(concepts, str(source.options.get("date_format", "")))
    bad_value = ~is_missing & ~np.isfinite(values)
    bad_period = pd.isna(periods).to_numpy() & ~bad_value
    observations = concepts.assign(
        observation_id=_observation_ids(figures, file),
        time_period=periods,
        source_id=source.source_id,
        as_of=file.as_of,
        obs_value=values,
        obs_status=_read_status(concepts, is_missing, source),
        basis=read_basis(periods, source, concepts["note"]),
        snapshot_sha=file.snapshot_sha,
        raw_row=figures[_ROW],
        raw_column=figures[_COLUMN] if _COLUMN in figures.columns else None,
        correction_id=None,
        uncorrected_value=np.nan,
    )
    rejected = _list_rejected(observations, cells, concepts["time_period"], bad_value, bad_period, source)
    bad = bad_value | bad_period
    return observations[~bad], observations[bad], rejected


def _figures_of_words(cells: Texts, source: Source) -> Texts:
    """Cells with published words, such as the grades of a rating, as the figures ``codes: obs_value`` gives them."""
    words = source.mapping.codes.get("obs_value", {})
    if isinstance(words, str) or not words:
        return cells
    return cells.map(lambda cell: words.get(cell, cell))


def _read_periods(concepts: pd.DataFrame, date_format: str) -> Texts:
    """SDMX periods; None where the text is no period of the row's frequency."""
    if date_format:
        check_date_format(date_format)
    pairs = list(zip(concepts["time_period"], concepts["freq"], strict=True))
    read = {pair: parse_period(*pair, date_format) for pair in set(pairs)}
    return pd.Series([read[pair] for pair in pairs], index=concepts.index, dtype=object)


def _observation_ids(figures: pd.DataFrame, file: FileFacts) -> list[str]:
    start, mark = file.snapshot_sha[:12], file.mark and f":{file.mark}"
    if _COLUMN not in figures.columns:
        return [f"{start}:{row}{mark}" for row in figures[_ROW]]
    return [
        f"{start}:{row}{mark}:{column}" for row, column in zip(figures[_ROW], figures[_COLUMN], strict=True)
    ]


def _read_status(concepts: pd.DataFrame, is_missing: Flags, source: Source) -> Texts:
    """SDMX status: as coded, B where a note declares a break, M where there is no figure."""
    status = concepts["obs_status"]
    if source.break_notes:
        positions, distinct = pd.factorize(concepts["note"])
        breaks = np.array([bool(re.search(source.break_notes, note)) for note in distinct], dtype=bool)
        status = status.mask(breaks[positions], "B")
    return status.mask(is_missing, "M")


def read_basis(periods: Texts, source: Source, notes: Texts | None = None) -> npt.NDArray[Any] | str:
    """What kind of figures these are; periods compare as text, which SDMX periods allow.

    Projections are the figures from ``projection_from`` on, and those later than the last reported period
    that their own note names (``last_reported``).
    """
    rule, known = source.basis, periods.fillna("")
    if rule.projection_from is None and rule.last_reported is None:
        return rule.default
    is_projection = known >= rule.projection_from if rule.projection_from else known != known
    if rule.last_reported and notes is not None:
        last = notes.str.extract(rule.last_reported)["period"]
        is_projection |= last.notna() & (known > last.fillna(""))
    return np.where(is_projection, "projection", rule.default)


def _list_rejected(
    observations: pd.DataFrame,
    cells: Texts,
    periods: Texts,
    bad_value: Flags,
    bad_period: Flags,
    source: Source,
) -> pd.DataFrame:
    """Cells that are no figure and rows without a usable period, for quarantine."""
    value_column = source.mapping.source.get("obs_value", "obs_value")
    columns = observations["raw_column"].where(observations["raw_column"].notna(), value_column)
    value_reason = "not a number, and not declared as missing"
    period_reason = "not a period of frequency " + observations["freq"]
    bad = bad_value | bad_period
    return pd.DataFrame(
        {
            "observation_id": observations["observation_id"],
            "raw_row": observations["raw_row"],
            "column": np.where(bad_value, columns, source.mapping.source.get("time_period", "time_period")),
            "value": np.where(bad_value, cells, periods),
            "reason": np.where(bad_value, value_reason, period_reason),
        },
        columns=list(REJECTED_COLUMNS),
    )[bad].reset_index(drop=True)


def _collapse_repeats(candidates: pd.DataFrame, where: str) -> pd.DataFrame:
    """One row per key: equal repeats collapse to the first; different figures are refused."""
    keys = list(SERIES_KEY)
    repeated = candidates[candidates.duplicated(keys, keep=False)]
    if repeated.empty:
        return candidates
    distinct = repeated.drop_duplicates([*keys, "obs_value"])
    conflicts = distinct[distinct.duplicated(keys, keep=False)]
    if not conflicts.empty:
        raise ContractError(describe_conflict(conflicts, where, len(conflicts[keys].drop_duplicates())))
    return candidates[~candidates.duplicated(keys)]


def _check_parts_have_keys(rejected: pd.DataFrame, where: str, why: str) -> None:
    """Refuse a file of sums with rows whose key is unknown: any of its sums may lack them."""
    if rejected.empty:
        return
    raise InputError(
        f"{where}: {len(rejected)} row(s), the first of them row {rejected['raw_row'].iloc[0]}, are parts of a sum "
        f"(`aggregate`), but nobody can say of which: {why}. Without them a sum would be too small. Correct "
        "the mapping in the source, or ask the publisher for a clean file."
    )


def _add_up(candidates: pd.DataFrame, unreadable: pd.DataFrame) -> pd.DataFrame:
    """One row per key: the sum of its rows, with the address of the first and a note that says how many.

    A sum with a part that is missing or ``unreadable`` is missing; a part's flag is the flag of the sum. A key
    that has only unreadable parts has no row.
    """
    if candidates.empty:
        return candidates
    n_readable = len(candidates)
    candidates = pd.concat([candidates, unreadable]) if len(unreadable) else candidates
    lost = pd.Series(np.arange(len(candidates)) >= n_readable, index=candidates.index)
    n_lost = lost.groupby([candidates[name] for name in SERIES_KEY], sort=False, dropna=False).transform(
        "sum"
    )
    groups = candidates.groupby(list(SERIES_KEY), sort=False, dropna=False)
    parts = groups["obs_value"].transform("size")
    known = groups["obs_value"].transform("count")
    flags = candidates["obs_status"].where(candidates["obs_status"] != "A")
    flag = candidates.assign(flag=flags).groupby(list(SERIES_KEY), sort=False, dropna=False)["flag"]
    notes = [
        "; ".join(
            filter(
                None, [note, f"sum of {n} rows" if n > 1 else "", f"{bad} of them unreadable" if bad else ""]
            )
        )
        for note, n, bad in zip(candidates["note"], parts, n_lost, strict=True)
    ]
    summed = candidates.assign(
        obs_value=groups["obs_value"].transform("sum").where(known == parts),
        obs_status=flag.transform("first").fillna("A").mask(known < parts, "M"),
        note=notes,
    )
    return summed[~summed.duplicated(list(SERIES_KEY)) & ~lost]


def describe_conflict(conflicts: pd.DataFrame, where: str, n_keys: int) -> str:
    """Words on ``n_keys`` keys with different figures in one file; ``conflicts`` has the rows of the first of them."""
    keys = list(SERIES_KEY)
    first = conflicts[(conflicts[keys] == conflicts.iloc[0][keys]).all(axis=1)]
    key = ", ".join(
        f"{name} {first.iloc[0][name]}" for name in keys if first.iloc[0][name] != DEFAULTS.get(name)
    )
    figures = " and ".join(
        f"{value:.15g} (row {row})" for value, row in zip(first["obs_value"], first["raw_row"], strict=True)
    )
    return (
        f"{where}: {n_keys} key(s) carry different figures; the first, {key}, is {figures}. Which "
        "is right cannot be known here: "
        "choose with `keep` in the source, or ask the publisher."
    )


# ---------------------------------------------------------------- declared corrections


def apply_corrections(
    observations: pd.DataFrame, corrections: Sequence[Correction]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observations with the declared corrections applied, and a report.

    A correction is guarded in each vintage of its source: the rows it expects, and their value where it
    says one. ``DefinitionError`` where the guard no longer holds (the publisher fixed or changed it). A
    correction whose source, area, indicator or vintage is not among the observations is skipped. Report:
    correction_id, source_id, as_of, action, n_rows, outcome (applied, skipped), reason, reference.
    """
    corrected = observations.reset_index(drop=True)
    report: list[dict[str, Any]] = []
    for correction in corrections:
        _check_correction(correction, observations)
        vintages = _vintages(corrected, correction)
        for as_of, part in vintages:
            rows = part.index[_meets(part, correction.where)]
            _check_guard(correction, part.loc[rows], as_of)
            corrected = _correct(corrected, rows, correction)
            report.append(_report_row(correction, as_of, len(rows), "applied"))
        if not vintages:
            report.append(_report_row(correction, None, 0, "skipped"))
    columns = ["correction_id", "source_id", "as_of", "action", "n_rows", "outcome", "reason", "reference"]
    return corrected.reset_index(drop=True), pd.DataFrame(report, columns=columns)


def _check_correction(correction: Correction, observations: pd.DataFrame) -> None:
    unknown = sorted(set(correction.where) - set(observations.columns))
    if unknown or "source_id" not in correction.where:
        problem = (
            f"`where` names {', '.join(unknown)}, which is no column"
            if unknown
            else "`where` needs source_id"
        )
        raise DefinitionError(
            f"data_contracts/corrections.yaml, {correction.id}: {problem}. Columns: "
            f"{', '.join(observations.columns)}."
        )
    if (correction.value is None) == (correction.action in ("set_value", "multiply")):
        raise DefinitionError(
            f"data_contracts/corrections.yaml, {correction.id}: `value` is needed by set_value and "
            "multiply, and by nothing else."
        )
    if set(correction.expect) - {"rows", "value"} or "rows" not in correction.expect:
        raise DefinitionError(
            f"data_contracts/corrections.yaml, {correction.id}: `expect` needs rows and may have value."
        )


def _vintages(observations: pd.DataFrame, correction: Correction) -> list[tuple[Any, pd.DataFrame]]:
    """The vintages in which the correction can be judged, with the source's rows in each."""
    scope: dict[str, str | list[str]] = {
        name: correction.where[name]
        for name in ("source_id", "as_of", "snapshot_sha")
        if name in correction.where
    }
    own = observations[_meets(observations, scope)]
    return [(as_of, part) for as_of, part in own.groupby("as_of", sort=True) if _is_present(part, correction)]


def _is_present(part: pd.DataFrame, correction: Correction) -> bool:
    """Whether the vintage has the correction's areas and indicators at all; a sample may not."""
    return all(
        _meets(part, {name: correction.where[name]}).any()
        for name in ("ref_area", "indicator")
        if name in correction.where
    )


def _meets(observations: pd.DataFrame, where: Mapping[str, str | list[str]]) -> Flags:
    met = np.ones(len(observations), dtype=bool)
    for name, wanted in where.items():
        values = [wanted] if isinstance(wanted, str) else wanted
        met &= observations[name].astype(str).isin(values).to_numpy()
    return met


def _check_guard(correction: Correction, rows: pd.DataFrame, as_of: Any) -> None:
    """Raise where the publisher's figures are no longer the ones the correction was written for."""
    where = f"data_contracts/corrections.yaml, {correction.id}, vintage {as_of}"
    advice = "the publisher changed the figures: check them, then change or remove the correction"
    if len(rows) != correction.expect["rows"]:
        raise DefinitionError(
            f"{where}: {len(rows)} rows meet `where`, {correction.expect['rows']} are expected: {advice}."
        )
    if "value" not in correction.expect:
        return
    expected = float(correction.expect["value"])
    moved = rows[~np.isclose(rows["obs_value"].to_numpy(dtype=float), expected, rtol=1e-9, atol=0)]
    if not moved.empty:
        first = moved.iloc[0]
        raise DefinitionError(
            f"{where}: {first['observation_id']} is {first['obs_value']:.15g}, {expected:.15g} is "
            f"expected: {advice}."
        )


def _correct(observations: pd.DataFrame, rows: pd.Index[Any], correction: Correction) -> pd.DataFrame:
    """A copy with one correction applied; a changed value keeps the published one beside it."""
    if correction.action == "drop":
        return observations.drop(index=rows)
    corrected = observations.copy()
    corrected["correction_id"] = corrected["correction_id"].astype(object)
    corrected.loc[rows, "correction_id"] = correction.id
    if correction.action == "flag_break":
        corrected.loc[rows, "obs_status"] = "B"
        return corrected
    before = corrected.loc[rows, "obs_value"]
    corrected.loc[rows, "uncorrected_value"] = before
    corrected.loc[rows, "obs_value"] = (
        correction.value if correction.action == "set_value" else before * float(correction.value or 0)
    )
    return corrected


def _report_row(correction: Correction, as_of: Any, n_rows: int, outcome: str) -> dict[str, Any]:
    return {
        "correction_id": correction.id,
        "source_id": correction.where["source_id"],
        "as_of": as_of,
        "action": correction.action,
        "n_rows": n_rows,
        "outcome": outcome,
        "reason": correction.reason,
        "reference": correction.reference,
    }
