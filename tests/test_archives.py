"""Members of zip archives and old .xls workbooks, read as any other file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from lma.errors import DefinitionError, InputError
from lma.parsers import find_parser
from lma.parsers.sheets import choose_sheet

SPECIMENS = Path(__file__).parent / "specimens"
OLD_WORKBOOK = (SPECIMENS / "cepii_countries" / "geo_cepii.xls").read_bytes()


def pack(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def test_a_member_is_read_as_the_file_itself():
    packed = pack(**{"data/a.csv": b"x,y\n1,2\n", "readme.txt": b"about\n"})
    frame = find_parser("csv")(packed, {"member": r"data/.*\.csv"})
    assert frame.to_dict("records") == [{"x": "1", "y": "2"}]


@pytest.mark.parametrize("pattern", [r".*\.csv", r".*\.tsv"], ids=["two match", "none matches"])
def test_exactly_one_member_must_match(pattern):
    packed = pack(**{"a.csv": b"x\n1\n", "b.csv": b"x\n2\n"})
    with pytest.raises(InputError, match=r"a\.csv, b\.csv"):
        find_parser("csv")(packed, {"member": pattern})


def test_a_nested_archive_stays_packed():
    packed = pack(**{"inner.zip": pack(**{"a.csv": b"x\n1\n"})})
    with pytest.raises(InputError, match="zip"):
        find_parser("csv")(packed, {"member": r"inner\.zip"})


def test_a_bomb_a_way_out_and_a_cut_archive_are_refused():
    bomb = pack(**{"a.csv": b"0" * 3_000_000})
    outside = pack(**{"../a.csv": b"x\n1\n"})
    cut = pack(**{"a.csv": b"x\n1\n"})[:-20]
    for content, words in ((bomb, "zip bomb"), (outside, "outside"), (cut, "cut off")):
        with pytest.raises(InputError, match=words):
            find_parser("csv")(content, {"member": r".*a\.csv"})


def test_a_damaged_member_is_refused():
    content = bytearray(pack(**{"a.csv": b"x,y\n" + b"1,2\n" * 400}))
    content[45:50] = b"\xff" * 5
    with pytest.raises(InputError, match=r"damaged in a\.csv"):
        find_parser("csv")(bytes(content), {"member": r"a\.csv"})


def test_a_wrong_pattern_is_the_source_author_s_mistake():
    with pytest.raises(DefinitionError, match="regular expression"):
        find_parser("csv")(pack(**{"a.csv": b"x\n1\n"}), {"member": "(a"})


def test_an_old_workbook_reads_as_a_new_one():
    frame = find_parser("xlsx_table")(OLD_WORKBOOK, {"sheet": "geo_cepii"})
    armenia = frame.iloc[0]
    assert armenia[["iso3", "cnum", "pays", "dis_int", "lat"]].tolist() == [
        "ARM", "51", "Arménie", "64.92948", "40.18333",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [OLD_WORKBOOK[:2000], OLD_WORKBOOK[:8] + b"\0" * 4000],
    ids=["cut", "damaged"],
)
def test_a_damaged_old_workbook_is_refused(content):
    with pytest.raises(InputError, match="cut off, damaged or protected"):
        find_parser("xlsx_table")(content, {})


def test_an_unknown_sheet_of_an_old_workbook_lists_the_sheets():
    with pytest.raises(InputError, match="geo_cepii"):
        find_parser("xlsx_table")(OLD_WORKBOOK, {"sheet": "Data"})


def test_blanks_around_a_sheet_name_do_not_count():
    shown = {"Notes": True, "FINAL BRM 2021 ": True, "old": False}
    assert choose_sheet(shown, "FINAL BRM 2021") == "FINAL BRM 2021 "
    assert choose_sheet(shown, 2) == "FINAL BRM 2021 "
    with pytest.raises(InputError, match="hidden"):
        choose_sheet(shown, 3)
