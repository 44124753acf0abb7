"""Texts of an edition taken apart into the messages they were made of: the inverse of filling placeholders.

A text of an edition came out of an f-string and holds figures and names. It is understood when it is a message
itself, or a message with placeholders whose every part is understood, or several of them joined by punctuation.
What is understood can be said in another language; what is not is left in English and counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

JOINERS = ("{a}: {b}", "{a}, {b}", "{a}; {b}", "{a} and {b}", "{a} ({b})", "{a}. {b}", "{a}.")
"""Messages made of punctuation alone: how a language joins two parts."""

OPERATORS = (" = ", " + ", " - ", " x ", " / ")
"""Signs of a formula: the same in every language."""

PLACEHOLDER = re.compile(r"\{(\w*)\}")
AREAS = {"country", "partner", "area"}
"""Placeholders in which only the name of a country can stand; so with ``origin`` where ``destination`` stands beside it."""
NUMBERS = {"n", "year", "years"}
"""Placeholders in which only a number or a period can stand; so with every name that begins with ``n_``."""
QUOTED = {"quoted", "note"}
"""Placeholders in which a publisher's own words stand: never translated."""
MOST_KNOWN = 300_000
"""Texts whose reading is remembered: bounded, because a run may make fifty editions."""
MOST_PARTS = 200
"""A text of more parts is left whole: each part is read inside the one before it, and Python's stack ends."""
FEWEST_LETTERS, LONGEST_WEAK = 6, 120
"""A message with fewer letters of its own is nearly everywhere: it is tried last, and in texts up to this length."""

_NUMBER = r"[-+\u2212]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[-+\u2212]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
NUMBER = re.compile(rf"(?:{_NUMBER})")
SHARE = re.compile(rf"({_NUMBER})( ?)%")
_KEPT = re.compile(
    r"""\d{4}(?:-(?:\d{2}(?:-\d{2})?|Q[1-4]|S[12]|W\d\d))?(?:-\d{4}(?:-(?:\d{2}|Q[1-4]))?)?  # a period, or from one to another
    |T\d+(?:\.[^\s,;()]+)?                                                                  # a table or a cell
    |[A-Za-z0-9]+(?:[_./|-][A-Za-z0-9.]+)*[_/][\w./-]*                                      # a source, a file, a code of a publisher
    |\d+(?:\.\d+)?-\d+(?:\.\d+)?|\d+\+                                                       # a range of ages
    |_[TZ]|[A-Z]{1,10}|[A-Z][0-9]+                                                                   # a country code, a test
    |https?://\S+|`[^`]*`""",
    re.VERBOSE,
)
_WORD = re.compile(r"[\w\0]+")
_CUT = re.compile(r"(?<=\d)[,.]?\d")
"""The rest of a number: one that ended here would be cut in two."""
_PARTING = re.compile(r"[.;:,] | and | [-=+x/] |(?<=\d) (?=\d)")
_LEAD = re.compile(r"[;,.:]?\s?")
_CORRIDOR = frozenset({"origin", "destination"})
_POINT = re.compile(r"\(\d+\) |D\d ")
_TRAILING = re.compile(rf"(.*[^\s,.]) ((?:\d{{4}}-\d\d-\d\d|\d+-\d+|\d+\+|{_NUMBER})(?: (?:%|km|USD))?)")
_LEADING = re.compile(rf"((?:{_NUMBER})(?: %)?) ([^\d\s].*)")
_SOURCES = re.compile(r"[a-z][a-z0-9_]+(?: \+ [a-z][a-z0-9_]+)+")
JUDGEMENTS = (
    "yes",
    "no",
    "not rated",
    "severe shortage",
    "shortage",
    "watch",
    "balance",
    "surplus",
    "no signal",
    "unknown",
)
NEUTRAL = {"{a} {n}", "{n} {a}", *(f"{{a}}{by}{{b}}" for by in OPERATORS)}


@dataclass(frozen=True)
class Phrase:
    """A text understood: a message with its parts, or, without a message, a figure, period, name or reference.

    ``before``: punctuation that the code wrote with the text, not with its neighbour. ``is_turned``: the message begins
    with a capital and the text without, or the other way round.
    """

    message: str | None
    text: str = ""
    parts: tuple[tuple[str, Phrase], ...] = ()
    before: str = ""
    is_turned: bool = False


@dataclass(frozen=True)
class _Pattern:
    message: str
    literals: tuple[str, ...]
    names: tuple[str, ...]
    letters: int
    typed: int
    """Placeholders in which only a number or a country can stand: of two messages of one shape the stricter is tried first."""
    word: str
    """Longest whole word of its own: a text without it cannot be this message."""


