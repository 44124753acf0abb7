"""Cut the small tables of warehouse/sample out of a folder of the publishers' full files.

    python benchmarks/make_sample.py FOLDER [OUT]

Every sample keeps the publisher's file name and layout (title rows, merged cells, byte-order mark, line
ends, quoting), so that one source YAML reads the sample and the full file. Only rows are left out, and
sheets that no source reads. Files are found anywhere below FOLDER. Same files in, same bytes out.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Keep = Callable[[list[str]], bool]

NAMES = {
    "MUS": ("Mauritius", "480"),
    "ARM": ("Armenia", "51"),
    "IND": ("India", "356"),
    "BGD": ("Bangladesh", "50"),
    "NPL": ("Nepal", "524"),
    "MDG": ("Madagascar", "450"),
    "CHN": ("China", "156"),
    "LKA": ("Sri Lanka", "144"),
    "PHL": ("Philippines", "608"),
    "RUS": ("Russian Federation", "643"),
    "GEO": ("Georgia", "268"),
    "ARE": ("United Arab Emirates", "784"),
    "QAT": ("Qatar", "634"),
    "DEU": ("Germany", "276"),
    "FRA": ("France", "250"),
    "POL": ("Poland", "616"),
}
CODES = set(NAMES)
LABELS = {label for label, _ in NAMES.values()}
M49 = {number for _, number in NAMES.values()}
# senders of most of the money that the sample countries receive, so that shares of senders mean something
SENDERS = LABELS | {"Australia", "Canada", "Italy", "Kazakhstan", "Saudi Arabia", "South Africa", "Spain"}
SENDERS |= {"Ukraine", "United Kingdom", "United States"}
# further destinations of Armenians, so that the largest corridors are not missing
DIASPORA = {
    "Azerbaijan",
    "United States of America",
    "Ukraine",
    "Greece",
    "Spain",
    "Kazakhstan",
    "Turkmenistan",
    "Uzbekistan",
    "Belarus",
}
# one aggregate in each file that has aggregates, to show that a crosswalk leaves it out on purpose
REGIONS = {"WLD", "X01", "World", "WORLD", "900", "1"}
FIRST_YEAR = 1991
# five series in both vintages, to show revisions; the others of 2018 where the newer vintage has no such file
SERIES_2018 = [
    "ny.gdp.mktp.cd",
    "ny.gdp.mktp.kd.zg",
    "sl.tlf.totl.in",
    "sl.uem.totl.fe.zs",
    "sl.uem.totl.ma.zs",
    "bx.trf.pwkr.cd.dt",
    "nv.ind.totl.zs",
    "ny.gdp.defl.kd.zg",
    "sl.agr.empl.fe.zs",
    "sl.ind.empl.ma.zs",
    "sl.emp.totl.sp.zs",
    "sl.emp.work.ma.zs",
    "sl.uem.totl.zs",
    "sm.pop.totl",
    "sp.pop.totl",
]
SERIES_2025 = [
    "nv.agr.totl.zs",
    "ny.gdp.mktp.cd",
    "ny.gdp.mktp.kd.zg",
    "ny.gdp.pcap.cd",
    "ny.gdp.pcap.pp.cd",
    "sl.agr.empl.ma.zs",
    "sl.emp.vuln.fe.zs",
    "sl.emp.vuln.ma.zs",
    "sl.emp.work.fe.zs",
    "sl.ind.empl.fe.zs",
    "sl.srv.empl.fe.zs",
    "sl.srv.empl.ma.zs",
    "sl.tlf.cact.fe.zs",
    "sl.tlf.cact.ma.zs",
    "sl.tlf.totl.in",
    "sl.uem.1524.fe.zs",
    "sl.uem.1524.ma.zs",
    "sl.uem.totl.fe.zs",
    "sl.uem.totl.ma.zs",
    "sm.pop.netm",
]


# ---------------------------------------------------------------- records of text files


def split_records(text: str) -> list[str]:
    """Records with their own line ends; a line end inside quotes does not end a record."""
    records, pending = [], ""
    for line in re.findall(r"[^\n]*\n|[^\n]+$", text):
        pending += line
        if pending.count('"') % 2 == 0:
            records.append(pending)
            pending = ""
    return [*records, pending] if pending else records


def read_cells(record: str, delimiter: str) -> list[str]:
    """Cells of one record."""
    return next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [])


def cut_text(text: str, keep: Keep, *, header: int = 1, delimiter: str = ",") -> str:
    """The first ``header`` records and those records whose cells ``keep`` accepts, byte for byte."""
    records = split_records(text)
    body = [record for record in records[header:] if keep(read_cells(record, delimiter))]
    return "".join(records[:header] + body)


def cut_csv(path: Path, out: Path, keep: Keep, *, header: int = 1, delimiter: str = ",") -> None:
    """A cut text file, plain or gzipped, with the original's encoding, byte-order mark and line ends."""
    content = path.read_bytes()
    packed = content[:2] == b"\x1f\x8b"
    text = (gzip.decompress(content) if packed else content).decode("utf-8")
    cut = cut_text(text, keep, header=header, delimiter=delimiter).encode("utf-8")
    (out / path.name).write_bytes(gzip.compress(cut, 9, mtime=0) if packed else cut)


