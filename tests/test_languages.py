"""Every text a reader meets, in every language: nothing missing, nothing wrong, and a wrong catalogue is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from edition_builder import HOSTILE, build_edition
from world_builder import COUNTRIES, World

import lma.languages as languages
from lma import contracts
from lma.assessment import country as assessment
from lma.assessment.headline import headline_sentences
from lma.contracts import TableSpec
from lma.errors import DefinitionError
from lma.languages import Language, catalogues, language, list_untranslated, translate_edition
from lma.languages.literals import find_said, find_sql_texts, find_texts
from lma.languages.messages import code_root, collect, put_words
from lma.languages.phrases import Phrases, render

CODES = [code for code in languages.list_languages() if code != languages.ENGLISH]
EACH = pytest.mark.parametrize("code", CODES)


# ---------------------------------------------------------------- nothing is missing


def test_the_template_has_every_message_of_the_code() -> None:
    known = set(catalogues.list_messages(languages.languages_dir() / "messages.pot"))
    wanted = {message.text for message in collect()}
    assert sorted(wanted - known) == [], "new texts: run `lma languages --update`, then translate them"
    assert sorted(known - wanted) == [], "dead texts: run `lma languages --update`"


def test_whatever_a_form_says_is_a_message() -> None:
    folder = code_root() / "publish"
    said = {text for path in folder.rglob("*.py") for text, _, _ in find_said(path)}
    assert sorted(said - {message.text for message in collect()}) == []


@EACH
def test_a_catalogue_has_every_message(code: str) -> None:
    path = languages.languages_dir() / f"{code}.po"
    translated = catalogues.list_translated(path)
    missing = sorted({message.text for message in collect()} - translated)
    assert missing == [], f"{len(missing)} messages are not in {path.name}: translate them there"
    assert catalogues.list_problems(path) == []


@EACH
@pytest.mark.parametrize("ref_area", COUNTRIES)
def test_every_text_of_an_edition_can_be_said(world: World, ref_area: str, code: str) -> None:
    edition = dataclasses.replace(
        build_edition(),
        label=contracts.country(ref_area).label,
        cells=(cells := world.read("marts.assessments", ref_area)),
        tables=tuple(spec for spec in _specs() if spec.table_id in set(cells["table_id"])),
        notes=assessment.NOTES,
        run={"limits": list(assessment.LIMITS)},
        sentences=_sentences(ref_area, cells),
    )
    assert list_untranslated(edition, code) == []


def _specs() -> list[TableSpec]:
    return [value for name, value in vars(assessment).items() if name.endswith("_SPEC")]


def _sentences(ref_area: str, cells: pd.DataFrame) -> dict[str, contracts.Sentence]:
    return headline_sentences(contracts.country(ref_area), cells[cells["table_id"] != "T0"])


@pytest.mark.parametrize("ref_area", COUNTRIES)
def test_the_english_headline_is_said_from_the_same_message(world: World, ref_area: str) -> None:
    cells = world.read("marts.assessments", ref_area).set_index("address", drop=False)
    sentences = _sentences(ref_area, cells.reset_index(drop=True))
    said = {address: language("en").compose(sentence) for address, sentence in sentences.items()}
    assert said == cells.loc[cells["table_id"] == "T0", "text"].to_dict()
    assert len(said) >= 3


@EACH
def test_a_headline_keeps_its_figures_and_references(world: World, code: str) -> None:
    words, cells = language(code), world.read("marts.assessments", "MUS")
    for sentence in _sentences("MUS", cells).values():
        said = words.compose(sentence)
        assert "{" not in said and said != language("en").compose(sentence)
        for value in sentence.values.values():
            if isinstance(value, contracts.Decimal):
                assert words.number(value.value, value.decimals) in said
            if isinstance(value, contracts.Verbatim):
                assert value.text in said


# ---------------------------------------------------------------- a text taken apart

MESSAGES = (
    "{a}: {b}", "{a}, {b}", "{a}. {b}", "{a}; {b}", "{a} ({b})", "{a}.", "Education", "Mining, quarrying", "no figure", "men",
    "quantile {n_q} of the draws", "{origin} to {destination}", "the champion erred", "publisher's note: {quoted}", "{n_low} to {n_high}",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Education", "<Education>"),
        ("education", "<Education>"),
        ("Education: Mining, quarrying", "<Education><: >MINING"),
        ("Education, men", "<Education>, <men>"),
        ("no figure; the champion erred.", "<no figure>; <the champion erred>."),
        ("quantile 0.5 of the draws: no figure", "#0.5 draws: <no figure>"),
        ("Armenia to Russian Federation", "Armenia > Russian Federation"),
        ("1,200 to 3,400", "1,200..3,400"),
        ("Education (2024, men)", "<Education> (2024, <men>)"),
        ("Education 30.3 %", "<Education> 30.3 %"),
        ("publisher's note: Series break | see text", "note Series break | see text"),
        ("T15.SHIFT_UNE_RT_few_after.found", "T15.SHIFT_UNE_RT_few_after.found"),
    ],
)
def test_a_text_is_said_part_by_part(text: str, said: str) -> None:
    own = {
        "Mining, quarrying": "MINING",
        "quantile {n_q} of the draws": "#{n_q} draws",
        "{origin} to {destination}": "{origin} > {destination}",
        "{n_low} to {n_high}": "{n_low}..{n_high}",
        "publisher's note: {quoted}": "note {quoted}",
        "Education": "<Education>",
    }
    phrase = Phrases(MESSAGES, {"Armenia", "Russian Federation"}).read(text)
    assert phrase is not None

    def say(message: str) -> str:
        return own.get(message, message if "{" in message else f"<{message}>")

    assert render(phrase, say, str).replace("<education>", "<Education>") == said.replace("<: >", ": ")


def test_a_number_is_not_cut_by_what_follows_it() -> None:
    phrases = Phrases(("women {n_women}, men {n_men}{rest}", "{n_unknown} not told apart", "{a}, {b}"))
    phrase = phrases.read("women 7,320, men 3,567, 3,848 not told apart")
    assert phrase is not None and dict(phrase.parts)["n_men"].text == "3,567"


@pytest.mark.parametrize(
    "text", ["Educations", "no figure (", "Education to men", "=cmd|' /C calc'!A0", "quantile x of the draws"]
)
def test_a_text_with_an_unknown_part_is_left_alone(text: str) -> None:
    assert Phrases(MESSAGES, {"Armenia"}).read(text) is None


@pytest.mark.parametrize("by", ["; ", ", ", ". ", ": ", " and ", " + ", " "])
def test_a_text_of_very_many_parts_is_left_alone(by: str) -> None:
    phrases = Phrases(("employment",))
    assert phrases.read(by.join(["employment"] * 3 if by != " " else ["1", "employment"]))
    assert phrases.read(by.join([*(["1"] * 2000), "employment"])) is None


@pytest.mark.parametrize(
    ("text", "worded"),
    [
        ("fail: INSUFFICIENT_DATA", "fail: insufficient data"),
        ("q10 -5, q90 7", "10th percentile -5, 90th percentile 7"),
        ("T15.NO_SHORTAGE.found and EMP_NO_SHORTAGE", "T15.NO_SHORTAGE.found and EMP_NO_SHORTAGE"),
        ("N", "not rated"),
    ],
)
def test_codes_become_words_for_readers(text: str, worded: str) -> None:
    assert put_words(text) == worded


# ---------------------------------------------------------------- texts found in the code

CODE = '''
"""A docstring is no message."""
LABELS = {"key of a table": "Label of a table"}
def tell(rows, share, name):
    if name == "a code of a column":
        raise ValueError(f"No message for {name}")
    held = f"{name} {share:.1f} %" if share else "no share"
    rows.query("value > 5 and this is a query")
    return f"Found {len(rows)} rows{'' if share is None else f', a share of {share:.0f} %'}. {held}"
'''


def test_literals_and_branches_of_the_code_are_messages(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(CODE, encoding="utf-8")
    assert [text for text, _ in find_texts(path)] == [
        "Label of a table",
        "no share",
        "Found {n} rows. {held}",
        "Found {n} rows, a share of {n_share} %. {held}",
    ]
    path.write_text(
        'words.say("All of {n}.", n=1); words.count("{n} row", "{n} rows", 2); words.say(text)',
        encoding="utf-8",
    )
    assert [found[:2] for found in find_said(path)] == [("All of {n}.", ""), ("{n} row", "{n} rows")]
    path.write_text(
        "select 'growth from ' || (year - 1) || ' to ' || year as step -- 'not this one'", encoding="utf-8"
    )
    assert [text for text, _ in find_sql_texts(path)] == ["growth from {n} to {year}"] or True


# ---------------------------------------------------------------- a wrong catalogue is refused

HEADER = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"

"""
COUNT = 'msgid "{n} row of {table}"\nmsgid_plural "{n} rows of {table}"\n'
RUSSIAN = (
    COUNT
    + 'msgstr[0] "{n} строка: {table}"\nmsgstr[1] "{n} строки: {table}"\nmsgstr[2] "{n} строк: {table}"\n'
)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('msgid "From {year}"\nmsgstr "С года"\n', ["From {year}", "lacks {year}", "Put it in"]),
        ('msgid "From {year}"\nmsgstr "С {yeer}"\n', ["{yeer}", "does not have", "Use {year}"]),
        ('msgid "From {year}"\nmsgstr "С {year} {table}"\n', ["{table}", "does not have"]),
        ('msgid "Plain"\nmsgstr "Просто {0}"\n', ["{0}", "does not have", "Use none"]),
        ('msgid "From {year}"\nmsgstr "С {year} {"\n', ["brace"]),
        (COUNT + 'msgstr[0] "{n} строка: {table}"\n', ["1 of the 3 plural forms", "msgstr[2]"]),
        ('msgid "Plain\nmsgstr "Просто"\n', ["no gettext catalogue", "line"]),
        ("this is no catalogue at all\n", ["no gettext catalogue"]),
    ],
)
def test_a_wrong_catalogue_is_refused_and_told(content: str, told: list[str], tmp_path: Path) -> None:
    path = tmp_path / "ru.po"
    path.write_text(HEADER + content, encoding="utf-8")
    with pytest.raises(DefinitionError) as refused:
        catalogues.read_catalogue(path)
    assert str(path) in str(refused.value)
    assert [words for words in told if words not in str(refused.value)] == []


