"""What several forms of one edition share, made once: figures, tables, the report, the workbook."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from lma.contracts import Edition

Made = TypeVar("Made")


def make_once(make: Callable[[Edition], Made]) -> Callable[[Edition], Made]:
    """``make`` that remembers what it made of the last edition: its forms come one after another in one language.

    The very same object is meant, not an equal one; what is shared must not be changed.
    """
    last: dict[str, tuple[Edition, Made]] = {}

    @functools.wraps(make)
    def give(edition: Edition) -> Made:
        found = last.get("made")
        if found is None or found[0] is not edition:
            found = last["made"] = (edition, make(edition))
        return found[1]

    return give
