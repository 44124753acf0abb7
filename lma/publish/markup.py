"""HTML from text that nobody has to trust: elements, tables, drawings and whole pages that allow themselves nothing.

``Html`` marks text that is safe to place in a page; every other text must pass ``escape_text`` or ``element``,
and mypy holds this.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NewType
from urllib.parse import quote

from lma.languages import ENGLISH
from lma.languages import language as find_language
from lma.publish.charts import Chart, draw_svg
from lma.publish.grid import clean_text

Html = NewType("Html", str)

_FOLDER = Path(__file__).parent
# Stand for markup inside a translated message until its text is escaped.
_HOLES = range(0xF0000, 0xF0010)
_HOLE = re.compile(f"[{chr(_HOLES[0])}-{chr(_HOLES[-1])}]")


def escape_text(text: object) -> Html:
    """Any text -> HTML that shows it."""
    return Html(html.escape(clean_text(text), quote=True))


def keep_spaces(text: str) -> Html:
    """Escaped text whose outer spaces stay, for parts of one sentence."""
    return Html(html.escape(text, quote=True))


def element(tag: str, *children: Html, **attributes: str) -> Html:
    """One element; ``_`` in attribute names stands for ``-``, a last one is dropped; values are escaped."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value, quote=True)}"'
        for name, value in attributes.items()
    )
    return Html(f"<{tag}{written}>{''.join(children)}</{tag}>")


def join(*parts: Html) -> Html:
    """Parts one after the other, each on its line."""
    return Html("\n".join(part for part in parts if part))


def fill_holes(message: str, parts: Sequence[Html]) -> Html:
    """Escaped message with markup where ``hole(0)``, ``hole(1)``, ... stand in it."""
    holes = {hole(place): part for place, part in enumerate(parts)}
    # In one pass: a part may hold the letter of a hole, in an attribute even, and markup must not get in there.
    return Html(_HOLE.sub(lambda found: holes.get(found.group(), ""), html.escape(message, quote=True)))


def hole(place: int) -> str:
    """What to put for a placeholder of a message that markup will stand for."""
    return chr(_HOLES[place])


def embed_json(data: object) -> Html:
    """JSON that cannot end its script element: ``<``, ``>`` and ``&`` are written as escapes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(text)


def fragment(target: str) -> str:
    """Link to an id of this page."""
    return f"#{quote(target, safe='._-~')}"


def bullet_list(items: Iterable[Html], **attributes: str) -> Html:
    """A list; nothing where there is no item."""
    found = [element("li", item) for item in items]
    return element("ul", *found, **attributes) if found else Html("")


def list_links(links: Iterable[tuple[str, str]], **attributes: str) -> Html:
    """A list of links to places of this page."""
    return bullet_list(
        (element("a", escape_text(words), href=fragment(target)) for target, words in links), **attributes
    )


def link_outside(url: str) -> Html:
    """Link to a publisher; anything that is not http(s) stays text."""
    if not url.lower().startswith(("https://", "http://")):
        return escape_text(url)
    return element("a", escape_text(url), href=url, rel="noopener noreferrer")


def read_asset(name: str) -> str:
    """Text of a file of this folder."""
    return (_FOLDER / name).read_text(encoding="utf-8")


# ---------------------------------------------------------------- pages


def compose_page(
    title: str, content: Html, script: str = "", language: str = ENGLISH, style: str | None = None
) -> str:
    """A whole page that allows itself nothing but its own style and, where there is one, its own script.

    ``style``: another style sheet than page.css.
    """
    head = _head(title, script, read_asset("page.css") if style is None else style)
    direction = find_language(language).direction
    opening = f'<html lang="{html.escape(language)}" dir="{direction}">'
    return f"<!DOCTYPE html>\n{opening}\n{head}\n{element('body', content)}\n</html>\n"


def _head(title: str, script: str, style: str) -> Html:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own_script = f"script-src 'sha256-{digest}'; " if script else ""
    policy = (
        f"default-src 'none'; {own_script}style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'),
        element("title", escape_text(title)),
        Html(f"<style>{style}</style>"),
    )


def section(section_id: str, title: str, *content: Html) -> Html:
    """Section with its heading."""
    heading = element("h2", escape_text(title), id=f"{section_id}-title")
    return element("section", heading, join(*content), id=section_id, aria_labelledby=f"{section_id}-title")


def boxed_list(box_id: str, title: str, items: Iterable[str]) -> Html:
    """A box of sentences beside the main text."""
    heading = element("h2", escape_text(title), id=box_id)
    content = bullet_list(escape_text(text) for text in items)
    return element("aside", heading, content, class_="box", aria_labelledby=box_id)


# ---------------------------------------------------------------- tables and drawings


def plain_table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[Html]], class_: str = "", **attributes: str
) -> Html:
    """Table that scrolls sideways by itself; the first cell of a row heads it."""
    head = element("tr", *[element("th", escape_text(name), scope="col") for name in header])
    body = [
        element("tr", element("th", row[0], scope="row"), *[element("td", cell) for cell in row[1:]])
        for row in rows
    ]
    named = {"class_": class_, **attributes} if class_ else attributes
    table = element(
        "table",
        element("caption", escape_text(caption)),
        element("thead", head),
        element("tbody", *body),
        **named,
    )
    return make_scrolling(table, aria_label=caption)


def make_scrolling(content: Html, extra_class: str = "", **label: str) -> Html:
    """Region that scrolls sideways by itself, reachable with the keyboard."""
    return element(
        "div", content, class_=f"scroll {extra_class}".strip(), role="region", tabindex="0", **label
    )


def fold(summary: Html, *content: Html, **attributes: str) -> Html:
    """Content behind its summary; on paper it is open."""
    return element("details", element("summary", summary), *content, **attributes)


def inline_svg(chart: Chart) -> Html:
    """Drawing for use inside HTML: no namespaces and fixed size, but a role and the alternative text."""
    tag, rest = draw_svg(chart).split(">", 1)
    found = re.search(r'viewBox="([^"]+)"', tag)
    view = found.group(1) if found else "0 0 300 200"
    width = f"{float(view.split()[2]):g}"
    label = html.escape(clean_text(chart.alt), quote=True)
    opening = f'<svg viewBox="{view}" role="img" aria-label="{label}" data-width="{width}">'
    return Html(f"{opening}{_simplify_tags(rest)}")


def _simplify_tags(svg: str) -> str:
    """Coordinates to a hundredth, as no eye sees more, and no names of parts: the whole is one picture with one text.

    Only inside tags, never in the text between them.
    """

    def simplify(tag: re.Match[str]) -> str:
        named = re.sub(r' (?:role|class|aria-[a-z]+)="[^"]*"', "", tag.group())
        return re.sub(r"(\d+\.\d\d)\d+", r"\1", named)

    return re.sub(r"<[^>]+>", simplify, svg)
