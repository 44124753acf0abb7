"""One job per publisher, for machines with internet: `pytest -m live`. Skipped, visibly, everywhere else.

Each job asks the real publisher for what the source's YAML declares, once, politely, and stops short of the warehouse:
it shows whether addresses, parameters and the date of the last update are still what the YAML says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.refresh import read_observations
from lma import contracts, snapshots
from lma.fetch import Line, Politeness, fetch

# One source for each publisher and protocol; every other source of the publisher is served in the same way.
JOBS = {
    "ILOSTAT bulk service, by table": "ilo_informality_reported",
    "ILOSTAT bulk service, by country": "ilo_by_country",
    "ILOSTAT SDMX service": "ilo_unemployment_sdmx",
    "Eurostat SDMX service": "eurostat_first_permits",
    "World Bank API, archive": "wb_wdi_api",
    "World Bank Data360": "wb_knomad_remittances",
    "UN World Population Prospects": "wpp2024_population",
    "UN DESA migrant stock": "undesa_migrant_stock_workbook",
}


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    """One line for all jobs, so that the distance between requests is kept."""
    with Line(Politeness(attempts=2)) as opened:
        yield opened


@pytest.mark.live
@pytest.mark.parametrize("publisher", JOBS)
def test_publisher_still_serves_what_the_source_declares(publisher: str, line: Line, tmp_path: Path) -> None:
    source, today = contracts.source(JOBS[publisher]), dt.datetime.now(dt.UTC).date()
    assert source.download is not None
    wanted = source.download.files()[-1]
    fetched = fetch(wanted, source.source_id, tmp_path / "incoming", line, lambda sha: False, today)
    assert fetched.path is not None
    landed = snapshots.land(
        fetched.path, source.source_id, fetched.file_name, fetched.url, fetched.vintage, tmp_path / "raw"
    )
    _, raw, conformed = read_observations(tmp_path / "raw", landed)
    assert len(raw) >= source.expect.min_rows
    assert len(conformed.observations) > 0
    assert fetched.says_vintage or wanted.last_update is None, (
        "the publisher tells no date of its last update"
    )


def test_every_publisher_with_a_protocol_of_its_own_has_a_job() -> None:
    served = {source.publisher for source in contracts.sources().values() if source.download}
    assert served <= {contracts.source(source_id).publisher for source_id in JOBS.values()}
