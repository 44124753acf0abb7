"""Every publisher's layout: the small specimens always, the publishers' whole files where they are at hand.

A source needs no Python here. `tests/specimens/<source_id>/` holds files in the publisher's layout, and
`known.csv` beside them the figures that must come out: any concept columns, and `obs_value`.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from lma import contracts, staging
from lma.parsers import find_parser

SPECIMENS = Path(__file__).parent / "specimens"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
KNOWN = "known.csv"
WITH_SPECIMENS = sorted(
    folder.name for folder in SPECIMENS.iterdir() if folder.is_dir() and (folder / KNOWN).is_file()
)


def conform_file(path: Path, source: contracts.Source) -> staging.Conformed:
    """What a file of a source becomes; a specimen is smaller than the files the source expects."""
    match = staging.match_file({source.source_id: source}, path.name)
    assert match is not None, f"no pattern of {source.source_id} knows {path.name}"
    _, file, groups = match
    content = path.read_bytes()
    vintage = staging.read_vintage(file, groups)
    assert vintage is not None, f"{path.name} has no vintage"
    facts = staging.FileFacts(hashlib.sha256(content).hexdigest(), path.name, vintage, groups, file.constant)
    source = source.as_in(file)
    parsed = find_parser(source.format)(content, source.options)
    raw = staging.name_columns_as_declared(parsed, source, path.name)
    return staging.conform(raw, source, facts)


@cache
def conform_specimens(source_id: str) -> list[staging.Conformed]:
    source = contracts.source(source_id)
    small = source.model_copy(update={"expect": source.expect.model_copy(update={"min_rows": 1})})
    paths = sorted(path for path in (SPECIMENS / source_id).iterdir() if path.name != KNOWN)
    assert paths, f"tests/specimens/{source_id} has no file of the publisher's layout"
    return [conform_file(path, small) for path in paths]


def test_every_source_has_a_sample_or_a_specimen():
    shipped = [path.name for path in contracts.sample_dir().iterdir()]
    in_sample = {
        s.source_id for name in shipped for s, *_ in staging.match_sources(contracts.sources(), name)
    }
    assert set(contracts.sources()) == in_sample | set(WITH_SPECIMENS)


@pytest.mark.parametrize("source_id", WITH_SPECIMENS)
def test_known_figures_come_out_of_the_specimens(source_id):
    observations = pd.concat([file.observations for file in conform_specimens(source_id)])
    known = pd.read_csv(SPECIMENS / source_id / KNOWN, dtype=str, keep_default_na=False)
    assert len(known) > 0
    for figure in known.to_dict("records"):
        chosen = observations
        for concept in set(figure) - {"obs_value"}:
            chosen = chosen[chosen[concept].astype(str) == figure[concept]]
        expected = float(figure["obs_value"] or "nan")
        assert chosen["obs_value"].tolist() == [pytest.approx(expected, rel=1e-12, nan_ok=True)], figure


@pytest.mark.parametrize("source_id", WITH_SPECIMENS)
def test_every_cell_of_the_specimens_is_accounted_for(source_id):
    for file in conform_specimens(source_id):
        assert_accounted(file)


def assert_accounted(file: staging.Conformed) -> None:
    kept = len(file.observations) + file.n_collapsed
    assert kept + len(file.rejected) + file.n_dropped + file.n_not_applicable == file.n_cells


def list_whole_files() -> list[tuple[str, Path]]:
    if not SHARED_DATA.is_dir():
        return []
    return [
        (source.source_id, path)
        for path in sorted(SHARED_DATA.rglob("*"))
        if path.is_file()
        for source, *_ in staging.match_sources(contracts.sources(), path.name)
    ]


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the publishers' whole files are not at hand")
@pytest.mark.parametrize(
    ("source_id", "path"), [pytest.param(s, p, id=f"{s}-{p.name}") for s, p in list_whole_files()]
)
def test_whole_files_of_the_publisher_conform(source_id, path):
    source = contracts.source(source_id)
    file = conform_file(path, source)
    assert_accounted(file)
    assert len(file.observations) > 0
    n_figures = len(file.observations) + len(file.rejected)
    assert len(file.rejected) <= source.expect.max_quarantined_share * n_figures


def list_shared_files() -> list[tuple[Path, list[str]]]:
    """Whole files that hold the tables of several sources (the sheets of one workbook, say)."""
    owners: dict[Path, list[str]] = {}
    for source_id, path in list_whole_files():
        owners.setdefault(path, []).append(source_id)
    return [(path, ids) for path, ids in owners.items() if len(ids) > 1]


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the publishers' whole files are not at hand")
@pytest.mark.parametrize(
    ("path", "source_ids"), [pytest.param(p, ids, id=p.name) for p, ids in list_shared_files()]
)
def test_sources_of_one_file_give_every_figure_its_own_address(path, source_ids):
    found = [conform_file(path, contracts.source(source_id)).observations for source_id in source_ids]
    addresses = pd.concat(found)["observation_id"]
    assert addresses[addresses.duplicated()].tolist() == []


def list_corrected_files() -> list[tuple[contracts.Correction, Path]]:
    named = {correction.id: correction.where["source_id"] for correction in contracts.corrections()}
    return [
        (correction, path)
        for correction in contracts.corrections()
        for source_id, path in list_whole_files()
        if source_id == named[correction.id] and source_id in WITH_SPECIMENS
    ]


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the publishers' whole files are not at hand")
@pytest.mark.parametrize(
    ("correction", "path"), [pytest.param(c, p, id=f"{c.id}-{p.name}") for c, p in list_corrected_files()]
)
def test_corrections_of_whole_files_still_hold(correction, path):
    source = contracts.source(str(correction.where["source_id"]))
    observations = conform_file(path, source).observations
    corrected, report = staging.apply_corrections(observations, [correction])
    assert report["outcome"].tolist() == ["applied"]
    assert (corrected["correction_id"] == correction.id).sum() == correction.expect["rows"]
