"""What a date knew: a run as of that date equals the run that only ever had the files of that date."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from world_builder import SAMPLE, World, hash_files

from lma import contracts, staging

DATES = {"2018-12-31": ("MUS",), "2025-12-31": ("ARM",)}
"""Date -> countries: of 2018 there are the World Bank's figures only; of 2025 all but the last two vintages."""

FORMS = ("--form", "csv", "--form", "sdmx", "--form", "html", "--language", "en")
"""Forms for readers are made from the same edition as the tables: one of them stands for the others."""


def file_vintage(path: Path) -> dt.date | None:
    """Vintage of a publisher's file, by its name or as its source declares."""
    matches = staging.match_sources(contracts.sources(), path.name)
    return staging.read_vintage(matches[0][1], matches[0][2]) if matches else None


def keep_known(folder: Path, as_of: dt.date) -> Path:
    """A folder with the sample's files of vintages up to a date, and no others."""
    folder.mkdir()
    for path in SAMPLE.iterdir():
        vintage = file_vintage(path)
        if vintage is not None and vintage <= as_of:
            (folder / path.name).symlink_to(path)
    return folder


class Pair:
    """The same date twice: a warehouse that holds later files too, and one that never saw them."""

    def __init__(self, everything: World, then: World, date: str, countries: tuple[str, ...]) -> None:
        self.everything, self.then, self.date, self.countries = everything, then, date, countries

    def edition(self, world: World, ref_area: str, out: str = "editions_then") -> Path:
        return world.folder / out / ref_area / self.date[:7]


@pytest.fixture(scope="module", params=list(DATES))
def pair(request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    date, folder = request.param, tmp_path_factory.mktemp("then")
    found = Pair(world.copy_to(folder / "everything"), World(folder / "then"), date, DATES[date])
    found.then.folder.mkdir()
    asked = ("run", *found.countries, "--offline", "--out", "editions_then", "--as-of", date, *FORMS)
    assert (outcome := found.everything.lma(*asked)).code == 0, outcome.err
    with pytest.MonkeyPatch.context() as patch:
        known = keep_known(folder / "known", dt.date.fromisoformat(date))
        patch.setattr(contracts, "sample_dir", lambda: known)
        assert (outcome := found.then.lma(*asked)).code == 0, outcome.err
        plain = (
            "run",
            *found.countries,
            "--offline",
            "--out",
            "plain",
            "--edition",
            date[:7],
            "--form",
            "csv",
        )
        assert (outcome := found.then.lma(*plain)).code == 0, outcome.err
    return found


def test_later_files_are_there_and_are_not_used(pair: Pair) -> None:
    files = {
        name: world.read("meta.snapshots") for name, world in vars(pair).items() if isinstance(world, World)
    }
    date = dt.date.fromisoformat(pair.date)
    assert files["everything"]["as_of"].max() > date >= files["then"]["as_of"].max()
    assert len(files["everything"]) > len(files["then"]) > 0


@pytest.mark.parametrize("name", [name for name in contracts.table_contracts() if name.startswith("marts.")])
def test_every_mart_is_that_of_the_day(pair: Pair, name: str) -> None:
    areas = None if name in ("marts.observations", "marts.revisions") else list(pair.countries)
    here, there = (world.read(name, areas) for world in (pair.everything, pair.then))
    if name == "marts.past_forecasts":  # the plain run of the day itself has published since
        here, there = (rows[rows["evidence"] != "published"].reset_index(drop=True) for rows in (here, there))
        assert len(there) or pair.date == "2018-12-31"
    pd.testing.assert_frame_equal(here, there)


def test_every_file_of_the_edition_is_that_of_the_day(pair: Pair) -> None:
    for code in pair.countries:
        here, there = (hash_files(pair.edition(world, code)) for world in (pair.everything, pair.then))
        differing = [name for name in here if here[name] != there.get(name)]
        assert not differing, differing
        assert len(here) > 15


def test_without_the_option_the_day_itself_gave_the_same_tables(pair: Pair) -> None:
    for code in pair.countries:
        here, there = (
            hash_files(folder / "tables")
            for folder in (pair.edition(pair.everything, code), pair.edition(pair.then, code, "plain"))
        )
        assert here == there and len(here) > 9