def column_is(position: int, values: Iterable[str]) -> Keep:
    """Rows whose cell at ``position`` is one of ``values``."""
    wanted = set(values)
    return lambda row: len(row) > position and row[position] in wanted


# ---------------------------------------------------------------- workbooks and parquet


def cut_xlsx(path: Path, out: Path, sheets: dict[str, tuple[int, Keep]]) -> None:
    """A workbook with the given sheets: rows above ``first`` whole, those below that ``keep`` accepts."""
    from openpyxl import load_workbook

    workbook = load_workbook(path, data_only=True)
    for name in [name for name in workbook.sheetnames if name not in sheets]:
        del workbook[name]
    for name, (first, keep) in sheets.items():
        cut_sheet(workbook[name], first, keep)
    modified = f"{workbook.properties.modified:%Y-%m-%dT%H:%M:%SZ}"
    stream = io.BytesIO()
    workbook.save(stream)
    (out / path.name).write_bytes(with_fixed_times(stream.getvalue(), modified))


def cut_sheet(sheet: Any, first: int, keep: Keep) -> None:
    """Leave out, in place, rows from ``first`` on that ``keep`` refuses; it is handed cells as text."""
    body = [list(row) for row in sheet.iter_rows(min_row=first, values_only=True)]
    kept = [row for row in body if keep(["" if cell is None else str(cell) for cell in row])]
    sheet.delete_rows(first, len(body))
    for row_number, row in enumerate(kept, start=first):
        for column, cell in enumerate(row, start=1):
            sheet.cell(row_number, column, cell)


def sort_merged(found: re.Match[bytes]) -> bytes:
    """Merged ranges in order; openpyxl writes them in the order of a set."""
    return found[1] + b"".join(sorted(re.findall(rb"<mergeCell [^>]*>", found[2]))) + found[3]


def with_fixed_times(content: bytes, modified: str) -> bytes:
    """The same workbook with the publisher's date of change, so that the same cut has the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in sorted(old.namelist()):
            part = old.read(name)
            if name == "docProps/core.xml":
                stamp = rb"\g<1>" + modified.encode()
                part = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", stamp, part)
            part = re.sub(rb"(<mergeCells[^>]*>)(.*?)(</mergeCells>)", sort_merged, part, flags=re.DOTALL)
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            new.writestr(member, part, zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


def cut_parquet(path: Path, out: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    """A parquet file with the same columns and types, rows that ``keep`` accepts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    kept = table.filter(pa.array([keep(row) for row in table.to_pylist()]))
    pq.write_table(kept, out / path.name, compression="zstd", compression_level=19)


# ---------------------------------------------------------------- which rows of which file


def cut_ilo(full: dict[str, Path], out: Path) -> None:
    """International Labour Organization: six layouts."""
    for area in ("arm", "mus"):
        name = f"ddf--datapoints--emp_2emp_sex_eco_nb--{area}--sex_t--eco_details.csv"
        cut_csv(full[name], out, lambda row: True)
    cut_csv(full["EMP_2EMP_SEX_ECO_NB_A-filtered-2025-08-16.csv"], out, column_is(0, CODES | {"X01"}))
    cut_csv(full["EMP_TEMP_SEX_AGE_NB_A-20260325T1614.csv.gz"], out, keep_employment_by_age)
    cut_csv(full["EMP_NIFL_SEX_RT_A-20240726T0000.csv"], out, column_is(0, LABELS))
    for name in ("EMP_TEMP_SEX_ECO_NB_A_EN", "EAP_DWAP_SEX_AGE_RT_A_EN", "SDG_0852_SEX_AGE_RT_A_EN"):
        cut_xlsx(full[f"{name}.xlsx"], out, {name: (7, column_is(0, LABELS | {"World"}))})
    cut_parquet(full["ILO_labor_EAP_2EAP_2021-05-07a.parquet"], out, keep_labour_force)


def keep_employment_by_age(row: list[str]) -> bool:
    """All years of Armenia and Mauritius, the years from 2005 on of the others."""
    return row[0] in {"Armenia", "Mauritius"} or (row[0] in LABELS and row[5] >= "2005")


def keep_labour_force(row: dict[str, Any]) -> bool:
    """Five-year bands and 15+ of the sample countries; all age classifications for Armenia and Mauritius."""
    bands = row["classif1"].startswith(("AGE_5YRBANDS", "AGE_YTHADULT_YGE15"))
    return row["ref_area"] in {"ARM", "MUS"} or (bands and row["ref_area"] in CODES | {"X01"})


