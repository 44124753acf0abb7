"""Every YAML of the project is valid, strict and referenced; the strict reader teaches."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from flows.request import RunRequest
from lma import contracts
from lma.errors import DefinitionError, UsageError

TABLES = sorted((contracts.contracts_dir() / "tables").glob("*.yaml"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_table_contract_follows_the_standard(path: Path) -> None:
    schema = json.loads(OpenDataContractStandard.json_schema())
    jsonschema.Draft201909Validator(schema).validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", contracts.table_contracts())
def test_table_contract_says_grain_key_and_meaning(name: str) -> None:
    contract = contracts.table_contract(name)
    assert contract.grain.startswith("one row per ")
    assert all(column.description for column in contract.columns)
    assert contract.primary_key or name in {"marts.revisions"}


def test_file_name_is_table_name() -> None:
    assert {path.name.removesuffix(".odcs.yaml") for path in TABLES} == set(contracts.table_contracts())


def test_all_sources_countries_rules_and_corrections_load() -> None:
    assert len(contracts.sources()) >= 15
    assert {"MUS", "ARM"} <= set(contracts.countries())
    assert {"ba", "oecd", "rating", "balance", "decision"} <= set(contracts.rule_sets())
    assert all(correction.expect for correction in contracts.corrections())


def test_every_threshold_and_indicator_has_its_reference() -> None:
    for rules in contracts.rule_sets().values():
        assert rules.reference
        assert all(threshold.reference for threshold in rules.thresholds.values())
        assert all(indicator.reference for indicator in rules.indicators)


def test_every_source_says_who_published_it_under_which_licence() -> None:
    for source in contracts.sources().values():
        assert source.publisher and source.licence and source.url.startswith("http") and source.table_code


def write(folder: Path, text: str) -> Path:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_key_written_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"file\.yaml: the key a stands twice in one block, line 1: keep one"
    ):
        contracts.read_yaml(write(tmp_path, "a: 1\nb: 2\na: 3\n"))


def test_norway_stays_a_country(tmp_path: Path) -> None:
    assert contracts.read_yaml(write(tmp_path, "a: NO\nb: on\nc: true\nd: '01'\n")) == {
        "a": "NO",
        "b": "on",
        "c": True,
        "d": "01",
    }


def test_python_objects_in_yaml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="not valid YAML"):
        contracts.read_yaml(write(tmp_path, "a: !!python/object/apply:os.system ['true']\n"))


def test_unknown_key_of_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"colour: Extra inputs are not permitted"):
        contracts.read_source(write(tmp_path, "source_id: file\ncolour: red\n"))


def test_unknown_key_of_a_table_is_refused(tmp_path: Path) -> None:
    text = TABLES[0].read_text(encoding="utf-8").replace("- name: ", "- colour: red\n  name: ", 1)
    with pytest.raises(DefinitionError, match="ODCS v3.1 has no key .*colour"):
        contracts.read_table_contract(write(tmp_path, text))


def test_a_country_without_a_file_is_told_from_an_unknown_code() -> None:
    with pytest.raises(
        DefinitionError, match=r"FRA is a country, but /.*data_contracts/countries/FRA\.yaml does not exist"
    ):
        contracts.country("FRA")
    with pytest.raises(UsageError, match=r"'XYZ' is not an ISO 3166-1 alpha-3 country code"):
        contracts.country("XYZ")


def test_a_definition_in_another_encoding_is_told_its_line(tmp_path: Path) -> None:
    path = tmp_path / "MUS.yaml"
    path.write_bytes("ref_area: MUS\nlabel: Île Maurice\n".encode("latin-1"))
    with pytest.raises(DefinitionError, match=r"MUS\.yaml, line 2: the byte 0xce.*Latin-1.*save it as UTF-8"):
        contracts.read_yaml(path)


def test_a_language_without_a_catalogue_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    country = contracts.country("MUS").model_copy(update={"languages": ["en", "xx"]})
    monkeypatch.setattr(contracts, "country", lambda _: country)
    request = RunRequest(("MUS",), tmp_path, tmp_path / "lma.duckdb", "2026-11")
    with pytest.raises(
        DefinitionError, match=r"/.*MUS\.yaml, languages: there is no language 'xx'.*add /.*xx\.po"
    ):
        request.countries()


def test_ddl_is_made_from_the_contract() -> None:
    ddl = contracts.table_contract("marts.forecasts").ddl()
    assert "forecast_id VARCHAR not null" in ddl
    assert "value DOUBLE,\n" in ddl
