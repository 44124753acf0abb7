"""methods.html and methods/*.html: the project's documents, from Markdown; nothing in them runs or loads."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lma.contracts import resource_root
from lma.languages import ENGLISH
from lma.publish.markup import Html, element
from lma.publish.site.frame import Place, anchor, compose, paragraph


@dataclass(frozen=True)
class Document:
    """One document: name of its page without folder, title, body as HTML, headings as (id, words)."""

    name: str
    title: str
    body: Html
    headings: tuple[tuple[str, str], ...]


def docs_dir() -> Path:
    """Folder of the documents."""
    return resource_root() / "docs"


@functools.cache
def read_documents() -> tuple[Document, ...]:
    """Every document, by title."""
    paths = sorted(docs_dir().glob("*.md"))
    names = frozenset(path.stem for path in paths)
    found = [render_document(path.stem, path.read_text(encoding="utf-8"), names) for path in paths]
    return tuple(sorted(found, key=lambda document: document.title))


def render_document(name: str, text: str, names: frozenset[str]) -> Document:
    """One document from its Markdown: HTML in it is shown as text, pictures are left out.

    Links lead to other documents, to headings and to the web; any other link becomes plain text.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    headings = _number_headings(tokens)
    for token in tokens:
        for child in token.children or []:
            _mend_link(child, names)
    title = headings[0][1] if headings and tokens[0].tag == "h1" else name
    body = tokens[3:] if headings and tokens[0].tag == "h1" else tokens
    html = parser.renderer.render(body, parser.options, {})
    html = re.sub(r"<a>(.*?)</a>", r"\1", html, flags=re.DOTALL)
    html = html.replace(
        "<table>", '<div class="scroll" tabindex="0" role="group" aria-label="table"><table>'
    ).replace("</table>", "</table></div>")
    html = html.replace("<pre>", '<pre tabindex="0">')
    return Document(name, title, Html(html), tuple(headings))


def _number_headings(tokens: Sequence[Any]) -> list[tuple[str, str]]:
    """Give every heading the id that code forges give it, so that links within and between documents hold; their list."""
    found: list[tuple[str, str]] = []
    used: Counter[str] = Counter()
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            words = "".join(child.content for child in tokens[place + 1].children or [])
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") or "heading"
            name = f"{slug}-{used[slug]}" if used[slug] else slug
            used[slug] += 1
            token.attrSet("id", name)
            found.append((name, words))
    return found


def _mend_link(token: Any, names: frozenset[str]) -> None:
    if token.type != "link_open":
        return
    href = str(token.attrGet("href") or "")
    match = re.fullmatch(r"(?:\./)?([\w-]+)\.md(#[\w-]*)?", href)
    if match and match[1] in names:
        token.attrSet("href", f"{match[1]}.html{match[2] or ''}")
    elif href.startswith(("https://", "http://")):
        token.attrSet("rel", "noopener noreferrer")
    elif not href.startswith("#"):
        token.attrs.pop("href", None)


def render(document: Document) -> bytes:
    """The page of one document, in English, in which the documents are written."""
    place = Place(f"methods/{document.name}", ENGLISH, (ENGLISH,))
    return compose(place, document.title, element("div", document.body, class_="document"))


def render_list(place: Place) -> bytes:
    """All documents."""
    words = place.words
    links = [
        element(
            "li", anchor(one.title, place.link(f"methods/{one.name}.html"), hreflang=ENGLISH, lang=ENGLISH)
        )
        for one in read_documents()
    ]
    lead = words.say(
        "How the figures are made, what they rest on, and how well past forecasts did. The documents are in English."
    )
    return compose(
        place, words.say("Methods"), paragraph(lead, class_="lead"), element("ul", *links, class_="documents")
    )
