"""Every format reads its specimen exactly, and refuses what is not the publisher's table."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pandas as pd
import pytest

from lma.errors import DefinitionError, InputError
from lma.parsers import PARSERS, find_parser
from lma.parsers.xlsx_table import cell_text

SPECIMENS = Path(__file__).parent / "specimens"


def parse(file_format: str, name: str, **options: object) -> pd.DataFrame:
    return find_parser(file_format)((SPECIMENS / name).read_bytes(), options)


def test_csv_is_all_text_in_file_order() -> None:
    frame = parse("csv", "employment.csv")
    assert list(frame.columns) == ["ref_area", "sex", "time", "obs_value", "note"]
    assert frame.loc[3].tolist() == ["MUS", "SEX_T", "2020", "530.25", ""]
    assert {type(cell) for cell in frame.to_numpy().ravel()} == {str}


def test_csv_reads_gzip_byte_order_mark_and_cut_footers() -> None:
    content = gzip.compress(b"\xef\xbb\xbfa,b\n1,2\n\n3,4\nSource: a footnote\n")
    frame = PARSERS["csv"](content, {"skip_footer": 1})
    assert frame.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}


def test_csv_keeps_letters_of_golden_names() -> None:
    frame = parse("csv", "golden_names.csv", encoding="cp1252", delimiter=";")
    assert frame["country"].tolist() == ["Côte d'Ivoire", "São Tomé", "Türkiye"]


def test_repeated_and_empty_headers_get_their_own_names() -> None:
    frame = PARSERS["csv"](b",x, x \n1,2,3\n", {})
    assert list(frame.columns) == ["column_1", "x", "x~2"]


def test_worldbank_csv_drops_the_trailing_column() -> None:
    frame = parse("worldbank_csv", "worldbank_api.csv")
    assert list(frame.columns)[-2:] == ["2019", "2020"]
    assert frame["2020"].tolist() == ["12641698583.3", ""]


def test_xlsx_joins_header_rows_and_stops_at_blank() -> None:
    frame = parse("xlsx_table", "two_header_rows.xlsx", sheet="Data", header_rows=[3, 4], stop_at_blank=True)
    assert list(frame.columns) == [
        "Reference area",
        "Employment (thousands)|Total",
        "Employment (thousands)|Manufacturing",
        "column_4",
    ]
    assert frame["Reference area"].tolist() == ["Armenia", "Côte d'Ivoire", "Türkiye"]
    assert frame.iloc[0, 1:3].tolist() == ["134.364", "7"]


def test_xlsx_drops_wholly_blank_rows_and_cuts_columns() -> None:
    frame = parse("xlsx_table", "two_header_rows.xlsx", header_rows=[3, 4], last_column="B")
    assert frame.shape == (4, 2)
    assert parse("xlsx_table", "two_header_rows.xlsx", header_rows=[3, 4], last_row=6).shape == (2, 4)


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, ""), (True, "TRUE"), (2012.0, "2012"), (0.1, "0.1"), (pd.Timestamp("2018-01-31"), "2018-01-31")],
)
def test_xlsx_cells_as_text(cell: object, text: str) -> None:
    assert cell_text(cell) == text


def test_parquet_writes_shortest_decimals() -> None:
    buffer = io.BytesIO()
    pd.DataFrame(
        {"code": ["A", None], "year": [1960.0, 1961.0], "value": [3066.076, float("nan")]}
    ).to_parquet(buffer)
    frame = PARSERS["parquet"](buffer.getvalue(), {})
    assert frame.to_dict("list") == {"code": ["A", ""], "year": ["1960", "1961"], "value": ["3066.076", ""]}


def test_parquet_tells_a_null_from_a_stored_nan() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"value": pa.array([None, float("nan")], pa.float64())}), buffer)
    assert PARSERS["parquet"](buffer.getvalue(), {})["value"].tolist() == ["", "nan"]


def test_eurostat_tsv_splits_the_packed_column_and_the_flags() -> None:
    content = gzip.compress(
        b"unit,nace_r2,geo\\time\t2016 \t2015 \nTHS_PER,A,AT\t: c\t83.5 p\nTHS_PER,B,AT\t12.25 \t:\n"
    )
    frame = PARSERS["eurostat_tsv"](content, {})
    assert frame.to_dict("records") == [
        {
            "unit": "THS_PER",
            "nace_r2": "A",
            "geo": "AT",
            "2016": ":",
            "flags_2016": "c",
            "2015": "83.5",
            "flags_2015": "p",
        },
        {
            "unit": "THS_PER",
            "nace_r2": "B",
            "geo": "AT",
            "2016": "12.25",
            "flags_2016": "",
            "2015": ":",
            "flags_2015": "",
        },
    ]


@pytest.mark.parametrize(
    ("file_format", "name", "message"),
    [
        ("parquet", "broken/html_page.csv", "web page or a server's message"),
        ("xlsx_table", "broken/empty.csv", "the file is empty"),
        ("worldbank_csv", "employment.csv", "this is not the World Bank's API csv"),
        ("parquet", "employment.csv", "does not begin and end with PAR1"),
    ],
)
def test_a_file_of_another_format_is_refused(file_format: str, name: str, message: str) -> None:
    """Broken files are in tests/test_broken_files.py."""
    with pytest.raises(InputError, match=message):
        parse(file_format, name)


def test_every_cut_of_a_workbook_and_of_a_gzip_file_is_refused() -> None:
    workbook = (SPECIMENS / "two_header_rows.xlsx").read_bytes()
    archive = gzip.compress((SPECIMENS / "employment.csv").read_bytes() * 50)
    for tenth in range(1, 10):
        for file_format, content in (("xlsx_table", workbook), ("csv", archive)):
            with pytest.raises(InputError):
                PARSERS[file_format](content[: len(content) * tenth // 10], {})


def test_gzip_bomb_is_refused_before_it_fills_memory() -> None:
    with pytest.raises(InputError, match="zip bomb"):
        PARSERS["csv"](gzip.compress(b"0" * 30_000_000), {})


def test_damaged_line_and_unclosed_quote_name_their_line() -> None:
    with pytest.raises(InputError, match="line 2 has 1 fields where the header has 2"):
        PARSERS["csv"](b"a,b\n1\n2,3\n", {})
    with pytest.raises(InputError, match="line 3 cannot be split"):
        PARSERS["csv"](b'a,b\n1,2\n3,"cut', {})


def test_utf8_under_a_one_byte_encoding_is_refused() -> None:
    with pytest.raises(InputError, match="the file is UTF-8 but its source declares cp1252"):
        PARSERS["csv"]("a\nTürkiye\n".encode(), {"encoding": "cp1252"})


def test_unknown_option_sheet_and_format() -> None:
    with pytest.raises(DefinitionError, match="no option delimeter"):
        parse("csv", "employment.csv", delimeter=";")
    with pytest.raises(InputError, match="no sheet 'Figures'. Sheets: Data"):
        parse("xlsx_table", "two_header_rows.xlsx", sheet="Figures")
    with pytest.raises(InputError, match="its header is expected in row 40"):
        parse("xlsx_table", "two_header_rows.xlsx", header_rows=[40])
    with pytest.raises(DefinitionError, match="no format 'pdf'. Formats: csv"):
        find_parser("pdf")


# ---------------------------------------------------------------- the World Bank's JSON


PAGE = '[{"page":1,"pages":1,"total":1},[{"country":{"id":"MU"},"countryiso3code":"MUS","date":"2024","value":4.10}]]'


def test_worldbank_json_keeps_figures_as_they_are_written() -> None:
    frame = find_parser("worldbank_json")(PAGE.replace("4.10", "350000000000.10").encode(), {})
    assert frame.to_dict("records") == [
        {"countryiso3code": "MUS", "date": "2024", "value": "350000000000.10", "country.id": "MU"}
    ]
    assert find_parser("worldbank_json")(PAGE.replace("4.10", "null").encode(), {})["value"].tolist() == [""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no page of figures"),
        (PAGE.replace('"total":1', '"total":2'), "announces 2 rows, the file has 1"),
        (PAGE[:-9], "line 1 is no page"),
        (f"{PAGE}\n<html>", "line 2 is no page"),
        ("[" * 100_000, "line 1 is no page"),
        ('{"message": "x"}', "line 1 is no page"),
        (PAGE.replace('"date"', '"year"'), "the rows have no date"),
    ],
)
def test_worldbank_json_that_is_no_page_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_parser("worldbank_json")(text.encode(), {})