def cut_united_nations(full: dict[str, Path], out: Path) -> None:
    """SDG database, World Population Prospects, migrant stock by origin."""
    neet = "ddf--datapoints--sl_tlf_neet--by--age--geo_area--nature--sex--units--year.csv"
    cut_csv(full[neet], out, column_is(1, M49 | REGIONS))
    for name in ("popM", "popF", "popMprojMed", "popFprojMed"):
        cut_csv(full[f"{name}.txt"], out, column_is(0, M49 | {"900"}), delimiter="\t")
    for sex in ("total", "male", "female"):
        name = f"migrants_by_origin_and_destination_{sex}.csv"
        cut_csv(full[name], out, column_is(1, LABELS | DIASPORA | {"WORLD"}))


def keep_world_bank_year(row: list[str]) -> bool:
    """A sample country (or the world), from the first year on."""
    return row[1] in CODES | {"WLD"} and int(row[2]) >= FIRST_YEAR


def cut_world_bank(full: dict[str, Path], out: Path) -> None:
    """World Development Indicators in both layouts, remittance matrix."""
    files = [f"2018-08-01__{series}.csv" for series in SERIES_2018]
    for name in files + [f"2025-12-17__{series}.csv" for series in SERIES_2025]:
        cut_csv(full[name], out, keep_world_bank_year)
    for name in ("NY.GDP.MKTP.KN_DS2_en_csv_v2_2001151", "NY.GDP.PCAP.PP.KD_DS2_en_csv_v2_1588678"):
        cut_csv(full[f"API_{name}.csv"], out, column_is(1, CODES | {"WLD"}), header=5)
    cut_csv(full["Bilateralremittancematrix2018Oct2019.csv"], out, column_is(0, SENDERS))


def keep_armstat_wages(row: list[str]) -> bool:
    """Both sectors together for all months; for one month also each sector and the cross-joined lines."""
    return (row[3] == "Total" and re.fullmatch("[A-S]|A-S", row[1]) is not None) or row[0] == "2024-06-30"


def keep_recent_quarter(row: list[str]) -> bool:
    """Quarters from 2019 on."""
    return row[4] >= "2019-Q1"


def cut_armenia(full: dict[str, Path], out: Path) -> None:
    """Armstat and the Central Bank of Armenia."""
    cut_csv(full["2024-08-19_folder_wages_db_clean.csv"], out, keep_armstat_wages)
    for name in ("GDP_quarter_tidy.csv", "GDP_quarter_tidy_as_of_2024Q1.csv"):
        cut_csv(full[name], out, keep_recent_quarter)
    keep = column_is(0, LABELS | {"USA", "Ukraine", "Kazakhstan", "Others", "Total"})
    sheets = {"monthly in USD": (6, keep)}
    cut_xlsx(full["2023_10_16_transfers_transfers_by_countries.xlsx"], out, sheets)
    sheets = {"annual in USD": (6, keep), "monthly in USD": (6, keep)}
    cut_xlsx(full["2024_03_01_transfers_transfers_by_countries.xlsx"], out, sheets)


def cut_etd(full: dict[str, Path], out: Path) -> None:
    """Economic Transformation Database; it has neither Armenia nor its partners."""
    sheets: dict[str, tuple[int, Keep]] = {"Notes": (1, lambda row: True), "Data": (2, column_is(1, CODES))}
    cut_xlsx(full["etd-release2021.xlsx"], out, sheets)


def cut_cepii(full: dict[str, Path], out: Path) -> None:
    """Distances and languages of every origin with Mauritius, and of Armenia with every destination.

    The publisher's old .xls is written as a new workbook under its name, because nothing here writes the old form;
    the parser tells the two apart by their first bytes.
    """
    from openpyxl import Workbook
    from python_calamine import CalamineWorkbook

    name = "dist_cepii.zip"
    with zipfile.ZipFile(full[name]) as archive:
        member = archive.namelist()[0]
        published = CalamineWorkbook.from_filelike(io.BytesIO(archive.read(member)))
    head, *body = published.get_sheet_by_index(0).to_python()
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = published.sheet_names[0]
    for row in [head, *(row for row in body if row[1] == "MUS" or row[0] == "ARM")]:
        sheet.append(row)
    stream, copy = io.BytesIO(), io.BytesIO()
    workbook.save(stream)
    with zipfile.ZipFile(copy, "w") as archive:
        content = with_fixed_times(stream.getvalue(), "2004-10-15T11:49:12Z")
        archive.writestr(
            zipfile.ZipInfo(member, (2004, 10, 15, 11, 49, 12)), content, zipfile.ZIP_DEFLATED, 9
        )
    (out / name).write_bytes(copy.getvalue())


def main(folder: Path, out: Path) -> None:
    """All samples; ``mus_eoe_employment.csv`` and README.md are written by hand and stay as they are."""
    full = {path.name: path for path in sorted(folder.rglob("*")) if path.is_file()}
    out.mkdir(parents=True, exist_ok=True)
    for cut in (cut_ilo, cut_united_nations, cut_world_bank, cut_armenia, cut_etd, cut_cepii):
        cut(full, out)
    sizes = [path.stat().st_size for path in out.iterdir() if path.is_file()]
    print(f"{len(sizes)} files, {sum(sizes) / 1e6:.2f} MB in {out}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    default = Path(__file__).parent.parent / "warehouse" / "sample"
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else default)
