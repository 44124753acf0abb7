"""The contracts and sources in words: the data dictionary and the list of sources, as Markdown.

Everything here is made from the YAML, so that the documents cannot say something else than what is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from lma.contract_rules import Rule, list_rules
from lma.contracts import Source, SourceFile, TableContract, crosswalk

MADE_BY = "<!-- Made by `lma docs docs` from data_contracts; change the YAML, not this file. -->"


# ---------------------------------------------------------------- tables


def describe_tables(tables: Iterable[TableContract]) -> str:
    """The data dictionary: every table with grain, columns, types, rules and thresholds."""
    listed = list(tables)
    overview = _table(
        ["table", "grain", "what it holds"],
        [[f"[{one.name}](#{_anchor(one.name)})", one.grain, one.description] for one in listed],
    )
    parts = [
        "# Data dictionary",
        MADE_BY,
        "Tables of the warehouse as their contracts (Open Data Contract Standard v3.1, `data_contracts/tables`) "
        "define them. Every rule is checked at every run; a row that breaks one goes to `meta.quarantine`, a "
        "table that breaks one stops the publish.",
        overview,
        *map(_describe_table, listed),
    ]
    return "\n\n".join(parts) + "\n"


def _describe_table(contract: TableContract) -> str:
    by_column: dict[str, list[Rule]] = {}
    rules = list_rules(contract)
    of_columns = [rule for rule in rules if rule.kind in ("required", "pattern", "range", "valid_values")]
    for rule in of_columns:
        by_column.setdefault(rule.columns[0], []).append(rule)
    columns = [
        [
            f"`{column.name}`{' (key)' if column.primary_key else ''}",
            column.physical_type,
            column.description,
            "; ".join(map(_word_rule, by_column.get(column.name, []))),
        ]
        for column in contract.columns
    ]
    releasable = {rule.rule_id for rule in contract.rules if rule.releasable}
    others = [
        [
            f"`{rule.rule_id}`",
            f"{rule.description}{' A reviewer may release a row.' if rule.rule_id in releasable else ''}",
            _check(rule),
        ]
        for rule in rules
        if rule not in of_columns
    ]
    parts = [
        f"## {contract.name}",
        f"{contract.description}\n\nGrain: {contract.grain}.",
        _table(["column", "type", "meaning", "rules"], columns),
    ]
    return "\n\n".join(
        [*parts, _table(["rule of the table", "meaning", "check"], others)] if others else parts
    )


def _word_rule(rule: Rule) -> str:
    if rule.kind == "required":
        return "never empty"
    if rule.kind == "pattern":
        return f"follows `{rule.pattern}`"
    if rule.kind == "valid_values":
        return f"one of {', '.join(f'`{value}`' for value in rule.valid_values)}"
    lower = [] if rule.minimum is None else [f"at least {rule.minimum:g}"]
    upper = [] if rule.maximum is None else [f"at most {rule.maximum:g}"]
    return " and ".join(lower + upper)


def _check(rule: Rule) -> str:
    if rule.kind == "row_count":
        return f"at least {rule.minimum:g} row(s)"
    if rule.kind == "unique":
        return f"no two rows with the same {', '.join(rule.columns)}"
    return f"no row of `{' '.join(rule.query.split())}`"


# ---------------------------------------------------------------- sources


def describe_sources(sources: Iterable[Source]) -> str:
    """The list of sources: publisher, table, licence, layout, vintage, notes, and the mapping in words."""
    listed = sorted(sources, key=lambda one: (one.publisher, one.source_id))
    overview = _table(
        ["source", "publisher", "table", "licence"],
        [
            [f"[{one.source_id}](#{one.source_id})", one.publisher, one.table_code, one.licence]
            for one in listed
        ],
    )
    parts = [
        "# Sources",
        MADE_BY,
        f"{len(listed)} tables of {len({one.publisher for one in listed})} publishers, each described by one "
        "file of `data_contracts/sources`.",
        overview,
    ]
    for publisher, group in groupby(listed, key=lambda one: one.publisher):
        parts += [f"## {publisher}", *map(_describe_source, group)]
    return "\n\n".join(parts) + "\n"


def _describe_source(source: Source) -> str:
    head = f"### {source.source_id}\n\n{source.title}."
    facts = [f"- {name}: {words}" for name, words in source_facts(source)]
    mapping = [f"  - {line}" for line in mapping_in_words(source)]
    return "\n".join([head, "", *facts, "- mapping:", *mapping])


def source_facts(source: Source) -> list[tuple[str, str]]:
    """What a reader must know of a source besides its mapping: name and words, in the order of reading."""
    options = ", ".join(f"{key} {_code(value)}" for key, value in source.options.items())
    facts = [
        ("publisher", source.publisher),
        ("table", source.table_code),
        ("address", source.url),
        ("licence", source.licence),
        ("files", "; ".join(map(_file, source.files))),
        ("layout", f"`{source.format}`" + (f" ({options})" if options else "")),
        ("vintage", "; ".join(dict.fromkeys(map(_vintage, source.files)))),
        ("kind of figures", _basis(source)),
        ("preference", f"priority {source.priority} (lower goes first)"),
        ("refused if", _refused(source)),
        ("fetched from", f"{source.download.url} ({source.download.protocol})" if source.download else ""),
        ("note", " ".join(source.note.split())),
    ]
    return [(name, words) for name, words in facts if words]


def _file(file: SourceFile) -> str:
    """Pattern of file names, and what is special about these files."""
    own = {"format": file.format, "columns": file.columns, **file.options, **file.constant}
    words = ", ".join(f"{key} {_code(value)}" for key, value in own.items() if value is not None)
    return f"{_code(file.name)} ({words})" if words else _code(file.name)


def _vintage(file: SourceFile) -> str:
    if file.as_of:
        return f"{file.as_of} (declared)"
    return (
        "in the file's name"
        if "(?P<as_of>" in file.name
        else "given with --vintage, or the day of the download"
    )


def _basis(source: Source) -> str:
    start = source.basis.projection_from
    words = source.basis.default.replace("_", " ")
    words = f"{words}, projections from {start}" if start else words
    noted = source.basis.last_reported
    return f"{words}, projections after the period that a note names ({_code(noted)})" if noted else words


def _refused(source: Source) -> str:
    share = source.expect.max_quarantined_share
    words = f"fewer than {source.expect.min_rows:,} rows, or more than {share:.0%} of rows in quarantine"
    days = source.expect.new_vintage_days
    return f"{words}; a new vintage is due about every {days} days" if days else words


def mapping_in_words(source: Source) -> list[str]:
    """What becomes of the publisher's columns, one sentence each."""
    mapping, lines = source.mapping, _word_layout(source)
    lines += [
        f"only rows whose {_code(name)} is {_codes(values)} are kept" for name, values in mapping.keep.items()
    ]
    lines += [f"{_code(concept)} is column {_code(column)}" for concept, column in mapping.source.items()]
    lines += [f"{_code(concept)} is always {_code(value)}" for concept, value in mapping.constant.items()]
    lines += [_word_codes(key, codes) for key, codes in mapping.codes.items()]
    if mapping.unlisted:
        lines.append(f"codes of {_codes(mapping.unlisted)} that are not listed stay as published")
    if mapping.unit_multiplier != 1:
        lines.append(f"figures are multiplied by {mapping.unit_multiplier:,.15g}")
    if source.aggregate:
        lines.append("rows of one key are parts of a figure and are added up")
    return lines + _word_signs(source)