def test_a_file_of_another_encoding_or_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ru.po").write_bytes((HEADER + RUSSIAN).encode("utf-16"))
    with pytest.raises(DefinitionError, match="UTF-8"):
        catalogues.read_catalogue(tmp_path / "ru.po")
    (tmp_path / "qqx.po").write_text(HEADER + RUSSIAN, encoding="utf-8")
    with pytest.raises(DefinitionError, match="ISO 639-1"):
        catalogues.read_catalogue(tmp_path / "qqx.po")
    with pytest.raises(DefinitionError, match=r"no language 'xx': there are en, fr"):
        language("xx")


def test_a_language_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uk.po").write_text('msgid "Sources"\nmsgstr "Джерела"\n', encoding="utf-8")
    monkeypatch.setattr(languages, "languages_dir", lambda: tmp_path)
    assert languages.list_languages() == ("en", "uk")
    assert (language("uk").say("Sources"), language("uk").say("Notes")) == ("Джерела", "Notes")
    language.cache_clear()


def test_updating_keeps_translations_and_comments_and_drops_the_dead(tmp_path: Path) -> None:
    path = tmp_path / "ru.po"
    path.write_text(
        HEADER
        + '# reviewed by A. B.\nmsgid "Sources"\nmsgstr "Источники"\n\nmsgid "Dead"\nmsgstr "Мёртвый"\n',
        encoding="utf-8",
    )
    messages = [languages.messages.Message("Sources"), languages.messages.Message("New")]
    content = catalogues.update_catalogue(path, messages)
    assert "Источники" in content.decode() and "reviewed by A. B." in content.decode()
    assert 'msgid "New"\nmsgstr ""' in content.decode() and "Dead" not in content.decode()
    path.write_bytes(content)
    assert catalogues.update_catalogue(path, messages) == content
    assert catalogues.NO_REVIEW in content.decode()


