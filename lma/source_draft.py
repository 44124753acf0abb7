"""A first description of a table nobody has described yet: the YAML of a source, every guess marked as one.

``draft_source`` goes through what a source must say, in order. Each time it has a guess, with the reason, and
hands it to ``ask``: a person who answers, or a function that takes the guess as it is. What nobody answered is
marked in the YAML, and as long as anything is marked the YAML is a draft, which no run reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from lma.contracts import codelist
from lma.errors import InputError, UsageError
from lma.layout_guesses import (
    DELIMITERS,
    OPEN,
    Guess,
    find_extent,
    guess_date_format,
    guess_delimiter,
    guess_encoding,
    guess_frequency,
    guess_separators,
    guess_sheet,
    looks_like_number,
)
from lma.parsers import find_parser
from lma.parsers.csv import decode_text, split_records
from lma.parsers.safety import unpack_gzip
from lma.published_text import check_date_format, parse_period


@dataclass(frozen=True)
class Question:
    """One thing a source must say: where it stands in the YAML, the guess, and the question for a person."""

    key: str
    words: str
    guess: Guess


Ask = Callable[[Question], str | None]
"""Answer of a person, or None: the guess stays, and is marked."""


@dataclass(frozen=True)
class _Line:
    key: str
    value: Any
    comment: str = ""


@dataclass(frozen=True)
class Draft:
    """The YAML of a source so far: lines in order; ``is_draft`` while anything is guessed or open."""

    lines: tuple[_Line, ...] = ()
    is_draft: bool = False

    def say(self, key: str, value: Any, comment: str = "") -> Draft:
        """One more line that needs no confirmation."""
        return replace(self, lines=(*self.lines, _Line(key, value, comment)))

    def settle(self, question: Question, ask: Ask, parse: Callable[[str], Any] = str) -> tuple[str, Draft]:
        """The answer, and the draft with its line: marked as guessed or unresolved unless a person gave it."""
        answer = ask(question)
        value = question.guess.value if answer is None else answer
        is_open = value == OPEN
        mark = "" if answer is not None and not is_open else "unresolved" if is_open else "guessed"
        comment = f"{mark}: {question.guess.why}" if mark else ""
        try:
            line = _Line(question.key, value if is_open else parse(value), comment)
        except ValueError as error:
            raise UsageError(f"{question.words}: {value!r} is no number; answer with one.") from error
        return value, replace(self, lines=(*self.lines, line), is_draft=self.is_draft or bool(mark))


def draft_source(content: bytes, file_name: str, source_id: str, ask: Ask) -> str:
    """The YAML text of a source for one file; ``InputError`` where the file is no table at all."""
    is_workbook = content.startswith((b"PK", b"\xd0\xcf\x11\xe0"))
    read = _draft_workbook if is_workbook else _draft_text
    layout, frame, heading = read(content, file_name, ask)
    draft = _draft_facts(source_id, file_name, heading, ask)
    draft = replace(draft, lines=draft.lines + layout.lines, is_draft=draft.is_draft or layout.is_draft)
    draft = _draft_mapping(draft, frame, heading, ask)
    return _write_yaml(draft, file_name)


# ---------------------------------------------------------------- layout


Layout = tuple[Draft, pd.DataFrame, tuple[str, ...]]


def _need(value: str, what: str, file_name: str, why: str) -> str:
    """An answer without which the file cannot be read any further."""
    if value == OPEN:
        raise InputError(
            f"{file_name}: {what} cannot be told from the file ({why}). Answer on a terminal (without --yes), or "
            "write the YAML by hand after an existing one, such as mus_eoe.yaml."
        )
    return value


def _draft_text(content: bytes, file_name: str, ask: Ask) -> Layout:
    plain, draft = unpack_gzip(content), Draft().say("format", "csv")
    found = guess_encoding(plain)
    encoding, draft = draft.settle(Question("options.encoding", "Encoding of the letters", found), ask)
    text = decode_text(plain, _need(encoding, "the encoding", file_name, found.why))
    found = guess_delimiter(text)
    words = f"Sign between the fields ({', '.join(map(repr, DELIMITERS))})"
    delimiter, draft = draft.settle(Question("options.delimiter", words, found), ask)
    rows, _ = split_records(text, _need(delimiter, "the delimiter", file_name, found.why))
    extent = find_extent(rows)
    header, draft = draft.settle(
        Question("options.header_row", "Line of the column headings", extent.header), ask, int
    )
    options: dict[str, Any] = {"encoding": encoding, "delimiter": delimiter}
    options |= {"header_row": int(_need(header, "the header row", file_name, extent.header.why))}
    if notes := len(rows) - extent.last_row:
        last = next("; ".join(filter(None, row)) for row in rows[extent.last_row :] if any(row))
        found = Guess(str(notes), f"lines below the table, such as {last[:60]!r}")
        footer, draft = draft.settle(
            Question("options.skip_footer", "Lines below the table", found), ask, int
        )
        options |= {"skip_footer": int(footer)}
    return draft, find_parser("csv")(plain, options), extent.heading


def _draft_workbook(content: bytes, file_name: str, ask: Ask) -> Layout:
    draft = Draft().say("format", "xlsx_table")
    found, rows = guess_sheet(content)
    sheet, draft = draft.settle(Question("options.sheet", "Sheet", found), ask)
    if _need(sheet, "the sheet", file_name, found.why) != found.value:
        raise InputError(
            f"{file_name}: the sheet {sheet!r} is not the one with figures, {found.value!r}: write the YAML by hand."
        )
    extent = find_extent(rows)
    header, draft = draft.settle(
        Question("options.header_rows", "Row of the column headings", extent.header),
        ask,
        lambda row: [int(row)],
    )
    row = int(_need(header, "the header row", file_name, extent.header.why))
    options: dict[str, Any] = {"sheet": sheet, "header_rows": [row]}
    below = [cell for cells in rows[extent.last_row :] for cell in cells if cell.strip()]
    if below:
        found = Guess(str(extent.last_row), f"below stands {below[0][:60]!r}")
        last, draft = draft.settle(Question("options.last_row", "Last row of figures", found), ask, int)
        options |= {"last_row": int(last)}
    return draft, find_parser("xlsx_table")(content, options), extent.heading


# ---------------------------------------------------------------- facts about the publisher


def _draft_facts(source_id: str, file_name: str, heading: Sequence[str], ask: Ask) -> Draft:
    draft = Draft().say("source_id", source_id)
    title = Guess(heading[0], "it stands above the table") if heading else Guess(OPEN, "what the table shows")
    asked = [
        Question("publisher", "Publisher", Guess(OPEN, "who publishes the table")),
        Question("title", "Title", title),
        Question(
            "table_code",
            "The publisher's name or number of the table",
            Guess(file_name, "the name of the file"),
        ),
        Question("url", "Address on the internet", Guess(OPEN, "where the publisher offers it")),
        Question("licence", "Licence", Guess(OPEN, "under which terms it may be used")),
    ]
    for question in asked:
        _, draft = draft.settle(question, ask)
    pattern, has_date = _file_pattern(file_name)
    why = (
        "the date in the name is taken as the vintage"
        if has_date
        else "no date: give it with `lma ingest --vintage`, or `as_of`"
    )
    return draft.say("files", [{"name": pattern}], why)


def _file_pattern(file_name: str) -> tuple[str, bool]:
    """Pattern of the file's name; a date of eight digits in it becomes the vintage."""
    date = re.search(r"(19|20)\d\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])", file_name)
    if not date:
        return re.escape(file_name).replace("\\ ", " ").replace("\\-", "-"), False
    before, after = re.escape(file_name[: date.start()]), re.escape(file_name[date.end() :])
    middle = r"\d{4}-\d{2}-\d{2}" if "-" in date[0] else r"\d{8}"
    return f"{before}(?P<as_of>{middle}){after}".replace("\\ ", " ").replace("\\-", "-"), True


