"""What a run costs: wall time and peak memory cold and warm, start-up, size, cells and lines per room.

    python benchmarks/run_cost.py [FOLDER]

FOLDER (default: a temporary one) receives the warehouse and the editions. Times are of this machine, now;
compare them only with another run on the same machine.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent
LMA = [sys.executable, "-m", "flows.cli"]


def measure(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak memory (MB) of one command."""
    watcher = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, "
        "stderr=subprocess.DEVNULL).returncode; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", watcher, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - started
    peak, code = done.stdout.split()
    if code != "0":
        raise SystemExit(f"{' '.join(command)} ended with exit code {code}")
    return seconds, int(peak) / 1024


def count_cells(editions: Path) -> dict[str, int]:
    """Numeric cells of every edition found."""
    counts = {}
    for folder in sorted(path for path in editions.glob("*/*") if path.is_dir()):
        tables = [pd.read_csv(path) for path in sorted((folder / "tables").glob("*.csv"))]
        counts[f"{folder.parent.name} {folder.name}"] = sum(
            int(table["value"].notna().sum()) for table in tables
        )
    return counts


def score(editions: Path) -> pd.DataFrame:
    """Mean of the champions' scores per country, from T12 of the edition."""
    rows = []
    for path in sorted(editions.glob("*/*/tables/T12.csv")):
        cells = pd.read_csv(path)
        means = {
            m: cells.loc[cells["column_id"] == m, "value"].mean()
            for m in ("mase_ratio", "coverage_80", "coverage_95")
        }
        n_series = int(cells.loc[cells["column_id"] == "mase_ratio", "value"].notna().sum())
        rows.append({"country": path.parts[-4], "series": n_series, **means})
    return pd.DataFrame(rows)


def count_lines() -> dict[str, int]:
    """Lines of Python per room."""
    rooms: dict[str, int] = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if parts[0] in ("lma", "flows", "tests", "benchmarks"):
            room = "/".join(parts[:2]) if parts[0] == "lma" else parts[0]
            rooms[room] = rooms.get(room, 0) + len(path.read_text(encoding="utf-8").splitlines())
    return rooms


def main() -> None:
    """Run everything and print it."""
    folder = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    run = [*LMA, "run", "MUS", "ARM", "--offline"]
    for name in ("cold", "warm"):
        seconds, peak = measure(run, folder)
        print(f"lma run MUS ARM, {name}: {seconds:.1f} s, peak {peak:,.0f} MB")
    starts = sorted(measure([*LMA, "--help"], folder)[0] for _ in range(5))
    print(f"lma --help: median {starts[2]:.2f} s of 5")
    imports = sorted(measure([sys.executable, "-c", "import lma"], folder)[0] for _ in range(5))
    empty = sorted(measure([sys.executable, "-c", "pass"], folder)[0] for _ in range(5))
    print(f"import lma: {1000 * (imports[2] - empty[2]):.0f} ms above an empty interpreter")
    for name, cells in count_cells(folder / "editions").items():
        print(f"numeric cells, {name}: {cells:,}")
    print(score(folder / "editions").to_string(index=False, float_format="{:.3f}".format))
    packages = Path(sysconfig.get_paths()["purelib"])
    size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file())
    print(f"installed packages: {size / 1e6:,.0f} MB in {packages.name}")
    for room, lines in count_lines().items():
        print(f"{lines:7,} lines  {room}")


if __name__ == "__main__":
    main()
