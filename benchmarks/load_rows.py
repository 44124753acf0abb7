"""Load a generated file in ILOSTAT's layout: rows per second and memory, beside plain `duckdb read_csv`.

    python benchmarks/load_rows.py [ROWS ...]        default 10000000 50000000

Each file (csv.gz, made once per size in the temporary folder) is read twice, each time by a process of its
own on two threads: by DuckDB alone into a table, types sniffed; and by lma (landing, rows as published,
conform with four code maps, every rule of the contract, comparison with what is loaded of the same vintage).
The time of lma is that of landing and loading; starting Python and opening the warehouse is shown apart.
Then lma is given the same file again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = """
source_id: generated_employment
publisher: Nobody (generated for a benchmark)
title: Employment by sex, age and economic activity, generated figures
table_code: EMP_TEMP_SEX_AGE_ECO_NB
url: https://example.org/
licence: none needed
files: [{name: 'generated_.*\\.csv\\.gz', as_of: 2025-01-01}]
format: csv
basis: {default: reported}
status: {B: B, U: U}
priority: 99
expect: {min_rows: 1}
mapping:
  source:
    {ref_area: ref_area, sex: sex, age: classif1, economic_activity: classif2, time_period: time, obs_value: obs_value,
     obs_status: obs_status, note: "{source} | {note_indicator} | {note_source}"}
  constant: {indicator: EMP, unit_measure: PS, freq: M, activity_revision: ISIC4}
  codes:
    ref_area: area_codes_ilo
    sex: {SEX_T: _T, SEX_M: M, SEX_F: F}
    age: {AGES}
    economic_activity: {ACTIVITIES}
  unit_multiplier: 1000
"""
AGES = ["TOTAL", *(f"Y{n}-{n + 4}" for n in range(15, 65, 5)), "YGE65"]
ACTIVITIES = ["TOTAL", *"ABCDEFGHIJKLMNOPQRSTU"]


def write_source(folder: Path) -> None:
    """The source of the generated file, as a ministry would write one of its own."""
    ages = {f"AGE_5YRBANDS_{age}": _age(age) for age in AGES}
    activities = {f"ECO_ISIC4_{a}": "_T" if a == "TOTAL" else a for a in ACTIVITIES}
    text = SOURCE.replace("{AGES}", json.dumps(ages)).replace("{ACTIVITIES}", json.dumps(activities))
    (folder / "generated_employment.yaml").write_text(text)


def _age(published: str) -> str:
    return {"TOTAL": "_T", "YGE65": "Y_GE65"}.get(published, published.replace("-", "T"))


def generate(path: Path, n_rows: int) -> None:
    """Unique cells of area x sex x age x activity x month, in ILOSTAT's column order."""
    import duckdb

    areas = read_areas()
    months = -(-n_rows // (len(areas) * 3 * len(AGES) * len(ACTIVITIES)))
    connection = duckdb.connect(config={"memory_limit": "2GB"})
    connection.execute(
        """
        copy (
            select area as ref_area, 'BA:' || (1000 + hash(area) % 9000) as source,
                'EMP_TEMP_SEX_AGE_ECO_NB' as indicator, 'SEX_' || sex as sex,
                'AGE_5YRBANDS_' || age as classif1, 'ECO_ISIC4_' || activity as classif2,
                (2025 - month // 12) || 'M' || lpad(cast(12 - month % 12 as varchar), 2, '0') as "time",
                cast(hash(area, sex, age, activity, month) % 1000000 / 1000.0 as decimal(9, 3)) as obs_value,
                case when hash(area, month) % 97 = 0 then 'B' when hash(activity, month) % 53 = 0 then 'U' end as obs_status,
                null as note_classif, case when hash(area) % 3 = 0 then 'T30:100' end as note_indicator,
                'R1:' || (3000 + hash(area) % 900) as note_source
            from (select unnest($areas) as area), (select unnest(['T', 'M', 'F']) as sex),
                (select unnest($ages) as age), (select unnest($activities) as activity),
                (select unnest(range($months)) as month)
            limit $rows
        ) to '{path}' (format csv, header, compression gzip)""".replace("{path}", str(path)),
        {"areas": areas, "ages": AGES, "activities": ACTIVITIES, "months": months, "rows": n_rows},
    )


def read_areas() -> list[str]:
    """Countries that the crosswalk of ILOSTAT's codes keeps."""
    from lma.contracts import crosswalk

    table = crosswalk("area_codes_ilo")
    return sorted(table.loc[table["ref_area"] == table["published"], "published"])


def read_plainly(path: Path) -> dict[str, float]:
    """DuckDB alone: the file into a table on disk."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        settings = {"threads": str(os.cpu_count()), "memory_limit": "2GB"}
        connection = duckdb.connect(f"{folder}/plain.duckdb", config=settings)
        start = time.perf_counter()
        connection.execute(f"create table plain as select * from read_csv('{path}')")  # noqa: S608 (our own path)
        connection.execute("checkpoint")
        return {"seconds": time.perf_counter() - start}


def load(path: Path, folder: Path) -> dict[str, float]:
    """lma: the file landed and loaded; the second time it is already there."""
    from flows import refresh
    from flows.request import RunRequest
    from lma import contracts

    request = RunRequest(("MUS",), folder / "out", folder / "lma.duckdb", "2025-01", command="benchmark")
    before = time.perf_counter()
    with refresh.open_run(request) as run:
        start = time.perf_counter()
        refresh.ingest_file(run, path, contracts.source("generated_employment"), None)
        added = refresh.load_landed_files(run)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "opening": start - before, "rows": added}


def in_its_own_process(*arguments: str, folder: Path) -> dict[str, float]:
    """Result of one measured step, with its peak of memory in GB and its whole time."""
    start = time.perf_counter()
    environment = {**os.environ, "LMA_SOURCES": str(folder / "sources")}
    command = [sys.executable, __file__, *arguments, "--in", str(folder)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"whole": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", type=int, default=[10_000_000, 50_000_000])
    parser.add_argument("--step", choices=["generate", "plain", "lma"])
    parser.add_argument("--in", dest="folder", type=Path)
    given = parser.parse_args()
    if given.step:
        path = given.folder / f"generated_{given.rows[0]}.csv.gz"
        steps = {
            "generate": lambda: generate(path, given.rows[0]) or {},
            "plain": lambda: read_plainly(path),
            "lma": lambda: load(path, given.folder),
        }
        result = steps[given.step]()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps(result | {"peak": peak}))
        return
    print("rows | plain s | lma s | ratio | lma rows/s | plain GB | lma GB | second time, whole process s")
    for n_rows in given.rows:
        measure(n_rows)


def measure(n_rows: int) -> None:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sources").mkdir()
        write_source(folder / "sources")
        in_its_own_process(str(n_rows), "--step", "generate", folder=folder)
        plain = in_its_own_process(str(n_rows), "--step", "plain", folder=folder)
        first = in_its_own_process(str(n_rows), "--step", "lma", folder=folder)
        again = in_its_own_process(str(n_rows), "--step", "lma", folder=folder)
        assert first["rows"] == n_rows and again["rows"] == 0, (first, again)
        print(
            f"{n_rows:,} | {plain['seconds']:.1f} | {first['seconds']:.1f} | {first['seconds'] / plain['seconds']:.2f} | "
            f"{n_rows / first['seconds']:,.0f} | {plain['peak']:.2f} | {first['peak']:.2f} | {again['whole']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