# ---------------------------------------------------------------- mapping


_HEADINGS = {
    "sex": ("sex", "sexe", "gender", "genre", "սեռ", "пол"),
    "age": ("age", "âge", "տարիք", "возраст"),
    "economic_activity": (
        "activity", "industry", "sector", "activité", "secteur", "branche", "ճյուղ", "ոլորտ", "գործունեություն", "отрасль", "деятельност",
    ),
    "occupation": ("occupation", "profession", "métier", "զբաղմունք", "профессия"),
    "counterpart_area": ("nationality", "nationalité", "citizenship", "country", "pays", "երկիր", "քաղաքացի", "страна"),
    "note": ("note", "remark", "remarque", "footnote", "ծանոթ", "примечан"),
}  # fmt: skip
_SEXES = {
    "M": ("m", "male", "males", "men", "homme", "hommes", "masculin", "տղամարդ", "տղամարդիկ", "արական", "мужчины"),
    "F": ("f", "female", "females", "women", "femme", "femmes", "féminin", "կին", "կանայք", "իգական", "женщины"),
    "_T": ("t", "total", "both sexes", "ensemble", "les deux", "ընդամենը", "երկու սեռերը", "всего", "оба пола"),
}  # fmt: skip
_THOUSANDS = ("thousand", "millier", "հազար", "тыс", "'000", "000s")


