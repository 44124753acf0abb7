"""Conform written as SQL, for files too large for a frame.

The rules are those of ``lma.staging``, and so are most of the steps: codes, periods and multipliers are
worked out by the same Python once per distinct text of the file, and SQL only joins them to the rows. Only
the figures themselves are read by SQL. A test holds both ways to the same observations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from lma import staging
from lma.contracts import Correction, Source, crosswalk
from lma.published_text import number_pattern, parse_period, power_of_ten
from lma.staging import DEFAULTS, OBSERVATION_COLUMNS, FileFacts

_BLANK = r"[\x09-\x0d\x1c-\x20\x85\xa0\p{Z}]"
"""What ``str.strip`` takes off, as a class of a regular expression in SQL."""

_CSV_OPTIONS = {"delimiter", "encoding", "quotechar", "header_row"}
_FREE_TEXT = {"note", "obs_value"}
CODED = "code_"
"""Beginning of the columns of lookups that become codes."""

CODE_COLUMNS = (*staging.SERIES_KEY, "source_id", "obs_status", "basis", "snapshot_sha")
"""Columns of observations with few distinct texts: kept as codes, an order of magnitude cheaper to write."""


@dataclass(frozen=True)
class Reference:
    """Text made of the columns of one row, such as ``{year}-{month}``; ``given`` are constants of the file."""

    text: str
    columns: tuple[str, ...]
    given: Mapping[str, str]

    def fill(self, frame: pd.DataFrame) -> pd.Series[Any]:
        """The text of each row of a frame that has the columns (None is the empty text)."""
        cells = [
            frame[name].fillna("") if name in self.columns else pd.Series(self.given[name], index=frame.index)
            for name in _parts(self.text)
        ]
        template = re.sub(r"\{[^{}]+\}", "{}", self.text) if "{" in self.text else "{}"
        texts = [template.format(*row).strip() for row in zip(*cells, strict=True)]
        return pd.Series(texts, index=frame.index, dtype=object)


@dataclass(frozen=True)
class Unknown:
    """Texts that a code map does not list: the query of their rows (published, raw_row), and what it lists."""

    key: str
    origin: str
    rows: str
    listed: list[str]


@dataclass(frozen=True)
class Plan:
    """Queries that conform one staged file, and the small tables they join.

    ``tables``: lookups by name. ``observations`` has the columns of staging.observations, in order; a cell that
    cannot be read still stands there, as NaN or without a period, and is in ``rejected``. ``codes``: every text
    that a code column can hold. ``unknown``: one entry for each code map that meets a text it does not list.
    """

    tables: dict[str, pd.DataFrame]
    observations: str
    counts: str
    rejected: str
    unknown: list[Unknown]
    codes: list[str]


def reason_for_frames(source: Source, corrections: Sequence[Correction]) -> str | None:
    """Why files of a source must be conformed as frames; None where SQL can do it."""
    corrected = [c.where.get("source_id", ()) for c in corrections]
    own = any(source.source_id == ids or source.source_id in ids for ids in corrected)
    reasons = {
        f"the format is {source.format}": source.format != "csv",
        "an option changes how cells are read": bool(set(source.options) - _CSV_OPTIONS),
        "the header is not the first line": int(source.options.get("header_row", 1)) != 1,
        "the encoding is not UTF-8": str(source.options.get("encoding", "utf-8")).lower() not in ("utf-8", "utf8"),
        "a row holds several figures": source.wide is not None,
        "rows are added up": source.aggregate is not None,
        "columns are taken apart": bool(source.extract),
        "the basis is told by notes": bool(source.basis.model_fields_set - {"default", "projection_from"}),
        "words stand for figures": "obs_value" in source.mapping.codes,
        "unlisted codes stay as published": bool(source.mapping.unlisted),
        "its files differ in format": any(source.as_in(file) != source for file in source.files),
        "corrections are declared": own,
        "the period is a constant": "time_period" not in _given_by_rows(source),
        "several crosswalks have multipliers": _n_multipliers(source) > 1,
    }  # fmt: skip
    return next((reason for reason, holds in reasons.items() if holds), None)


def _given_by_rows(source: Source) -> set[str]:
    """Concepts that the rows or the names of the files give."""
    named = {name for file in source.files for name in re.compile(file.name).groupindex}
    return (named | set(source.mapping.source)) - set(source.mapping.constant)


def _n_multipliers(source: Source) -> int:
    named = [codes for codes in source.mapping.codes.values() if isinstance(codes, str)]
    return sum("unit_multiplier" in crosswalk(name).columns for name in named)


def list_references(source: Source, file: FileFacts, header: Sequence[str]) -> list[Reference]:
    """The texts whose distinct values decide the codes; free text and figures are not among them."""
    names = [
        column for concept, column in _concept_columns(source, file, header).items() if concept != "note"
    ]
    names += [
        _crosswalk_column(key, source, header, file)
        for key, codes in source.mapping.codes.items()
        if isinstance(codes, str)
    ]
    return [_reference(name, source, file, header) for name in dict.fromkeys(names)]


def _parts(text: str) -> list[str]:
    return re.findall(r"\{([^{}]+)\}", text) or [text]


def _reference(name: str, source: Source, file: FileFacts, header: Sequence[str]) -> Reference:
    """A column as published where there is one of that name, else a template."""
    parts = [name] if name in (*header, *file.groups) else _parts(name)
    for part in parts:
        if part not in header and part not in file.groups:
            raise staging.no_such_column(part, header, f"{file.file_name} (source {source.source_id})")
    columns = tuple(dict.fromkeys(part for part in parts if part in header))
    return Reference(name, columns, dict(file.groups))


def _concept_columns(source: Source, file: FileFacts, header: Sequence[str]) -> dict[str, str]:
    """concept: publisher's column, also where a named group of the file's name bears a concept's name."""
    mapped = {c: column for c, column in source.mapping.source.items() if c != "obs_value"}
    named = {name for name in file.groups if name in staging.CONCEPTS and name not in mapped}
    return mapped | {name: name for name in sorted(named)}