def _word_layout(source: Source) -> list[str]:
    """What is done with the columns before they are mapped."""
    lines = [f"column {_code(name)} was formerly {_codes(old)}" for name, old in source.aliases.items()]
    if source.withhold:
        lines.append(f"never loaded, because they name persons or employers: {_codes(source.withhold)}")
    lines += [
        f"columns are taken out of {_code(name)} by {_code(pattern)}"
        for name, pattern in source.extract.items()
    ]
    if source.wide:
        headers = _code(source.wide.columns)
        lines.append(f"one row holds several figures: the columns whose header follows {headers}")
        lines += [
            f"{_code(name)} stands beside each figure, in {_code(header)}"
            for name, header in source.wide.beside.items()
        ]
    return lines


def _word_signs(source: Source) -> list[str]:
    lines = []
    missing = [value for value in source.missing if value]
    if missing:
        lines.append(f"{_codes(missing)} means no figure")
    if source.not_applicable:
        lines.append(f"{_codes(source.not_applicable)} is a blank of the layout, not a figure")
    if source.status:
        flags = ", ".join(f"{_code(flag)} is {_code(status)}" for flag, status in source.status.items())
        lines.append(f"flags as SDMX observation status: {flags}")
    if source.break_notes:
        lines.append(f"a note that matches {_code(source.break_notes)} declares a break in the series")
    return lines


def _word_codes(key: str, codes: str | Mapping[str, str]) -> str:
    if isinstance(codes, str):
        table = crosswalk(codes)
        given = [column for column in table.columns if column != "published"]
        return (
            f"{_code(key)} gives {_codes(given)} through the crosswalk `{codes.removesuffix('.csv')}.csv` "
            f"({len(table)} values)"
        )
    pairs = [f"{_code(value)} is {_code(code) if code else 'not kept'}" for value, code in codes.items()]
    more = f", and {len(pairs) - 8} more" if len(pairs) > 8 else ""
    return f"{_code(key)}: {', '.join(pairs[:8])}{more}"


# ---------------------------------------------------------------- Markdown


def _code(value: object) -> str:
    text = str(value)
    return f"`{text}`" if text.strip() else repr(text)


def _codes(values: Sequence[object]) -> str:
    return ", ".join(map(_code, values))


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(headings), ["---"] * len(headings), *map(list, rows)]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