@dataclass(frozen=True)
class _Columns:
    """Columns of a table by what they seem to hold."""

    period: str | None = None
    figures: tuple[str, ...] = ()
    years: tuple[str, ...] = ()
    codes: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def sort_columns(frame: pd.DataFrame) -> _Columns:
    """Which column holds the period, which figures (or years side by side), which codes of which concept."""
    names = list(frame.columns)
    years = tuple(name for name in names if re.fullmatch(r"(19|20)\d\d", name))
    period = next((name for name in names if _holds_periods(frame[name].tolist())), None)
    if len(years) > 1:
        period = None
    figures = tuple(name for name in names if name != period and _holds_figures(frame[name].tolist()))
    codes: dict[str, str] = {}
    for name in names:
        concept = _concept_of(name, frame[name].tolist())
        if name not in (period, *figures) and concept and concept not in codes:
            codes[concept] = name
    taken = {period, *figures, *codes.values()}
    return _Columns(
        period, figures, years if len(years) > 1 else (), codes, tuple(n for n in names if n not in taken)
    )


def _holds_periods(cells: Sequence[str]) -> bool:
    texts = [cell.strip() for cell in cells if cell.strip()]
    if not texts:
        return False
    is_year = all(re.fullmatch(r"(19|20)\d\d", text) for text in texts)
    others = [text for text in texts if not text.isdigit()]
    read = all(any(parse_period(text, freq) for freq in "AQM") for text in others)
    return is_year or guess_date_format(texts) is not None or (len(others) == len(texts) and read)


def _holds_figures(cells: Sequence[str]) -> bool:
    """Mostly numbers; the rest are few signs for no figure."""
    texts = [cell.strip() for cell in cells if cell.strip()]
    signs = {text for text in texts if not looks_like_number(text)}
    n_numbers = sum(map(looks_like_number, texts))
    return n_numbers > 0 and n_numbers >= 0.6 * len(texts) and len(signs) <= 5


def _concept_of(name: str, cells: Sequence[str]) -> str | None:
    heading = name.casefold()
    known = {word for words in _SEXES.values() for word in words}
    values = {cell.strip().casefold() for cell in cells if cell.strip()}
    if values and values <= known:
        return "sex"
    return next(
        (concept for concept, words in _HEADINGS.items() if any(_is_word(word, heading) for word in words)),
        None,
    )


def _is_word(word: str, heading: str) -> bool:
    """Whether a word begins somewhere in a heading, so that ``age`` is not found in ``percentage``."""
    return re.search(rf"(?<!\w){re.escape(word)}", heading) is not None


def _draft_mapping(draft: Draft, frame: pd.DataFrame, heading: Sequence[str], ask: Ask) -> Draft:
    columns = sort_columns(frame)
    cells = [cell for name in columns.figures for cell in frame[name]]
    draft = _draft_numbers(draft, cells, ask)
    draft, periods = _draft_dates(draft, frame, columns, ask)
    if columns.years:
        why = f"the headings {columns.years[0]} to {columns.years[-1]} are years"
        question = Question(
            "wide.columns",
            "Pattern of the headings above figures",
            Guess(r"(?P<time_period>(19|20)\d\d)", why),
        )
        _, draft = draft.settle(question, ask)
    draft = _draft_missing(draft, cells)
    basis = Question(
        "basis.default",
        "Kind of figures (reported, modelled_estimate, projection, imputed)",
        Guess(OPEN, "counted or surveyed figures are `reported`"),
    )
    _, draft = draft.settle(basis, ask)
    draft = draft.say("priority", 90, "behind every other source of the same figure; lower goes first")
    draft = draft.say("expect.min_rows", max(1, int(len(frame) * 0.9)), f"the file has {len(frame)} rows")
    return _draft_concepts(draft, frame, columns, periods, heading, ask)


