"""All messages there are: what the code writes, what the forms say, and the labels of the codelists and rules."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lma import contracts
from lma.contracts import codelist, resource_root
from lma.languages.literals import find_constants, find_said, find_sentences, find_sql_texts, find_texts
from lma.languages.phrases import JOINERS

TEXT_ROOMS = (
    "assessment", "balance", "migration", "shortages", "forecasting", "breaks.py", "coherence.py", "levels.py", "disclosure.py",
)  # fmt: skip
"""Where the texts of an edition are written."""

WORDS = (
    "agreement", "all", "break", "candidates", "carried", "coherence", "computed", "conflict", "cost", "data", "declaration", "dependency",
    "destination", "distance", "fail", "figures reported", "gap ahead clear", "growth", "high", "hindcast", "hotels", "imputed",
    "in preparation", "inflation", "language", "least", "low", "manufacturing", "mean", "medium", "memorandum", "memory", "men", "middle",
    "modelled", "modelled estimate", "most", "nearness", "no", "nominal growth", "none", "none known", "not asked for, no shortage here",
    "not to be recruited from", "origin", "own", "participation", "pass", "persistent", "persons", "present and ahead alike", "primary",
    "projection", "protocol", "published", "rate", "real growth", "remittances", "replacement", "reported", "revision", "rule sets agree",
    "rule sets enough", "score", "secondary", "shortage", "signed", "stock", "surplus", "suspected break", "technology", "text",
    "the sign is reversed", "threshold", "time", "total", "unknown", "value", "vote", "wage", "women", "women outside the labour force",
    "yes",
)  # fmt: skip
"""Single small words that stand alone in a cell: too short to tell from a code in the source."""

LABELLED = {
    "economic_activities": "label_en", "indicators": "label_en", "units": "label_en", "obs_statuses": "label_en", "sexes": "label_en",
    "balance_measures": "label_en", "evidence_figures": "label_en", "code_words": "label_en", "ages": "label_en",
}  # fmt: skip
"""Codelists whose labels a reader meets."""

NATIONAL = {"CES"}
"""Classifications of one publisher whose labels stay as it wrote them, with their code."""


_LETTERS = re.compile(r"[A-Za-z]{2}")
UNSAID = {"panel.py", "panel_rows.py"}
"""Modules of these rooms whose texts are messages of the command line, not texts of an edition."""
WHOLE = {"headline.py"}
"""Modules that compose whole sentences from messages and values."""
LEGENDS = {"grid.py", "layout.py", "traces.py"}
"""Modules of the forms whose constants are words for readers."""

COMPOSED = (
    "{name} unknown", "{n} to {n_2}", "{n} and over", "{country} to {country_2}", "{n} months", "{n} USD", "{n} km", "{n} persons", "{n} years",
    "aged {age}", "partner {country}", "{n} of {n_2}", "{label}, lower end", "{label}, upper end",
    "band = 1 + cuts reached of {reached} ({origin}), shortage when {high}",
    "{label}: seekers of activities in surplus, lower end",
    "{label}: seekers of activities in surplus, upper end",
    "Origins {verdicts}",
    "circular",
    "seasonal",
    "published as {quoted}",
    "consider",
    "try first",
    "not needed",
    "sectors",
    "sexes",
    "{n} x {what}",
    "Received from {country}",
    "Sent to {country}",
    "Emigrants in {country}",
    "Immigrants from {country}", "{n} x {indicator}", "at least {n}", "growth of {what}",
)  # fmt: skip
"""Messages that the code writes in one place around what it names in another."""


MODELS = {
    "auto_ets",
    "damped",
    "dot",
    "drift",
    "engine",
    "median4",
    "naive",
    "pooled",
    "relative",
    "smoothing",
    "theta",
}
"""Names of forecast models: the same in every language."""


@dataclass(frozen=True)
class Message:
    """One message for translators: its English text, the plural where it counts things, and where it comes from."""

    text: str
    plural: str = ""
    places: tuple[str, ...] = ()


def collect() -> tuple[Message, ...]:
    """Every message, in the order of the places they come from."""
    found: dict[str, Message] = {}
    for text, plural, place in (*_joined(), *_labels(), *_written(), *_said()):
        known = found.get(text)
        if known is None:
            found[text] = Message(text, plural, (place,))
        elif place not in known.places:
            found[text] = Message(text, known.plural or plural, (*known.places, place))
    return tuple(found.values())


Found = Iterator[tuple[str, str, str]]


def _joined() -> Found:
    for text in JOINERS:
        yield text, "", "punctuation"
    for text in COMPOSED:
        yield text, "", "composed"
    for text in WORDS:
        yield text, "", "words"


def _labels() -> Found:
    for name, column in LABELLED.items():
        for label in _list_labels(name, column):
            yield label, "", f"codelists/{name}.csv"
    for name, rules in contracts.rule_sets().items():
        for text in _texts_of_rules(rules):
            yield put_words(text), "", f"rules/{name}.yaml"
    yield from _label_countries()
    yield from _label_registers()


def _label_countries() -> Found:
    for code, country in contracts.countries().items():
        for zone in country.zones:
            for told in (zone.label, zone.claim_text or "", zone.reference or ""):
                for piece in (*_bare(told), *_bare(told.rstrip("."))):
                    yield piece, "", f"countries/{code}.yaml"
    for correction in contracts.corrections():
        if correction.action == "flag_break":
            for piece in _bare(correction.reason):
                yield piece, "", "corrections.yaml"


def _label_registers() -> Found:
    for column in ("status", "sectors", "fee_rule"):
        for told in codelist("bilateral_agreements")[column]:
            yield from (
                (piece.rstrip("."), "", "codelists/bilateral_agreements.csv") for piece in _bare(told)
            )
    for told in codelist("recruitment_costs")["statistic"]:
        yield told, "", "codelists/recruitment_costs.csv"


def _list_labels(name: str, column: str) -> list[str]:
    listed = codelist(name)
    if "classification" in listed:
        listed = listed[~listed["classification"].isin(NATIONAL)]
    return [label for label in listed[column] if not (name == "ages" and label[:1].isdigit())]


def _texts_of_rules(rules: contracts.RuleSet) -> Iterator[str]:
    yield rules.title
    for indicator in rules.indicators:
        yield _name_indicator(indicator)
        yield _name_indicator(indicator).split(",")[0]
    if rules.rule_set == "options":
        for threshold in rules.thresholds.values():
            yield from _bare(threshold.reference)


def _name_indicator(indicator: contracts.RuleIndicator) -> str:
    """The first sentence of what an indicator is: its name in tables."""
    return split_sentences(indicator.description)[0].rstrip(".")


def _written() -> Found:
    for path in _text_modules():
        place = path.relative_to(code_root().parent).as_posix()
        if path.name in WHOLE:
            yield from ((text, "", place) for text, _ in find_sentences(path))
        else:
            yield from (
                (piece, "", place) for text, _ in find_texts(path) for piece in _bare(put_words(text))
            )
    for path in sorted((resource_root() / "warehouse").rglob("*.sql")):
        for text, _ in find_sql_texts(path):
            yield from ((piece, "", f"warehouse/{path.name}") for piece in _bare(put_words(text)))


def _text_modules() -> Iterator[Path]:
    for room in TEXT_ROOMS:
        place = code_root() / room
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        yield from (path for path in paths if path.name not in UNSAID)


def _bare(text: str) -> Iterator[str]:
    """The sentences of a text, each without the punctuation by which code joins it to its neighbours."""
    for piece in split_sentences(text):
        bare = re.sub(r"^[\s;:,.]+|[\s;:,]+$", "", piece)
        if bare.startswith("(") and bare.endswith(")") and bare.count("(") == 1:
            bare = bare[1:-1]
        if _LETTERS.search(re.sub(r"\{\w+\}", "", bare)):
            yield bare


def split_sentences(text: str) -> list[str]:
    """Pieces between ``. `` and ``; `` outside brackets: a translator's unit, which comes again in many texts."""
    pieces, start, depth = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth <= 0 and letter in ".;" and text[place + 1 : place + 2] == " ":
            pieces.append(text[start : place + (letter == ".")])
            start = place + 2
    return [*pieces, text[start:]]