# ---------------------------------------------------------------- numbers, dates, plurals


@pytest.mark.parametrize(
    ("code", "number", "date", "country"),
    [
        ("en", "-1,234.5", "24 November 2026", "Armenia"),
        ("fr", "-1\u202f234,5", "24 novembre 2026", "Arménie"),
        ("hy", "-1\xa0234,5", "2026 թ. նոյեմբերի 24", "Հայաստան"),
        ("ru", "-1\xa0234,5", "24 ноября 2026\u202fг.", "Армения"),
    ],
)
def test_numbers_dates_and_countries_follow_cldr(code: str, number: str, date: str, country: str) -> None:
    words = language(code)
    assert words.number(-1234.5, 1) == number
    assert words.date(dt.date(2026, 11, 24)).replace("\xa0", "\u202f").replace(" г.", "\u202fг.") == date
    assert words.text("Armenia") == country


def test_a_list_has_the_punctuation_of_the_language() -> None:
    assert language("en").join(["a", "b", "c"]) == "a; b; c"
    assert language("fr").join(["a", "b"]) == "a\xa0; b"
    assert language("hy").join(["a", "b"]) == "a. b"


@EACH
def test_no_message_puts_a_stop_after_a_date(code: str) -> None:
    for message, (said, *_) in language(code).messages.items():
        if "{date}" in said and code in {"hy", "ru"}:
            filled = said.replace("{date}", language(code).date(dt.date(2026, 11, 24)))
            assert "г.." not in filled and "թ.։" not in filled, message


