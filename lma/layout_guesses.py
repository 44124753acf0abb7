"""What the bytes of an unknown table say about its layout: each guess with its reason and its rivals.

Nothing here decides for anybody: a guess is shown, and one that the file cannot settle is open.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lma.errors import InputError
from lma.parsers.csv import split_records
from lma.parsers.xlsx_table import cell_text, read_sheet
from lma.published_text import parse_period

OPEN = "?"
"""Value of a guess that the file cannot settle."""

ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1256", "cp1257")
DELIMITERS = {";": "semicolon", ",": "comma", "\t": "tab", "|": "bar"}
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " "})
_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*")
_SLASHED = re.compile(r"(\d{1,2})([/.\-])(\d{1,2})\2(\d{4})")
_SHOWN = 3


@dataclass(frozen=True)
class Guess:
    """A value, and why; ``OPEN`` where only a person can tell."""

    value: str
    why: str


# ---------------------------------------------------------------- text files


def guess_encoding(content: bytes) -> Guess:
    """UTF-8 where the bytes are, else the one-byte encoding whose words look like words, with the other readings."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Guess("utf-16", "the file begins with the byte order mark of UTF-16")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _guess_one_byte(content)
    return Guess("utf-8", "all bytes are UTF-8")


def _guess_one_byte(content: bytes) -> Guess:
    readings: dict[str, str] = {}
    for encoding in ENCODINGS:
        try:
            readings[encoding] = content.decode(encoding)
        except UnicodeDecodeError:
            continue
    if not readings:
        return Guess(OPEN, f"the bytes are neither UTF-8 nor {', '.join(ENCODINGS)}")
    best = min(readings, key=lambda encoding: _strangeness(readings[encoding]))
    samples = {encoding: ", ".join(_foreign_words(text)) for encoding, text in readings.items()}
    rivals = [f"{name}: {words}" for name, words in samples.items() if words != samples[best]][:_SHOWN]
    return Guess(
        best, f"not UTF-8; {best} reads {samples[best]}; other readings: {'; '.join(rivals) or 'none'}"
    )


def _foreign_words(text: str) -> list[str]:
    """The first words with letters beyond ASCII."""
    words = [word for word in re.findall(r"\S+", re.sub(r'[;,|"]', " ", text)) if not word.isascii()]
    return list(dict.fromkeys(words))[:_SHOWN]


def _strangeness(text: str) -> int:
    """Signs inside words that no language writes so: symbols, capitals after small letters, two scripts."""
    strange = 0
    for word in set(re.findall(r"\S+", re.sub(r'[;,|"]', " ", text))):
        letters = [sign for sign in word if not sign.isascii()]
        strange += sum(not unicodedata.category(sign).startswith(("L", "P", "Z")) for sign in letters)
        scripts = {unicodedata.name(sign, "?").split()[0] for sign in word if sign.isalpha()}
        strange += 2 * (len(scripts) - 1) if scripts else 0
        strange += scripts == {"LATIN"} and len(letters) > len(word) / 2
        strange += len(re.findall(r"(?<=[^\W\d_])(?=[A-ZÀ-ÞА-Я])", word)) if not word.isupper() else 0
    return strange


def guess_delimiter(text: str) -> Guess:
    """The sign that cuts most lines into equally many fields."""
    scores = {}
    for delimiter in DELIMITERS:
        try:
            records, _ = split_records(text, delimiter)
        except InputError:
            continue
        counts = Counter(len(record) for record in records if len(record) > 1)
        if counts:
            fields, lines = counts.most_common(1)[0]
            scores[delimiter] = (lines, fields)
    if not scores:
        return Guess(OPEN, f"no line is cut in two by {', '.join(DELIMITERS.values())}")
    best = max(scores, key=lambda delimiter: scores[delimiter])
    words = [
        f"{DELIMITERS[one]}: {lines} lines of {fields} fields" for one, (lines, fields) in scores.items()
    ]
    return Guess(best, "; ".join(words))


# ---------------------------------------------------------------- where the table stands