def _draft_numbers(draft: Draft, cells: Sequence[str], ask: Ask) -> Draft:
    decimal, thousands = guess_separators(cells)
    if decimal.value == "." and thousands.value == "" and "no figure" in decimal.why:
        return draft
    _, draft = draft.settle(Question("options.decimal", "Decimal sign", decimal), ask)
    if thousands.value:
        _, draft = draft.settle(Question("options.thousands", "Sign between thousands", thousands), ask)
    return draft


def _draft_dates(draft: Draft, frame: pd.DataFrame, columns: _Columns, ask: Ask) -> tuple[Draft, list[str]]:
    """The date format, where there is one to declare, and the periods as this project reads them."""
    periods = list(columns.years) if columns.period is None else frame[columns.period].tolist()
    found = guess_date_format(periods) if columns.period else None
    if found is None:
        return draft, periods
    words = "Form of the dates (%d day, %m month, %Y year)"
    form, draft = draft.settle(Question("options.date_format", words, found), ask)
    if form == OPEN:
        return draft, []
    check_date_format(form)
    days = pd.to_datetime(
        pd.Series([text.strip() for text in periods if text.strip()]), format=form, errors="coerce"
    )
    return draft, [f"{day:%Y-%m-%d}" for day in days.dropna()]


def _draft_missing(draft: Draft, cells: Sequence[str]) -> Draft:
    signs = sorted({cell.strip() for cell in cells if cell.strip() and not looks_like_number(cell)})
    if not signs:
        return draft
    marked = draft.say(
        "missing", ["", *signs], "guessed: these cells are no numbers; say here which mean no figure"
    )
    return replace(marked, is_draft=True)


def _draft_concepts(
    draft: Draft,
    frame: pd.DataFrame,
    columns: _Columns,
    periods: Sequence[str],
    heading: Sequence[str],
    ask: Ask,
) -> Draft:
    if not columns.years:
        period = Guess(
            columns.period or OPEN, "its cells are periods" if columns.period else "no column of periods"
        )
        _, draft = draft.settle(Question("mapping.source.time_period", "Column of the period", period), ask)
        _, draft = draft.settle(_figure_question(columns), ask)
    for concept, name in columns.codes.items():
        guess = Guess(name, "by its heading or its values")
        _, draft = draft.settle(Question(f"mapping.source.{concept}", f"Column of {concept}", guess), ask)
    for question in _constant_questions(columns, periods):
        _, draft = draft.settle(question, ask)
    for concept, name in columns.codes.items():
        draft = draft if concept == "note" else _draft_codes(draft, concept, frame[name].tolist(), ask)
    if columns.others:
        draft = draft.say("note", "", f"not mapped, so nothing of them is used: {', '.join(columns.others)}")
    return _draft_multiplier(draft, [*heading, *columns.figures], ask)


def _figure_question(columns: _Columns) -> Question:
    names = ", ".join(columns.figures) or "none"
    guess = Guess(columns.figures[0], "the only column of figures") if len(columns.figures) == 1 else Guess(
        OPEN, f"columns of figures are: {names}; where each holds figures, use `wide` as in mus_eoe.yaml"
    )  # fmt: skip
    return Question("mapping.source.obs_value", f"Column of the figures ({names})", guess)


def _constant_questions(columns: _Columns, periods: Sequence[str]) -> list[Question]:
    asked = [
        Question("mapping.constant.ref_area", "Country (ISO 3166-1 alpha-3)", Guess(OPEN, "the country the figures are about, such as MUS")),
        Question("mapping.constant.freq", "Frequency (A, Q, M)", guess_frequency(periods)),
        Question("mapping.constant.indicator", "Indicator", Guess(OPEN, "a code of codelists/indicators.csv, such as EMP")),
        Question("mapping.constant.unit_measure", "Unit", Guess(OPEN, "a code of codelists/units.csv, such as PS for persons")),
    ]  # fmt: skip
    if "economic_activity" in columns.codes:
        why = "the revision is declared, never guessed: ISIC4, ISIC3, NACE2 or NATIONAL"
        asked.append(
            Question("mapping.constant.activity_revision", "Classification of activities", Guess(OPEN, why))
        )
    if "occupation" in columns.codes:
        why = "the revision is declared, never guessed: ISCO08 or ISCO88"
        asked.append(
            Question(
                "mapping.constant.occupation_revision", "Classification of occupations", Guess(OPEN, why)
            )
        )
    return asked