def _said() -> Found:
    package = code_root()
    for folder in (package, package.parent / "flows"):
        for path in sorted(folder.rglob("*.py")):
            place = path.relative_to(package.parent).as_posix()
            # A form may be handed its language; elsewhere ``say`` is a language's only where one is imported.
            if "publish" in path.parts or "from lma.languages import" in path.read_text(encoding="utf-8"):
                for text, plural, _ in find_said(path):
                    yield text, plural, place
            if "publish" in path.parts and path.name in LEGENDS:
                for text, _ in find_constants(path):
                    yield text, "", place


def code_root() -> Path:
    """The folder of the package ``lma``."""
    return Path(__file__).parent.parent


@functools.cache
def code_words() -> dict[str, str]:
    """Code as the marts hold it -> words for a reader, in English."""
    listed = codelist("code_words")
    found = dict(zip(listed["code"], listed["label_en"], strict=True))
    indicators = codelist("indicators")
    named = dict(zip(indicators["indicator"], indicators["label_en"], strict=True))
    rated = {i.id: _name_indicator(i) for rules in contracts.rule_sets().values() for i in rules.indicators}
    return {**{code: label for code, label in {**named, **rated}.items() if "_" in code}, **found}


@functools.cache
def _code_pattern() -> re.Pattern[str]:
    codes = sorted(code_words(), key=len, reverse=True)
    return re.compile(rf"\{{\w+\}}|(?<![\w.'-])({'|'.join(map(re.escape, codes))})(?![\w'])(?!\.\w)")


def put_words(text: str) -> str:
    """A text with words instead of the codes in it: ``fail: INSUFFICIENT_DATA`` is ``fail: insufficient data``."""
    return _code_pattern().sub(lambda found: code_words().get(found.group(1) or "", found.group()), text)


@functools.cache
def area_names() -> dict[str, str]:
    """English name of an area as the project writes it -> its code, ISO 3166-1 alpha-3."""
    listed = codelist("areas")
    return dict(zip(listed["label_en"], listed["area"], strict=True))


@functools.cache
def names() -> frozenset[str]:
    """Proper names that are the same in every language: tables, publishers, licences, sources, models, national labels."""
    named = ("source_id", "title", "publisher", "licence", "table_code")
    found = {str(getattr(source, key)) for source in contracts.sources().values() for key in named}
    listed = codelist("economic_activities")
    found |= set(listed[listed["classification"].isin(NATIONAL)]["label_en"])
    for register, column in (
        ("area_special", "note"),
        ("shortage_lists", "act"),
        ("recruitment_costs", "source"),
    ):
        found |= set(codelist(register)[column])
    return frozenset({*found, *MODELS, *contracts.rule_sets(), "(c x E - M) / (1 - c)"} - {""})
