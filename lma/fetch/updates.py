"""The date on which a publisher says that a table was last updated: the vintage of a fetched file."""

from __future__ import annotations

import csv
import datetime as dt
import email.utils
import io
import json
from collections.abc import Mapping
from typing import Any

from lma.contracts import LastUpdate
from lma.errors import InputError, SourceMovedError
from lma.fetch.asking import Request


def date_of_header(headers: Mapping[str, str], name: str) -> dt.date | None:
    """Date in a header of HTTP form (RFC 9110), in UTC; None where there is none that can be read."""
    try:
        return email.utils.parsedate_to_datetime(headers.get(name, "")).astimezone(dt.UTC).date()
    except (TypeError, ValueError):
        return None


def date_of_document(body: bytes, wanted: LastUpdate, request: Request) -> dt.date:
    """Date in a table or a JSON document; ``InputError`` when it is not there or not in a declared form."""
    if wanted.reads == "row":
        return _read_date(_find_in_rows(body, wanted, request), wanted, request)
    return _read_date(_find_in_json(body, wanted, request), wanted, request)


def _find_in_rows(body: bytes, wanted: LastUpdate, request: Request) -> str:
    rows = list(csv.DictReader(io.StringIO(_decode(body, request)), delimiter=wanted.delimiter))
    named = {wanted.name, *wanted.where}
    lacking = named - set(rows[0] if rows else ())
    if lacking:
        raise InputError(
            f"{request.shown} of {request.source_id} has no column {', '.join(sorted(lacking))}: the publisher has changed its list of tables; "
            f"correct download.last_update in sources/{request.source_id}.yaml."
        )
    found = [
        row[wanted.name] for row in rows if all(row[name] == value for name, value in wanted.where.items())
    ]
    if not found:
        raise SourceMovedError(
            f"{request.shown} of {request.source_id} no longer lists {_show(wanted.where)}: source moved, the table was withdrawn or renamed. "
            f"Find its new name on the publisher's page, then {request.advice}."
        )
    return str(found[0])


def _find_in_json(body: bytes, wanted: LastUpdate, request: Request) -> str:
    try:
        found: Any = json.loads(body)
        for step in wanted.name.split("."):
            found = found[int(step)] if isinstance(found, list) else found[step]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise InputError(
            f"{request.shown} of {request.source_id} has no {wanted.name} (it begins with {request.quote(body, 80)!r}): "
            f"correct download.last_update in sources/{request.source_id}.yaml."
        ) from None
    return str(found)


def _read_date(text: str, wanted: LastUpdate, request: Request) -> dt.date:
    for form in wanted.date_formats:
        try:
            return dt.datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    raise InputError(
        f"{request.shown} of {request.source_id} writes the date of the last update as "
        f"{request.quote(text.encode(), 40)!r}, not as {' or '.join(wanted.date_formats)}: "
        f"add its form to download.last_update.date_formats in sources/{request.source_id}.yaml."
    )


def _decode(body: bytes, request: Request) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{request.shown} of {request.source_id} is no UTF-8 text ({error}): look at the address in a browser."
        ) from None


def _show(where: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in where.items())
