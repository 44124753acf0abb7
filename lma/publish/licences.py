"""Licences of the sources as machines read them: a name, the words of the source's definition, and an address where there is one."""

from __future__ import annotations

import re
from typing import Any

from lma.publish.grid import clean_text

# Licences with a text of their own, by how the definitions begin; the words behind it stay in the title.
_ADDRESSES = {
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-SA 4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC BY 3.0 IGO": "https://creativecommons.org/licenses/by/3.0/igo/",
    "Etalab 2.0": "https://www.etalab.gouv.fr/licence-ouverte-open-licence/",
    "Open Government Licence - Canada": "https://open.canada.ca/en/open-government-licence-canada",
    "Open Government Licence - British Columbia": "https://www2.gov.bc.ca/gov/content/data/policy-standards/open-data/open-government-licence-bc",
}
_UNSTATED = "not stated by the publisher"


def describe_licence(licence: Any) -> dict[str, str]:
    """``name``, ``title`` and, where the licence has a text of its own, ``path`` (a web address)."""
    title = clean_text(licence) or _UNSTATED
    name = re.sub(r"[^A-Za-z0-9._]+", "-", title).strip("-") or "not-stated"
    path = find_address(licence)
    return {"name": name, **({"path": path} if path else {}), "title": title}


def find_address(licence: Any) -> str:
    """Web address of a licence's text; empty where it has none that is known."""
    title = clean_text(licence)
    return next(
        (
            address
            for begin, address in _ADDRESSES.items()
            if re.match(rf"{re.escape(begin)}(?![\w.-])", title)
        ),
        "",
    )
