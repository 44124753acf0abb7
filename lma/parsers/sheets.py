"""Which sheet of a workbook is meant, and the rows of a sheet of an old .xls (BIFF)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from lma.errors import InputError

OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
"""First bytes of an .xls, and of a workbook with a password."""


def choose_sheet(visible: Mapping[str, bool], sheet: str | int) -> str:
    """Name of the sheet that is asked for; a hidden one must be asked for by its name.

    ``visible``: every sheet in order, and whether it is shown. Blanks around a publisher's sheet name
    do not count. Raises ``InputError`` where there is no such sheet.
    """
    names = list(visible)
    found = [name for name in names if name.strip() == str(sheet).strip()]
    if len(found) == 1:
        return found[0]
    if isinstance(sheet, int) and 1 <= sheet <= len(names):
        name = names[sheet - 1]
        if visible[name]:
            return name
        raise InputError(
            f"sheet {sheet} of the workbook, {name!r}, is hidden: give its name, or that of the sheet "
            f"that is meant, as `sheet` in the source's options. Sheets: {', '.join(names)}."
        )
    raise InputError(
        f"the workbook has no sheet {sheet!r}. Sheets: {', '.join(names)}. Correct `sheet` in the "
        "source's options."
    )


def load_old_rows(content: bytes, sheet: str | int) -> list[tuple[Any, ...]]:
    """Rows of one sheet of an old .xls, row 1 first; a blank cell, or an error such as ``#N/A``, is None."""
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        visible = {page.name: page.visible == SheetVisibleEnum.Visible for page in workbook.sheets_metadata}
        rows = workbook.get_sheet_by_name(choose_sheet(visible, sheet)).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise InputError(
            f"the old .xls workbook cannot be read ({error}): it is cut off, damaged or protected by a "
            "password; download it again, or save it without a password."
        ) from error
    return [tuple(None if cell == "" else cell for cell in row) for row in rows]