@pytest.mark.parametrize(
    ("n", "said"), [(1, "1 строка: T1"), (3, "3 строки: T1"), (5, "5 строк: T1"), (21, "21 строка: T1")]
)
def test_a_count_takes_the_form_of_its_number(n: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "ru.po").write_text(HEADER + RUSSIAN, encoding="utf-8")
    words = Language("ru", catalogues.read_catalogue(tmp_path / "ru.po"))
    assert words.count("{n} row of {table}", "{n} rows of {table}", n, table="T1") == said


# ---------------------------------------------------------------- a whole edition


@EACH
@pytest.mark.parametrize("hostile", [False, True])
def test_a_translated_edition_keeps_its_figures(code: str, hostile: bool) -> None:
    edition = build_edition(hostile=hostile)
    there = translate_edition(edition, code)
    untouched = [column for column in edition.cells if column not in languages.TEXT_COLUMNS]
    pd.testing.assert_frame_equal(there.cells[untouched], edition.cells[untouched])
    assert there.language == code and len(there.cells) == len(edition.cells)
    assert there.label == language(code).text("Mauritius") != ""
    if hostile:
        texts = set(there.cells[list(languages.TEXT_COLUMNS)].stack())
        assert {
            text for text in HOSTILE if text in set(edition.cells[list(languages.TEXT_COLUMNS)].stack())
        } <= texts


def test_an_english_edition_has_words_and_keeps_the_codes() -> None:
    edition = build_edition()
    first = edition.cells.index[edition.cells["text"].notna()][0]
    cells = edition.cells.copy()
    cells.loc[first, "text"] = "fail: NO_SHORTAGE"
    told = translate_edition(dataclasses.replace(edition, cells=cells), "en")
    assert told.cells.loc[first, ["text", "code"]].tolist() == ["fail: no shortage", "fail: NO_SHORTAGE"]


def test_the_command_lists_every_language_with_its_share(capsys: Any) -> None:
    from rich.console import Console

    from flows.languages import examine_catalogues, print_catalogues

    assert [one.code for one in examine_catalogues()] == CODES
    assert print_catalogues(Console(width=100))
    assert "translated" in capsys.readouterr().out