@dataclass(frozen=True)
class Extent:
    """The table among the rows of a file: header and last row, 1-based, and the text above the header."""

    header: Guess
    last_row: int
    heading: tuple[str, ...]


def find_extent(rows: Sequence[Sequence[str]]) -> Extent:
    """The first full row of words above figures is the header; short rows after the last full one are notes."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    widths = Counter(n for n in filled if n > 1)
    if not widths:
        return Extent(Guess(OPEN, "no row has two filled cells"), len(rows), ())
    width = max(widths, key=lambda n: (widths[n], n))
    candidates = [
        at for at, row in enumerate(rows)
        if filled[at] >= max(2, 0.7 * width) and _are_headings(row) and _has_figures(rows[at + 1 : at + 4])
    ]  # fmt: skip
    full = [at for at, n in enumerate(filled) if n >= max(2, 0.5 * width)]
    if not candidates:
        return Extent(Guess(OPEN, "no row of words stands above rows with figures"), full[-1] + 1, ())
    first = candidates[0]
    others = (
        f"; it could also be row {', '.join(str(at + 1) for at in candidates[1:4])}" if candidates[1:] else ""
    )
    why = f"the first row with {filled[first]} cells of words above figures{others}"
    heading = tuple(cell.strip() for row in rows[:first] for cell in row if cell.strip())
    return Extent(Guess(str(first + 1), why), full[-1] + 1, heading)


def _are_headings(row: Sequence[str]) -> bool:
    """Words, or several years as headings of columns, but no figure and no date."""
    cells = [cell.strip() for cell in row if cell.strip()]
    figures = [cell for cell in cells if looks_like_number(cell)]
    are_years = len(set(figures)) > 1 and all(re.fullmatch(r"(19|20)\d\d", cell) for cell in figures)
    dates = [cell for cell in cells if _SLASHED.fullmatch(cell) or (cell not in figures and _is_period(cell))]
    return not dates and (not figures or are_years) and len(cells) > len(figures)


def _is_period(text: str) -> bool:
    return any(parse_period(text, freq) for freq in "AQM")


def _has_figures(rows: Sequence[Sequence[str]]) -> bool:
    return any(looks_like_number(cell) for row in rows for cell in row)


def guess_sheet(content: bytes) -> tuple[Guess, list[list[str]]]:
    """The visible sheet with most figures, and its rows as text."""
    read_sheet(content, 1) if content.startswith(
        b"PK"
    ) else None  # refuses damage and bombs before anything else reads
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    pages = CalamineWorkbook.from_filelike(io.BytesIO(content)).sheets_metadata
    visible = [page.name for page in pages if page.visible == SheetVisibleEnum.Visible]
    rows = {
        name: [[cell_text(cell) for cell in row] for row in read_sheet(content, name)] for name in visible
    }
    if not rows:
        return Guess(OPEN, "the workbook shows no sheet"), []
    figures = {name: sum(looks_like_number(cell) for row in rows[name] for cell in row) for name in rows}
    best = max(figures, key=lambda name: figures[name])
    hidden = [page.name for page in pages if page.name not in visible]
    words = "; ".join(f"{name}: {n} figures" for name, n in figures.items())
    return Guess(best, words + (f"; hidden: {', '.join(hidden)}" if hidden else "")), rows[best]


# ---------------------------------------------------------------- numbers and dates


def looks_like_number(cell: str) -> bool:
    """Whether a cell is written as a number in any of the usual ways."""
    return _NUMBER.fullmatch(cell.translate(_BLANKS).strip()) is not None


def guess_separators(cells: Sequence[str]) -> tuple[Guess, Guess]:
    """Decimal sign and thousands separator (empty: none); open where the figures fit two readings."""
    texts = [cell.translate(_BLANKS).strip().lstrip("+-") for cell in cells if looks_like_number(cell)]
    decimals: dict[str, str] = {}
    thousands: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    for text in texts:
        _weigh(text, decimals, thousands, doubtful)
    return _settle(decimals, thousands, doubtful)


def _weigh(text: str, decimals: dict[str, str], thousands: dict[str, str], doubtful: dict[str, str]) -> None:
    """Note what one number proves about each sign in it."""
    signs = [sign for sign in text if not sign.isdigit()]
    if not signs:
        return
    last = signs[-1]
    after = len(text) - text.rindex(last) - 1
    if last in " '" or signs.count(last) > 1:
        thousands.update({sign: text for sign in signs if sign not in thousands})
    elif len(set(signs)) > 1:
        decimals.setdefault(last, text)
        thousands.update({sign: text for sign in signs[:-1] if sign not in thousands})
    elif after != 3 or text.startswith("0") or text.index(last) > 3:
        decimals.setdefault(last, text)
    else:
        doubtful.setdefault(last, text)


def _settle(
    decimals: dict[str, str], thousands: dict[str, str], doubtful: dict[str, str]
) -> tuple[Guess, Guess]:
    both = sorted(set(decimals) & set(thousands))
    if both or len(decimals) > 1 or len(thousands) > 1:
        words = "; ".join(repr(text) for text in dict.fromkeys([*decimals.values(), *thousands.values()]))
        return Guess(OPEN, f"the figures contradict each other: {words}"), Guess(OPEN, "see decimal")
    decimal, group = next(iter(decimals), ""), next(iter(thousands), "")
    undecided = [sign for sign in doubtful if sign not in (decimal, group)]
    if undecided and not decimal and not group:
        text, sign = doubtful[undecided[0]], undecided[0]
        plain, broken = text.replace(sign, ""), text.replace(sign, ".")
        why = f"{text!r} may be {plain} or {broken}: ask the publisher, or compare with a known figure"
        return Guess(OPEN, why), Guess(OPEN, "see decimal")
    if undecided:
        sign = undecided[0]
        decimal, group = (decimal, sign) if decimal else (sign, group)
    shown = {**doubtful, **thousands, **decimals}
    why = f"as in {shown[decimal]!r}" if decimal in shown else "no figure has decimals"
    why_group = f"as in {shown[group]!r}" if group in shown else "no figure has any"
    return Guess(decimal or ("." if group != "." else ","), why), Guess(group, why_group)


def guess_date_format(cells: Sequence[str]) -> Guess | None:
    """Format of dates such as 31/12/2023, open where day and month fit both ways; None where they are no such dates."""
    found = [_SLASHED.fullmatch(cell.strip()) for cell in cells if cell.strip()]
    if not found or not all(found):
        return None
    parts = [(int(match[1]), int(match[3]), match[2]) for match in found if match]
    sign, texts = parts[0][2], [match[0] for match in found if match]
    day_first = next((text for text, part in zip(texts, parts, strict=True) if part[0] > 12), "")
    month_first = next((text for text, part in zip(texts, parts, strict=True) if part[1] > 12), "")
    if day_first and not month_first:
        return Guess(f"%d{sign}%m{sign}%Y", f"the day comes first, as in {day_first}")
    if month_first and not day_first:
        return Guess(f"%m{sign}%d{sign}%Y", f"the month comes first, as in {month_first}")
    why = f"{day_first} and {month_first} contradict each other" if day_first else f"{texts[0]} fits both"
    return Guess(OPEN, f"{why} %d{sign}%m{sign}%Y and %m{sign}%d{sign}%Y")


def guess_frequency(periods: Sequence[str]) -> Guess:
    """A, Q or M from periods as published, or from ISO dates; open where they are none."""
    texts = list(dict.fromkeys(text.strip() for text in periods if text.strip()))
    fits = [freq for freq in "AQM" if all(parse_period(text, freq) for text in texts)]
    if len(fits) == 1:
        return Guess(fits[0], f"the periods are written as {texts[0]}")
    if len(fits) < 3 or not texts:
        return Guess(OPEN, f"the periods, such as {(texts or ['none'])[0]}, are of no one frequency")
    months = sorted({text[5:7] for text in texts})
    freq = {1: "A", 2: "Q", 3: "Q", 4: "Q"}.get(len(months), "M")
    return Guess(freq, f"the dates fall into the months {', '.join(months)}")