class Phrases:
    """Takes texts apart. ``messages``: all there are; ``names``: what is said as it is in every language."""

    def __init__(self, messages: Iterable[str], areas: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self._messages = frozenset(messages)
        self._areas, self._names = frozenset(areas), frozenset(names)
        patterns = [_read_pattern(m) for m in self._messages if PLACEHOLDER.search(m) and m not in JOINERS]
        # The longest literal text first: the most special reading of a text wins. Ties: by the alphabet.
        self._patterns: dict[str, list[tuple[int, _Pattern]]] = {}
        for rank, pattern in enumerate(
            sorted(patterns, key=lambda p: (-sum(map(len, p.literals)), -p.typed, p.message))
        ):
            self._patterns.setdefault(pattern.word, []).append((rank, pattern))
        self._known: dict[str, Phrase | None] = {}

    def read(self, text: str) -> Phrase | None:
        """The text taken apart; None when some part of it is no message, figure or name."""
        if text not in self._known:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
            self._known[text] = None  # a text inside its own reading is no reading
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: str) -> Phrase | None:
        if not text or text != text.strip() or text[0] in ",;:.)" or not _is_balanced(text):
            return None
        if len(_PARTING.findall(text)) > MOST_PARTS:
            return None
        if text in self._messages:
            return Phrase(text)
        if text in self._areas or text in self._names or is_figure(text):
            return Phrase(None, text)
        return (
            self._split(text, "{a}. {b}", ". ", keep=1)
            or self._split(text, "{a}; {b}", "; ")
            or self._stopped(text)
            or self._match(text, is_weak=False)
            or self._split(text, "{a}: {b}", ": ")
            or self._split(text, "{a}, {b}", ", ")
            or self._split(text, "{a} and {b}", " and ")
            or self._bracket(text)
            or self._numbered(text)
            or self._with_number(text)
            or self._with_word(text)
            or self._calculated(text)
            or self._match(text, is_weak=True)
            or self._turned(text)
        )

    def _stopped(self, text: str) -> Phrase | None:
        """A full stop after words that come without one elsewhere."""
        told = self.read(text[:-1]) if text.endswith(".") else None
        return Phrase("{a}.", text, (("a", told),)) if told else None

    def _calculated(self, text: str) -> Phrase | None:
        found = (self._split(text, f"{{a}}{by}{{b}}", by) for by in OPERATORS)
        return next((phrase for phrase in found if phrase is not None), None)

    def _turned(self, text: str) -> Phrase | None:
        """A text that begins with a capital where its message does not, or the other way round."""
        turned = text[0].swapcase() + text[1:]
        found = self.read(turned) if turned != text and len(text) > 2 else None
        return replace(found, is_turned=True) if found and found.message and not found.is_turned else None

    def _numbered(self, text: str) -> Phrase | None:
        """``(1) a text`` and ``D0 a text``: a point of a list, a test with its name."""
        found = _POINT.match(text)
        rest = self.read(text[found.end() :]) if found else None
        return replace(rest, before=found.group()) if found and rest and not rest.before else None

    def _with_number(self, text: str) -> Phrase | None:
        """``a name 30.3 %`` or ``79 % projection``: what is counted, and its figure."""
        first = _LEADING.fullmatch(text)
        counted = self.read(first.group(2)) if first else None
        if first and counted and not counted.is_turned:
            return Phrase("{n} {a}", text, (("n", Phrase(None, first.group(1))), ("a", counted)))
        found = _TRAILING.fullmatch(text)
        named = self.read(found.group(1)) if found else None
        figure = self.read(found.group(2)) if found else None
        return Phrase("{a} {n}", text, (("a", named), ("n", figure))) if named and figure else None

    def _split(self, text: str, joiner: str, by: str, keep: int = 0) -> Phrase | None:
        """The longest first part that is understood, joined to the rest."""
        places = [found.start() for found in re.finditer(re.escape(by), text)]
        for place in reversed(places):
            head, tail = text[: place + keep], text[place + len(by) :]
            first = self.read(head)
            if first is not None and (rest := self.read(tail)) is not None:
                return Phrase(joiner, text, (("a", first), ("b", rest)))
        return None

    def _bracket(self, text: str) -> Phrase | None:
        if not text.endswith(")"):
            return None
        for place in [found.start() for found in re.finditer(r" \(", text)]:
            first, rest = self.read(text[:place]), self.read(text[place + 2 : -1])
            if first is not None and rest is not None:
                return Phrase("{a} ({b})", text, (("a", first), ("b", rest)))
        return None

    def _with_word(self, text: str) -> Phrase | None:
        """``a name shortage``: what is judged, and the judgement."""
        name, _, judged = next(
            (text.rpartition(f" {word}") for word in JUDGEMENTS if text.endswith(f" {word}")), ("", "", "")
        )
        first, rest = self.read(name) if name else None, text[len(name) + 1 :]
        del judged
        return (
            Phrase("{a}: {b}", text, (("a", first), ("b", Phrase(rest))))
            if first and rest in self._messages
            else None
        )

    def _match(self, text: str, is_weak: bool) -> Phrase | None:
        words = {"", *_WORD.findall(text)}
        for _, pattern in sorted(
            (pair for word in words for pair in self._patterns.get(word, ())), key=lambda pair: pair[0]
        ):
            if (pattern.letters < FEWEST_LETTERS) != is_weak or (is_weak and len(text) > LONGEST_WEAK):
                continue
            if all(literal in text for literal in pattern.literals):
                parts = self._fill(text, pattern)
                if parts is not None:
                    return Phrase(pattern.message, text, parts)
        return None

    def _fill(self, text: str, pattern: _Pattern) -> tuple[tuple[str, Phrase], ...] | None:
        """What stands in each placeholder, every part understood; None when there is no such reading."""
        first, *others = pattern.literals
        if not text.startswith(first) or not text.endswith(others[-1]):
            return None
        return self._fill_from(
            text,
            len(first),
            pattern.names,
            tuple(others),
            _CORRIDOR & set(pattern.names) if set(pattern.names) >= _CORRIDOR else frozenset(),
        )

    def _fill_from(
        self, text: str, start: int, names: tuple[str, ...], literals: tuple[str, ...], pair: frozenset[str]
    ) -> tuple[tuple[str, Phrase], ...] | None:
        for end in _ends(text, start, literals[0], is_last=len(literals) == 1):
            cut = _is_number(names[0]) and _CUT.match(text, end) is not None
            part = None if cut else self._read_part(names[0], text[start:end], pair)
            if part is None:
                continue
            if len(literals) == 1:
                return ((names[0], part),)
            rest = self._fill_from(text, end + len(literals[0]), names[1:], literals[1:], pair)
            if rest is not None:
                return ((names[0], part), *rest)
        return None

    def _read_part(self, name: str, text: str, pair: frozenset[str]) -> Phrase | None:
        bare = re.sub(r"_\d$", "", name)
        if _is_number(name):
            return Phrase(None, text) if is_figure(text) else None
        if bare in AREAS or bare in pair:
            return Phrase(None, text) if text in self._areas or re.fullmatch(r"[A-Z]{3}", text) else None
        if bare in QUOTED:
            return Phrase(None, text)
        lead = _LEAD.match(text)
        before = lead.group() if lead else ""
        if before == text:
            return Phrase(None, "", before=before)
        found = self.read(text[len(before) :])
        return replace(found, before=before) if found and before else found