def _draft_codes(draft: Draft, concept: str, cells: Sequence[str], ask: Ask) -> Draft:
    """One line per published value: its code, where a known word or code says so."""
    known = _known_codes(concept, cells)
    for value in dict.fromkeys(cell.strip() for cell in cells):
        code = known.get(value.casefold(), OPEN)
        why = f"{value!r} is a known word" if code != OPEN else 'its code, or "" where it is not kept'
        question = Question(
            f"mapping.codes.{concept}.{value}", f"Code of {value!r} ({concept})", Guess(code, why)
        )
        _, draft = draft.settle(question, ask)
    return draft


def _known_codes(concept: str, cells: Sequence[str]) -> dict[str, str]:
    """Published word in small letters -> code; of activities, codes of one classification only."""
    if concept == "sex":
        return {word: code for code, words in _SEXES.items() for word in words}
    lists = {"economic_activity": "economic_activities", "counterpart_area": "areas", "age": "ages"}
    if concept not in lists:
        return {}
    table = codelist(lists[concept])
    if concept == "economic_activity":
        table = _of_one_classification(table, {cell.strip().casefold() for cell in cells})
    codes = table.iloc[:, 0]
    by_label = dict(zip(table["label_en"].str.casefold(), codes, strict=True))
    return by_label | dict(zip(codes.str.casefold(), codes, strict=True))


def _of_one_classification(table: pd.DataFrame, words: set[str]) -> pd.DataFrame:
    """Totals, and the activities of the classification that knows most of the words; sections go first."""
    kinds = table["classification"]
    is_section = kinds.isin(["ISIC4", "ISIC4_14"]) & (table["sections"].str.len() == 1)
    choices = [is_section, *(kinds == kind for kind in kinds.unique() if kind != "_Z")]
    known = [set(table.loc[one, ["code", "label_en"]].stack().str.casefold()) & words for one in choices]
    best = max(range(len(choices)), key=lambda place: len(known[place]))
    chosen: pd.DataFrame = table[choices[best] | (kinds == "_Z")]
    return chosen


def _draft_multiplier(draft: Draft, texts: Sequence[str], ask: Ask) -> Draft:
    said = next((text for text in texts if any(word in text.casefold() for word in _THOUSANDS)), None)
    if said is None:
        return draft
    guess = Guess("1000", f"{said[:60]!r} speaks of thousands")
    _, draft = draft.settle(
        Question("mapping.unit_multiplier", "Figures are multiplied by", guess), ask, float
    )
    return draft


# ---------------------------------------------------------------- YAML


def _write_yaml(draft: Draft, file_name: str) -> str:
    """The lines as YAML, each with its comment; JSON scalars are YAML scalars."""
    head = [f"# Describes {file_name}; written by `lma sources new`."]
    if draft.is_draft:
        head += [
            '# Check every line marked `guessed` or `unresolved`, put an answer in place of every "?", then remove the',
            "# next line. Until then no run reads this file.",
            "draft: true",
        ]
    lines: list[str] = []
    ordered = sorted(draft.lines, key=lambda line: _order(line, draft.lines))
    open_path: list[str] = []
    for line in ordered:
        path = line.key.split(".", _depth(line.key))
        shared = next(
            (n for n, (a, b) in enumerate(zip(open_path, path[:-1], strict=False)) if a != b),
            min(len(open_path), len(path) - 1),
        )
        lines += ["  " * depth + f"{_scalar(path[depth])}:" for depth in range(shared, len(path) - 1)]
        comment = f"  # {' '.join(line.comment.split())}" if line.comment else ""
        lines.append("  " * (len(path) - 1) + f"{_scalar(path[-1])}: {_value(line.value)}{comment}")
        open_path = path[:-1]
    return "\n".join(head + lines) + "\n"


def _depth(key: str) -> int:
    """How often a key is cut: a published value at its end may hold dots."""
    return 3 if key.startswith("mapping.codes.") else key.count(".")


def _order(line: _Line, lines: Sequence[_Line]) -> tuple[int, int]:
    """Lines of one block stand together, blocks in the order in which they began."""
    blocks = [other.key.split(".")[0] for other in lines]
    inner = [".".join(other.key.split(".")[:2]) for other in lines]
    return blocks.index(line.key.split(".")[0]), inner.index(".".join(line.key.split(".")[:2]))


def _scalar(text: str) -> str:
    return (
        text
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) and text not in ("true", "false", "null")
        else _quoted(text)
    )


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _quoted(value)
