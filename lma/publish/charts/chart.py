"""What a figure of an edition is: a specification, words, and the figures it draws with where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """One entry of a legend that stands beside the picture: ``kind`` is line, dashed, dotted, area or dot."""

    kind: str
    colour: str
    words: str


@dataclass(frozen=True)
class Chart:
    """One figure: Vega-Lite ``spec``, alternative text, and ``header`` with ``rows`` of what it draws.

    ``words`` explain how to read it, or why there is no picture where ``spec`` is empty. ``source``: unit,
    publishers and vintage in one line. ``addresses``: for each of ``rows`` the addresses of the cells, or ids
    of the observations, that it shows. ``section``: one of ``SECTIONS``. ``group``: small charts of one group
    are panels of one figure and share its number, heading, words and legend. ``number``: of the figure in the edition, 0 where
    nothing is drawn. Everything is in the language of the edition.
    """

    chart_id: str
    title: str
    alt: str
    spec: Spec
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: str = ""
    section: str = ""
    source: str = ""
    addresses: tuple[tuple[str, ...], ...] = ()
    legend: tuple[Mark, ...] = ()
    group: str = ""
    group_title: str = ""
    group_words: str = ""
    number: int = 0

    @property
    def is_drawn(self) -> bool:
        """False where there is only a sentence that says why there is no picture."""
        return bool(self.spec)