def is_figure(text: str) -> bool:
    """True for a number, a share, a period, a date, an address, or a code that is the same in every language."""
    return bool(
        NUMBER.fullmatch(text) or SHARE.fullmatch(text) or _KEPT.fullmatch(text) or _SOURCES.fullmatch(text)
    )


def _ends(text: str, start: int, literal: str, is_last: bool) -> Iterator[int]:
    """Where a placeholder that begins at ``start`` may end, the nearest first."""
    if is_last:
        if len(text) - len(literal) >= start:
            yield len(text) - len(literal)
        return
    place = text.find(literal, start)
    while place >= 0:
        yield place
        place = text.find(literal, place + 1)


def _read_pattern(message: str) -> _Pattern:
    pieces = PLACEHOLDER.split(message)
    literals, names = tuple(pieces[::2]), tuple(pieces[1::2])
    letters = sum(map(str.isalpha, "".join(literals)))
    whole = [word for word in _WORD.findall(PLACEHOLDER.sub("\0", message)) if "\0" not in word]
    typed = sum(_is_number(name) or name in AREAS for name in names)
    return _Pattern(message, literals, names, letters, typed, max(whole, key=len, default=""))


def _is_number(name: str) -> bool:
    bare = re.sub(r"_\d$", "", name)
    return bare in NUMBERS or bare.startswith("n_")


def _is_balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if depth < 0:
            return False
    return depth == 0


def render(phrase: Phrase, say: Callable[[str], str], write: Callable[[str], str]) -> str:
    """The text of a phrase in a language: ``say`` translates a message, ``write`` a figure, period or name."""
    if phrase.message is None:
        return phrase.before + write(phrase.text)
    parts = {name: render(part, say, write) for name, part in phrase.parts}
    said = phrase.message if phrase.message in NEUTRAL else say(phrase.message)
    said = PLACEHOLDER.sub(lambda found: parts[found.group(1)], said) if parts else said
    return phrase.before + (_turn(said) if phrase.is_turned else said)


def _turn(text: str) -> str:
    return (text[0].lower() if text[0].isupper() else text[0].upper()) + text[1:] if text else text


def list_messages(phrase: Phrase) -> Iterator[str]:
    """Every message that a phrase was made of."""
    if phrase.message is not None and phrase.message not in NEUTRAL:
        yield phrase.message
    for _, part in phrase.parts:
        yield from list_messages(part)