def _crosswalk_column(key: str, source: Source, header: Sequence[str], file: FileFacts) -> str:
    return key if key in (*header, *file.groups) else source.mapping.source.get(key, key)


# ---------------------------------------------------------------- codes, once per distinct text


@dataclass
class _Lookups:
    """Lookup tables in the making: one per reference; a concept is where it was last given."""

    source: Source
    file: FileFacts
    header: Sequence[str]
    frames: dict[str, pd.DataFrame]
    references: dict[str, Reference]
    provider: dict[str, str] = field(default_factory=dict)
    unknown: list[tuple[Unknown, str]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    chosen: dict[str, str] = field(default_factory=dict)
    factors: list[str] = field(default_factory=list)

    def add(self, name: str, column: str, values: Any) -> str:
        """A new column of a lookup; its SQL name."""
        unique = f"{column}_{self.frames[name].shape[1]}"
        self.frames[name] = self.frames[name].assign(**{unique: values})
        return f"{name}.{unique}"

    def read(self, address: str) -> tuple[str, pd.Series[Any]]:
        """Lookup and column of an SQL name."""
        name, column = address.split(".")
        return name, self.frames[name][column]


def plan(
    source: Source,
    file: FileFacts,
    header: Sequence[str],
    distinct: Mapping[str, pd.DataFrame],
    stage: str,
    code_type: str,
) -> Plan:
    """Queries over the staged file ``stage`` (its SQL name; rows in file order by ``rowid``).

    Code columns are of the SQL type ``code_type``.

    ``distinct``: for each reference of ``list_references`` by its text, the distinct rows of its columns.
    """
    staging.check_mapping(source, file)
    references = list_references(source, file, header)
    names = {reference.text: f"lookup_{n}" for n, reference in enumerate(references, start=1)}
    frames = {
        names[r.text]: distinct[r.text].set_axis([f"key_{n}" for n in range(len(r.columns))], axis="columns")
        for r in references
    }
    lookups = _Lookups(source, file, header, frames, {names[r.text]: r for r in references})
    texts = {r.text: lookups.add(names[r.text], "text", r.fill(distinct[r.text])) for r in references}
    for concept, column in _concept_columns(source, file, header).items():
        if concept != "note":
            lookups.provider[concept] = texts[column]
    _apply_code_maps(lookups, texts)
    constants = _constants(lookups)
    _read_periods(lookups, constants)
    return _write(lookups, constants, stage, code_type)


def _apply_code_maps(lookups: _Lookups, texts: Mapping[str, str]) -> None:
    """Crosswalks and inline codes in their order, as ``staging`` applies them."""
    source = lookups.source
    for number, (key, codes) in enumerate(staging.code_maps("obs_status" in lookups.provider, source)):
        if isinstance(codes, str):
            address = texts[_crosswalk_column(key, source, lookups.header, lookups.file)]
        elif key in lookups.provider:
            address = lookups.provider[key]
        else:
            raise staging.no_column_given(key, source)
        name, published = lookups.read(address)
        table, origin = staging.code_table(key, codes, source)
        given, known, empty, factor = staging.look_up(published, table)
        for concept, values in given.items():
            lookups.provider[concept] = lookups.add(name, concept, values)
        lookups.dropped.append(lookups.add(name, "dropped", empty))
        if not known.all():
            strange = lookups.add(name, f"unknown_{number}", ~known)
            columns = f"select {address} as published, raw.rowid + 1 as raw_row"
            lookups.unknown.append((Unknown(key, origin, columns, list(map(str, table.index))), strange))
        if "unit_multiplier" in table.columns:
            lookups.factors.append(lookups.add(name, "factor", factor))


def _constants(lookups: _Lookups) -> dict[str, str]:
    """Concepts that are one text for the whole file; they overrule what rows say, as in ``staging``."""
    given = lookups.source.mapping.constant | dict(lookups.file.constant)
    for concept in given:
        lookups.provider.pop(concept, None)
    missing = [c for c in staging.SERIES_KEY if c not in {*given, *lookups.provider, *DEFAULTS}]
    if missing:
        raise staging.concepts_not_given(missing, lookups.source)
    return {c: text for c, text in DEFAULTS.items() if c not in lookups.provider and c != "note"} | given


def _read_periods(lookups: _Lookups, constants: dict[str, str]) -> None:
    """SDMX period (None where the text is none) and basis of the published period, for each frequency it may have."""
    basis = lookups.source.basis
    address = lookups.provider["published_period"] = lookups.provider["time_period"]
    name, texts = lookups.read(address)
    frequencies = [constants["freq"]] if "freq" in constants else lookups.read(lookups.provider["freq"])[1]
    periods, kinds = [], []
    for freq in sorted({str(one) for one in frequencies if one}):
        read = pd.Series([parse_period(text, freq) for text in texts], index=texts.index, dtype=object)
        kind = staging.read_basis(read, lookups.source)
        periods.append(f"when {_literal(freq)} then {lookups.add(name, CODED + 'period', read)}")
        kinds.append(f"when {_literal(freq)} then {lookups.add(name, CODED + 'basis', kind)}")
        lookups.codes.update(text for text in read if isinstance(text, str))
    freq = lookups.provider.get("freq", _literal(constants.get("freq", "")))
    lookups.chosen["time_period"] = f"case {freq} {' '.join(periods)} end"
    lookups.chosen["basis"] = f"case {freq} {' '.join(kinds)} end"
    del lookups.provider["time_period"]
    lookups.codes |= {basis.default, "projection"}


# ---------------------------------------------------------------- queries


def _write(lookups: _Lookups, constants: Mapping[str, str], stage: str, code_type: str) -> Plan:
    source, file = lookups.source, lookups.file
    base = _base_query(lookups, constants, stage, code_type)
    value_column = source.mapping.source.get("obs_value", "obs_value")
    period_column = source.mapping.source.get("time_period", "time_period")
    fixed = {
        "observation_id": f"{_literal(file.snapshot_sha[:12] + ':')} || raw_row || {_literal(file.mark and ':' + file.mark)}",
        "source_id": f"cast({_literal(source.source_id)} as {code_type})",
        "as_of": f"date {_literal(file.as_of.isoformat())}",
        # A filter would make DuckDB read every figure twice; cells that are no figures are taken out afterwards.
        "obs_value": "case when is_missing then null when is_bad_value then cast('nan' as double) else figure end",
        "obs_status": _status(source, code_type),
        "snapshot_sha": f"cast({_literal(file.snapshot_sha)} as {code_type})",
        "raw_row": "cast(raw_row as integer)",
        "raw_column": "cast(null as varchar)",
        "correction_id": "cast(null as varchar)",
        "uncorrected_value": "cast(null as double)",
        "activity_revision": f"case when economic_activity = '_T' then cast('_Z' as {code_type}) else activity_revision end",
        "occupation_revision": f"case when occupation = '_T' then cast('_Z' as {code_type}) else occupation_revision end",
    }
    columns = ",\n    ".join(f"{fixed.get(column, column)} as {column}" for column in OBSERVATION_COLUMNS)
    figures = f"select * from ({base}) where is_kept and not is_blank and not is_dropped"
    reason = "'not a period of frequency ' || freq"
    rejected = f"""
select {fixed["observation_id"]} as observation_id, raw_row,
    case when is_bad_value then {_literal(value_column)} else {_literal(period_column)} end as "column",
    case when is_bad_value then cell else published_period end as "value",
    case when is_bad_value then 'not a number, and not declared as missing' else {reason} end as reason
from ({figures}) where is_bad_value or time_period is null order by raw_row"""
    counts = f"""
select count(*) as n_cells, count(*) filter (where is_kept) as n_kept,
    count(*) filter (where is_kept and is_blank) as n_not_applicable,
    count(*) filter (where is_kept and not is_blank and is_dropped) as n_dropped,
    count(*) filter (where is_kept and not is_blank and not is_dropped
        and (is_bad_value or time_period is null)) as n_rejected
from ({base})"""
    figured = f"raw.rowid + 1 in (select raw_row from ({figures}))"
    unknown = [
        replace(
            one, rows=f"{one.rows} {_joined(lookups, stage)} where {strange} and {figured} order by raw_row"
        )
        for one, strange in lookups.unknown
    ]
    return Plan(
        tables=lookups.frames,
        observations=f"select\n    {columns}\nfrom ({figures})",
        counts=counts,
        rejected=rejected,
        unknown=unknown,
        codes=_codes(lookups, constants),
    )


def _coded(lookups: _Lookups, concept: str) -> str:
    """SQL name of a concept's codes, in a column of its own that becomes one of the code type."""
    name, texts = lookups.read(lookups.provider[concept])
    return lookups.add(name, CODED + concept, texts)


def _base_query(lookups: _Lookups, constants: Mapping[str, str], stage: str, code_type: str) -> str:
    """One row per published row: its concepts, its figure, and what the steps of conform say of it.

    Nested, so that each step is worked out once; a cell that is a plain number needs no stripping.
    """
    source = lookups.source
    concepts = {c: f"cast({_literal(text)} as {code_type})" for c, text in constants.items() if c != "note"}
    concepts |= {c: _coded(lookups, c) for c in lookups.provider if c not in ("note", "published_period")}
    concepts |= lookups.chosen | {"published_period": lookups.provider["published_period"]}
    listed = ", ".join(f"{expression} as {concept}" for concept, expression in concepts.items())
    value = _text(lookups, source.mapping.source.get("obs_value", "obs_value"))
    number = _literal(number_pattern().pattern)
    missing, blank = (", ".join(map(_literal, cells)) for cells in (source.missing, source.not_applicable))
    multiplier, power = _multiplier(lookups)
    # A figure too small for a double becomes zero, as in `scale_numbers`; `case` looks at the text of zeros only.
    vanished = "case when figure = 0 then regexp_matches(cell, '^[^1-9eE]*[1-9]') else false end"
    return f"""
    select *, not is_missing and (not is_number or figure is null or isinf(figure) or {vanished}) as is_bad_value
    from (
        select *, cell in ({missing or "null"}) is true as is_missing, {f"cell in ({blank})" if blank else "false"} as is_blank,
            is_plain or regexp_full_match(cell, {number}) as is_number,
            case when power <> '' and not contains(lower(cell), 'e') then try_cast(cell || power as double)
                else try_cast(cell as double) * multiplier end as figure
        from (
            select * replace ({_stripped("note")} as note),
                case when is_plain then published else {_stripped("published")} end as cell
            from (
                select *, regexp_full_match(published, {number}) as is_plain
                from (
                    select raw.rowid + 1 as raw_row, {value} as published, {_note(lookups)} as note, {listed},
                        {multiplier} as multiplier, {power} as power,
                        {_kept(lookups)} as is_kept, {_dropped(lookups)} as is_dropped
                    {_joined(lookups, stage)}
                )
            )
        )
    )"""


def _stripped(text: str) -> str:
    """``str.strip`` in SQL; a text that begins and ends with a printable letter of ASCII is left as it is."""
    is_tidy = " and ".join(f"{side}({text}, 1) between '!' and '~'" for side in ("left", "right"))
    return (
        f"case when {is_tidy} then {text} else regexp_replace({text}, '^{_BLANK}+|{_BLANK}+$', '', 'g') end"
    )


def _joined(lookups: _Lookups, stage: str) -> str:
    """The staged file with its lookups; a lookup without columns is one row for the whole file."""
    joins = []
    for name, reference in lookups.references.items():
        matched = [
            f"raw.{_quoted(column)} is not distinct from {name}.key_{n}"
            for n, column in enumerate(reference.columns)
        ]
        joins.append(f"left join {name} on {' and '.join(matched) or 'true'}")
    return f"from {stage} as raw " + " ".join(joins)


def _text(lookups: _Lookups, name: str) -> str:
    """SQL of a reference's text, not stripped."""
    reference = _reference(name, lookups.source, lookups.file, lookups.header)
    pieces = [name] if name in (*lookups.header, *lookups.file.groups) else re.split(r"\{([^{}]+)\}", name)
    if len(pieces) == 1:
        return _part(pieces[0], reference)
    parts = [
        _part(piece, reference) if n % 2 else _literal(piece)
        for n, piece in enumerate(pieces)
        if piece or n % 2
    ]
    return f"concat({', '.join(parts)})"


def _part(name: str, reference: Reference) -> str:
    if name in reference.columns:
        return f"coalesce(raw.{_quoted(name)}, '')"
    return _literal(reference.given[name])


def _note(lookups: _Lookups) -> str:
    given = lookups.source.mapping.constant | dict(lookups.file.constant)
    if "note" in given:
        return _literal(given["note"])
    if "note" in lookups.provider:  # a crosswalk gives it
        return f"cast({lookups.provider['note']} as varchar)"
    name = lookups.source.mapping.source.get("note")
    return "''" if name is None else _text(lookups, name)


def _kept(lookups: _Lookups) -> str:
    conditions = [
        f"{_text(lookups, name)} in ({', '.join(map(_literal, values))})"
        for name, values in lookups.source.mapping.keep.items()
    ]
    return f"({' and '.join(conditions) or 'true'})"


def _dropped(lookups: _Lookups) -> str:
    return " or ".join(lookups.dropped) or "false"


def _multiplier(lookups: _Lookups) -> tuple[str, str]:
    """What a figure is multiplied with, and the power of ten (``e3``) that does it exactly, as in ``scale_numbers``."""
    multiplier = lookups.source.mapping.unit_multiplier
    if not lookups.factors:
        return repr(float(multiplier)), _literal(power_of_ten(multiplier))
    name, own = lookups.read(lookups.factors[0])
    factors = multiplier * own.to_numpy(dtype=float)
    factor = lookups.add(name, "multiplier", factors)
    return factor, lookups.add(name, "power", [power_of_ten(float(one)) for one in factors])


def _status(source: Source, code_type: str) -> str:
    missing, broken = (f"cast('{status}' as {code_type})" for status in "MB")
    declared = f" when regexp_matches(note, {_literal(source.break_notes or '')}) then {broken}"
    return f"case when is_missing then {missing}{declared if source.break_notes else ''} else obs_status end"


def _codes(lookups: _Lookups, constants: Mapping[str, str]) -> list[str]:
    """Every text that a code column may hold."""
    given = [lookups.read(lookups.provider[c])[1] for c in lookups.provider if c != "published_period"]
    texts = lookups.codes | {str(text) for column in given for text in column if isinstance(text, str)}
    fixed = {"_Z", "_T", "M", "B", lookups.source.source_id, lookups.file.snapshot_sha}
    return sorted(texts | fixed | set(constants.values()))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
