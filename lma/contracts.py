"""The only reader of YAML: strict models of tables, sources, countries, corrections and rules.

Table contracts follow the Open Data Contract Standard (ODCS v3.1); everything else is a small YAML of
our own. Unknown keys are refused everywhere. This module also holds the plain records that rooms hand to
each other (``Edition``), because neither core nor rim may import the other.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import pandas as pd
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lma.errors import DefinitionError, UsageError

# ---------------------------------------------------------------- where the project's own files are


def resource_root() -> Path:
    """Folder that holds ``data_contracts/`` and ``warehouse/``: inside the wheel, or the checkout."""
    packaged = Path(__file__).parent / "_resources"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


def contracts_dir() -> Path:
    """Folder of all YAML."""
    return resource_root() / "data_contracts"


def codelists_dir() -> Path:
    """Folder of codelist and crosswalk CSV."""
    return resource_root() / "warehouse" / "codelists"


def sample_dir() -> Path:
    """Small tables of real figures in the publishers' layouts, so that everything runs offline."""
    return resource_root() / "warehouse" / "sample"


# ---------------------------------------------------------------- strict YAML


MAX_YAML_BYTES = 1024**2
"""No definition is near this size; a larger file is something else."""


class _StrictLoader(yaml.SafeLoader):
    """Safe loader for definitions: text stays what is written, and nothing is said twice or elsewhere.

    Refused are duplicate keys, anchors and aliases (a few lines of them expand to gigabytes) and tags that
    make objects. ``NO`` (Norway), ``on`` and ``off``, ``01``, ``1e3``, ``1_000`` and ``12:30`` stay text.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None):
            line = event.start_mark.line + 1
            raise DefinitionError(
                f"line {line} uses the anchor or alias {event.anchor!r}: write the value out in each place."
            )
        return super().compose_node(parent, index)


_RESOLVED_OTHERWISE = {f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float")}
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _RESOLVED_OTHERWISE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+][0-9]+)?$"),
    list("-+.0123456789"),
)


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    pairs = loader.construct_pairs(node, deep=True)
    line = node.start_mark.line + 1
    if not all(isinstance(key, Hashable) for key, _ in pairs):
        raise DefinitionError(f"a list or block is used as a key, line {line}: keys are words.")
    counted = Counter(key for key, _ in pairs)
    repeated = sorted({str(key) for key, count in counted.items() if count > 1})
    if repeated:
        raise DefinitionError(
            f"the key {', '.join(repeated)} stands twice in one block, line {line}: keep one."
        )
    return dict(pairs)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def read_yaml(path: Path) -> Any:
    """Parsed content of one YAML file; ``DefinitionError`` names file, line and remedy."""
    if not path.is_file():
        raise DefinitionError(f"{path} does not exist: check the name, or list the folder {path.parent}.")
    if path.stat().st_size > MAX_YAML_BYTES:
        raise DefinitionError(
            f"{path} has {path.stat().st_size:,} bytes, at most {MAX_YAML_BYTES:,} are read: it is no definition."
        )
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        line = 1 + error.object.count(b"\n", 0, error.start)
        raise DefinitionError(
            f"{path}, line {line}: the byte 0x{error.object[error.start]:02x} is no UTF-8, so the file was saved in another "
            "encoding, such as Latin-1 or Windows-1252: save it as UTF-8 in your editor."
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise DefinitionError(f"{path} is not valid YAML: {error}") from error
    except RecursionError as error:
        raise DefinitionError(f"{path} nests too deeply to be a definition: write it flat.") from error
    except DefinitionError as error:
        raise DefinitionError(f"{path}: {error}") from error


Model = TypeVar("Model", bound=BaseModel)


def _build(model: type[Model], raw: Any, path: Path) -> Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        found = [_describe_problem(model, one) for one in error.errors()]
        raise DefinitionError(f"{path} does not follow its model:\n" + "\n".join(found)) from error


WORDS_OF_PROBLEMS = {
    "model_type": "Should be keys with values, such as name: my_name; the file is empty, a list, or no YAML",
    "dict_type": "Should be keys with values, such as {F: 1}",
    "list_type": "Should be a list, such as [F]",
}


def _describe_problem(model: type[BaseModel], problem: Any) -> str:
    """One thing that is wrong with a definition: where, what, what was found, and what the key means."""
    place, said = problem["loc"], problem["msg"].removeprefix("Value error, ")
    said = WORDS_OF_PROBLEMS.get(problem["type"], said)
    if not place:  # about several keys together, which the message names itself
        return f"  {said}"
    shown = f"  {'.'.join(map(str, place))}: {said} (found {problem['input']!r:.80})"
    if problem["type"] == "extra_forbidden":
        return shown + _keys_beside(model, place)
    key = model.model_fields.get(str(place[0]))
    return f"{shown}. {place[0]}: {key.description}" if key and key.description else shown


def _keys_beside(model: type[BaseModel], place: Sequence[int | str]) -> str:
    """The keys that may stand where an unknown one stood, and the closest of them."""
    schema = model.model_json_schema()
    node, *_ = _inside(schema, [schema], place[:-1]) or [{}]
    allowed = list(node.get("properties", {}))
    close = difflib.get_close_matches(str(place[-1]), allowed, n=1, cutoff=0.5)
    hint = f"; closest: {close[0]!r}" if close else ""
    return f". Keys there: {', '.join(allowed)}{hint}" if allowed else ""


def _inside(schema: dict[str, Any], nodes: list[Any], place: Sequence[int | str]) -> list[dict[str, Any]]:
    """The parts of a JSON schema that describe what stands at a place, references and alternatives followed."""
    open_nodes = [branch for node in nodes for branch in node.get("anyOf", [node])]
    found = [schema["$defs"][n["$ref"].split("/")[-1]] if "$ref" in n else n for n in open_nodes]
    if not place:
        return [node for node in found if "properties" in node]
    step, *rest = place
    deeper = [n.get("items") if isinstance(step, int) else n.get("properties", {}).get(step) for n in found]
    return _inside(schema, [node for node in deeper if node], rest)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# ---------------------------------------------------------------- tables (ODCS)


@dataclass(frozen=True)
class Column:
    """One column of a table contract."""

    name: str
    physical_type: str
    description: str
    required: bool = False
    primary_key: bool = False
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    valid_values: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableRule:
    """One rule over a whole table: ``row_count``, ``duplicate_values`` or ``sql``."""

    rule_id: str
    kind: Literal["row_count", "duplicate_values", "sql"]
    description: str
    columns: tuple[str, ...] = ()
    query: str = ""
    minimum_rows: int = 0
    releasable: bool = False
    """Whether a reviewer may release a row that breaks it: a judgement about a figure, not about its place."""


@dataclass(frozen=True)
class TableContract:
    """What a table promises. DDL, comments, the Great Expectations suite and the docs come from it."""

    name: str
    grain: str
    description: str
    columns: tuple[Column, ...]
    rules: tuple[TableRule, ...]

    @property
    def column_names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    @property
    def primary_key(self) -> list[str]:
        """Columns of the key, in order."""
        return [column.name for column in self.columns if column.primary_key]

    def ddl(self) -> str:
        """``create table`` statement in DuckDB's dialect; no index, because facts carry none."""
        lines = [f"    {c.name} {c.physical_type}{' not null' if c.required else ''}" for c in self.columns]
        return f"create table if not exists {self.name} (\n" + ",\n".join(lines) + "\n)"

    def comments(self) -> list[str]:
        """``comment on`` statements from the descriptions."""
        quoted = f"Grain: {self.grain}. {self.description}".replace("'", "''")
        on_columns = [
            f"comment on column {self.name}.{c.name} is '{c.description.replace(chr(39), chr(39) * 2)}'"
            for c in self.columns
        ]
        return [f"comment on table {self.name} is '{quoted}'", *on_columns]


def _column(raw: Any) -> Column:
    options = raw.logicalTypeOptions or {}
    invalid = [q for q in raw.quality or [] if q.metric == "invalidValues"]
    return Column(
        name=raw.name,
        physical_type=raw.physicalType,
        description=raw.description or "",
        required=bool(raw.required),
        primary_key=bool(raw.primaryKey),
        pattern=options.get("pattern"),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        valid_values=tuple(map(str, invalid[0].arguments["validValues"])) if invalid else (),
    )


def _table_rule(raw: Any) -> TableRule:
    if raw.type == "sql":
        properties = {own.property: own.value for own in raw.customProperties or []}
        may = properties.get("mayBeReleased") is True
        return TableRule(raw.name, "sql", raw.description or raw.name, query=raw.query, releasable=may)
    if raw.metric == "rowCount":
        return TableRule(
            "row_count",
            "row_count",
            raw.description or "The table has rows.",
            minimum_rows=raw.mustBeGreaterThan + 1,
        )
    columns = tuple(raw.arguments["properties"])
    return TableRule(
        f"unique_{'_'.join(columns)}"[:60],
        "duplicate_values",
        raw.description or "The key is unique.",
        columns,
    )


def _unenforced(table: Any) -> list[str]:
    """What a contract promises in a form that no check here would hold it to."""
    found = []
    for column in table.properties:
        options = set(column.logicalTypeOptions or {}) - {"pattern", "minimum", "maximum"}
        found += [f"{column.name}: logicalTypeOptions.{option}" for option in sorted(options)]
        found += [f"{column.name}: unique"] if column.unique else []
        rules = [(rule, rule.metric == "invalidValues") for rule in column.quality or []]
        found += [f"{column.name}: {_rule_name(rule)}" for rule, known in rules if not _holds(rule, known)]
        found += [f"{column.name}: a second list of valid values"] if len(rules) > 1 else []
    for rule in table.quality or []:
        known = rule.type == "sql" or rule.metric == "duplicateValues"
        is_size = rule.metric == "rowCount" and rule.mustBeGreaterThan is not None
        found += [] if is_size or _holds(rule, known) else [_rule_name(rule)]
    return found


def _rule_name(rule: Any) -> str:
    return f"quality {rule.name or rule.metric or rule.type}"


def _holds(rule: Any, known: bool) -> bool:
    """Whether a rule is one of those that are checked: of a known kind, no exception allowed."""
    return known and rule.mustBe == 0 and rule.severity == "error"


def _unknown_keys(raw: Any, known: Any, at: str = "") -> list[str]:
    """Keys of the YAML that the ODCS model did not take over."""
    if isinstance(raw, dict) and isinstance(known, dict):
        here = [f"{at}{key}" for key in raw if key not in known]
        return here + [
            k for key in raw if key in known for k in _unknown_keys(raw[key], known[key], f"{at}{key}.")
        ]
    if isinstance(raw, list) and isinstance(known, list):
        return [
            k
            for i, (a, b) in enumerate(zip(raw, known, strict=False))
            for k in _unknown_keys(a, b, f"{at}{i}.")
        ]
    return []


def read_table_contract(path: Path) -> TableContract:
    """Table contract of one ODCS file; unknown keys are a ``DefinitionError``."""
    from open_data_contract_standard.model import OpenDataContractStandard

    raw = read_yaml(path)
    contract = _build(OpenDataContractStandard, raw, path)
    unknown = _unknown_keys(raw, contract.model_dump(by_alias=True, exclude_none=True))
    if unknown:
        raise DefinitionError(f"{path}: ODCS v3.1 has no key {', '.join(unknown)}: remove or correct it.")
    tables: Any = contract.schema_
    table = tables[0]
    if unenforced := _unenforced(table):
        raise DefinitionError(
            f"{path} promises what nothing would check: {'; '.join(unenforced)}. Checked are required, pattern, minimum, maximum, "
            "invalidValues, duplicateValues, rowCount and sql, each with mustBe 0 (rowCount: mustBeGreaterThan) and severity error."
        )
    return TableContract(
        name=table.physicalName,
        grain=table.dataGranularityDescription,
        description=table.description,
        columns=tuple(_column(column) for column in table.properties),
        rules=tuple(_table_rule(rule) for rule in table.quality or []),
    )


@functools.cache
def table_contracts() -> dict[str, TableContract]:
    """All table contracts by full name (``schema.table``), in file order."""
    contracts = [
        read_table_contract(path) for path in sorted((contracts_dir() / "tables").glob("*.odcs.yaml"))
    ]
    return {contract.name: contract for contract in contracts}


def table_contract(name: str) -> TableContract:
    """One table contract; ``UsageError`` lists the tables that exist."""
    contracts = table_contracts()
    if name not in contracts:
        raise UsageError(f"there is no table {name!r}. Tables: {', '.join(contracts)}.")
    return contracts[name]


# ---------------------------------------------------------------- sources


class SourceFile(_Strict):
    """One pattern of file names that belong to a source."""

    name: str = Field(
        description="Regular expression the whole file name must match; named groups become columns."
    )
    as_of: dt.date | None = Field(None, description="Vintage; or a named group `as_of` in the name.")
    constant: dict[str, str] = Field(default_factory=dict, description="Concepts fixed for this file.")
    format: str | None = Field(None, description="Format of this file, where it is not the source's.")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of this file over the source's (alone, with another format).",
    )
    columns: str | None = Field(
        None, description="`wide.columns` of this file, where it is not the source's."
    )
    min_rows: int | None = Field(
        None, description="`expect.min_rows` of this file, where its layout has fewer rows."
    )

    @field_validator("name")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from error
        return value


class Wide(_Strict):
    """Layout where one row holds several figures: which columns, and what their headers say."""

    columns: str = Field(description="Regular expression over header cells; named groups become columns.")
    beside: dict[str, str] = Field(
        default_factory=dict,
        description="New column: header that stands beside each figure, such as flags_{time_period}; groups fill it in.",
    )


class LastUpdate(_Strict):
    """Where the publisher tells the date on which a table was last updated: the vintage of what is fetched."""

    reads: Literal["header", "row", "json"] = Field(
        description="header: of the answer itself; row: one row of a table at `url`; json: a value of a document at `url`."
    )
    name: str = Field(
        description="Name of the header, name of the column, or path in the JSON such as 0.lastupdated."
    )
    url: str | None = None
    where: dict[str, str] = Field(default_factory=dict, description="Column: value that finds the row.")
    delimiter: str = ","
    date_formats: list[str] = Field(
        default_factory=lambda: ["%Y-%m-%d"],
        description="Forms in which the date is written (strptime); no other form is guessed.",
    )


class Download(_Strict):
    """How the publisher serves the same layout over the network. ``{name}`` in a text stands for a value of ``each``."""

    protocol: Literal["file", "rplumber", "sdmx", "eurostat", "worldbank"] = "file"
    url: str = Field(description="Address of the file, or of the service for the protocols with a query.")
    file_name: str = Field(
        description="Name under which the answer lands; a pattern under `files` must match it."
    )
    query: dict[str, str | list[str]] = Field(
        default_factory=dict, description="Parameter: value, or list of values."
    )
    each: dict[str, list[str]] = Field(
        default_factory=dict, description="One file is fetched for each value."
    )
    flow: str | None = Field(None, description="SDMX: agency,dataflow,version.")
    key: str | dict[str, str | list[str]] = Field(
        default_factory=dict,
        description="SDMX: dimension: codes (others are wildcards), or the whole key as text.",
    )
    secret: dict[str, str] = Field(
        default_factory=dict, description="Parameter: environment variable that holds its value."
    )
    last_update: LastUpdate | None = None
    hosts: list[str] = Field(
        default_factory=list,
        description="Further hosts of the publisher (with their subdomains) that it may send us to.",
    )
    user_agent: str | None = None
    accept: str | None = None
    pause_seconds: float = Field(
        1.0, ge=0, description="At least this long between two requests to the host."
    )
    timeout_seconds: float = Field(60.0, gt=0, description="Longest silence of the server.")
    max_bytes: int = Field(2 << 30, gt=0, description="A larger file is refused.")
    min_share_of_last: float = Field(
        0.5, ge=0, le=1, description="A file smaller than this share of the last is refused."
    )

    @field_validator("file_name")
    @classmethod
    def _stays_in_its_folder(cls, value: str) -> str:
        if Path(value).name != value or value.startswith(".") or "\\" in value:
            raise ValueError(f"{value!r} is no plain file name")
        return value

    def files(self) -> list[Download]:
        """One download per value of ``each``, with the value filled in; itself when there is no ``each``."""
        combinations = itertools.product(*self.each.values())
        return [self._filled(dict(zip(self.each, values, strict=True))) for values in combinations]

    def _filled(self, values: dict[str, str]) -> Download:
        texts = self.model_dump(exclude={"each", "secret"})
        return Download.model_validate(_fill(texts, values) | {"secret": self.secret})


def _fill(template: Any, values: dict[str, str]) -> Any:
    """The same structure with every ``{name}`` in its texts replaced; other braces stay."""
    if isinstance(template, str):
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)
    if isinstance(template, dict):
        return {key: _fill(value, values) for key, value in template.items()}
    return [_fill(value, values) for value in template] if isinstance(template, list) else template


class Expect(_Strict):
    """Size and coverage below which a file is refused as truncated."""

    min_rows: int = 1
    max_quarantined_share: float = Field(
        0.05, description="Above this share of refused rows the file is refused."
    )
    new_vintage_days: int | None = Field(
        None, gt=0, description="The publisher brings out a new vintage about every so many days."
    )


class BasisRule(_Strict):
    """What kind of figures the source holds."""

    default: Literal["reported", "modelled_estimate", "projection", "imputed"]
    projection_from: str | None = Field(None, description="From this period on the figures are projections.")
    last_reported: str | None = Field(
        None,
        description="Regular expression over notes whose group `period` is the last reported period: later figures are projections.",
    )


class Mapping(_Strict):
    """The five verbs that turn a publisher's columns into SDMX concepts."""

    source: dict[str, str] = Field(default_factory=dict, description="concept: publisher's column")
    constant: dict[str, str] = Field(default_factory=dict, description="concept: value for every row")
    codes: dict[str, str | dict[str, str]] = Field(
        default_factory=dict,
        description="publisher's column: crosswalk CSV in codelists/crosswalks (may give several concepts), or concept: inline code map",
    )
    keep: dict[str, list[str]] = Field(default_factory=dict, description="publisher's column: values kept")
    unlisted: list[str] = Field(
        default_factory=list,
        description="Concepts whose inline code map lists exceptions: other codes stay as published.",
    )
    unit_multiplier: float = 1.0


class Source(_Strict):
    """One publisher's table."""

    source_id: str = Field(pattern=r"^[a-z][a-z0-9_]+$")
    publisher: str
    title: str
    table_code: str
    url: str
    licence: str
    files: list[SourceFile]
    format: str
    options: dict[str, Any] = Field(default_factory=dict)
    aliases: dict[str, list[str]] = Field(
        default_factory=dict, description="publisher's column: other spellings it has had"
    )
    withhold: list[str] = Field(
        default_factory=list,
        description="Columns that are never loaded, because they name employers or persons.",
    )
    extract: dict[str, str] = Field(
        default_factory=dict,
        description="publisher's column: regular expression over its whole cell; named groups become columns.",
    )
    aggregate: Literal["sum"] | None = Field(
        None, description="Rows are parts of a figure: those of one key are added up."
    )
    wide: Wide | None = None
    missing: list[str] = Field(default_factory=lambda: [""], description="Cells that mean no figure.")
    not_applicable: list[str] = Field(
        default_factory=list, description="Cells that are blanks of the layout, not figures: no row is made."
    )
    break_notes: str | None = Field(None, description="Regular expression over notes that declares a break.")
    status: dict[str, str] = Field(default_factory=dict, description="Publisher's flag: SDMX OBS_STATUS.")
    basis: BasisRule
    priority: int = Field(description="Lower is preferred where two sources have the same cell.")
    download: Download | None = None
    expect: Expect = Expect(min_rows=1, max_quarantined_share=0.05, new_vintage_days=None)
    mapping: Mapping
    note: str = ""
    draft: Literal[False] = Field(
        False,
        description="True while guesses of `lma sources new` are not confirmed: then it is not read at all.",
    )

    def as_in(self, file: SourceFile) -> Source:
        """The source as it reads one of its files: format, options and layout of that file over its own."""
        own_format = file.format is not None and file.format != self.format
        return self.model_copy(
            update={
                "format": file.format or self.format,
                "options": dict(file.options) if own_format else self.options | file.options,
                "expect": self.expect
                if file.min_rows is None
                else self.expect.model_copy(update={"min_rows": file.min_rows}),
                "wide": self.wide
                if file.columns is None
                else Wide(columns=file.columns, beside=self.wide.beside if self.wide else {}),
            }
        )


def read_source(path: Path) -> Source:
    """One source YAML; its ``source_id`` must be its file name."""
    source = _build(Source, read_yaml(path), path)
    if source.source_id != path.stem:
        raise DefinitionError(
            f"{path}: source_id is {source.source_id!r}, the file is named {path.stem!r}: make them equal."
        )
    return source


@functools.cache
def shipped_sources() -> dict[str, Source]:
    """The project's own sources by id, in file order."""
    return {path.stem: read_source(path) for path in sorted((contracts_dir() / "sources").glob("*.yaml"))}


def user_sources_dir() -> Path:
    """Folder of a user's own sources: ``$LMA_SOURCES``, or ``sources`` in the working folder."""
    return Path(os.environ.get("LMA_SOURCES") or "sources").absolute()


def where_sources_are() -> str:
    """Where definitions of sources were looked for and what to do about one that is missing, to end a message."""
    return (
        f"in {contracts_dir() / 'sources'} or {user_sources_dir()}. Your own sources are read from the folder `sources` where the "
        "command starts, or from the folder that the environment variable LMA_SOURCES names: set it, or restore the file."
    )


def user_sources() -> dict[str, Source]:
    """A user's own sources by id, without drafts and unusable ones; as strict as the shipped, which they never replace."""
    return {name: found for name, found in _user_definitions().items() if isinstance(found, Source)}


def draft_sources() -> list[str]:
    """Ids of the user's sources that are still drafts."""
    return [name for name, found in _user_definitions().items() if found is None]


def unusable_sources() -> dict[str, str]:
    """File name without ending -> why, for each of the user's YAML that does not follow its model."""
    return {name: found for name, found in _user_definitions().items() if isinstance(found, str)}


def check_usable(source_ids: Iterable[str]) -> None:
    """``DefinitionError`` where a user's YAML of one of these sources is wrong; a shipped source is never meant."""
    wrong = {name: why for name, why in unusable_sources().items() if name not in shipped_sources()}
    for source_id in source_ids:
        if source_id in wrong:
            raise DefinitionError(wrong[source_id])


def _user_definitions() -> dict[str, Source | str | None]:
    paths = sorted(user_sources_dir().glob("*.yaml"))
    return _read_user_sources(tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths))


@functools.lru_cache(maxsize=4)
def _read_user_sources(state: tuple[tuple[Path, int, int], ...]) -> dict[str, Source | str | None]:
    return {path.stem: _try_user_source(path) for path, *_ in state}


def _try_user_source(path: Path) -> Source | str | None:
    """A user's source, None where it is a draft, or why it cannot be used: one wrong YAML does not stop the others."""
    try:
        return _read_user_source(path)
    except DefinitionError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}. Check the file and your rights to it."


def _read_user_source(path: Path) -> Source | None:
    """A user's source, or None where it is a draft, which may still hold anything."""
    if path.stem in shipped_sources():
        raise DefinitionError(
            f"{path}: {path.stem} is a source of the project itself, which nothing replaces: choose another source_id and file name."
        )
    raw = read_yaml(path)
    if isinstance(raw, dict) and raw.get("draft") is True:
        return None
    if open_keys := _open_keys(raw):
        raise DefinitionError(
            f'{path} still has no answer ("?") for {", ".join(open_keys)}: write what is true there.'
        )
    return read_source(path)


def _open_keys(node: Any, at: str = "") -> list[str]:
    """Keys whose value is still a question mark; a publisher's own sign for no figure may be one."""
    if isinstance(node, dict):
        asked = {key: value for key, value in node.items() if key not in ("missing", "not_applicable")}
        return [
            k for key, value in asked.items() for k in _open_keys(value, f"{at}.{key}" if at else str(key))
        ]
    if isinstance(node, list):
        return [k for position, value in enumerate(node) for k in _open_keys(value, f"{at}.{position}")]
    return [at] if node == "?" else []


def sources() -> dict[str, Source]:
    """All sources that may be used, by id: the shipped in file order, then the user's without drafts and wrong ones."""
    return {**shipped_sources(), **user_sources()}


def source(source_id: str) -> Source:
    """One source; ``UsageError`` lists those that exist, ``DefinitionError`` says what a draft or a wrong YAML lacks."""
    found = sources()
    if source_id in found:
        return found[source_id]
    check_usable([source_id])
    if source_id in draft_sources():
        raise DefinitionError(
            f"{source_path(source_id)} is a draft and is not used: check every line marked `# guessed` or `# unresolved`, "
            'put an answer in place of every "?", then remove the line `draft: true`.'
        )
    raise UsageError(
        f"there is no source {source_id!r}. Sources: {', '.join(found)}. `lma sources` describes them."
    )


def source_path(source_id: str) -> Path:
    """The YAML of a source, the user's or the project's."""
    own = user_sources_dir() / f"{source_id}.yaml"
    is_shipped = source_id in shipped_sources() or not own.is_file()
    return contracts_dir() / "sources" / f"{source_id}.yaml" if is_shipped else own


def fingerprint_source(source_id: str) -> str:
    """sha256 of all that decides how a source's files are read: its YAML, its crosswalks, its corrections."""
    wanted = source(source_id)
    crosswalks = sorted(name for name in wanted.mapping.codes.values() if isinstance(name, str))
    named = [(correction, correction.where["source_id"]) for correction in corrections()]
    own = [c for c, ids in named if source_id in ([ids] if isinstance(ids, str) else ids)]
    parts = [
        wanted.model_dump_json(exclude={"download"}),
        *(crosswalk(name).to_csv(index=False) for name in crosswalks),
    ]
    parts += [correction.model_dump_json() for correction in own]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


# ---------------------------------------------------------------- countries, corrections, rules


class Zone(_Strict):
    """A part of the economy with its own count of national and foreign workers."""

    economic_activity: str
    label: str
    within: str | None = Field(
        None,
        description="economic_activity that the zone lies within: its ending contracts and its recruitment are "
        "counted there. Without it they stay out of the balance.",
    )
    claim_share: float | None = Field(
        None, description="An often quoted foreign share, per cent, to be checked against the counts."
    )
    claim_text: str | None = None
    reference: str | None = None


class Evidence(_Strict):
    """One figure that no loaded source has, given and reviewed by the country's analysts: codelist evidence_figures.

    It serves the test that its codelist names, is shown there with its source, and never enters a rating of the
    country itself. Out of date like any figure, it decides nothing.
    """

    figure: str
    economic_activity: str = Field("_T", description="Code of codelists/economic_activities.csv, or a zone.")
    counterpart_area: str = Field("_Z", description="The origin, where the figure is about one.")
    value: float | None = Field(None, allow_inf_nan=False)
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)
    code: str | None = Field(None, description="Where the figure is a word: a rating, a driver.")
    time_period: str = Field(
        pattern=r"^\d{4}(-(Q[1-4]|0[1-9]|1[0-2]))?$", description="What the figure is about."
    )
    basis: Literal["reported", "modelled_estimate", "projection"]
    source: str = Field(min_length=5, description="Who published or counted it, where.")
    reviewed_on: dt.date = Field(description="When the ministry's reviewer accepted it.")

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse a figure that its codelist does not have, a value out of bounds, a word that is none of its words."""
        kinds = codelist("evidence_figures").set_index("figure")
        if self.figure not in kinds.index:
            raise ValueError(f"figure {self.figure!r} is none of {', '.join(kinds.index)}")
        kind = kinds.loc[self.figure]
        if kind["unit_measure"] == "CODE":
            words = EVIDENCE_CODES[self.figure]
            if self.code not in words or self.value is not None:
                raise ValueError(f"{self.figure} takes code: one of {', '.join(words)}; it is {self.code!r}")
            if (self.figure == "ORIGIN_RATING") is not (self.counterpart_area in known_country_codes()):
                raise ValueError(f"{self.figure} has the counterpart_area {self.counterpart_area!r}")
            return
        least, most = float(str(kind["minimum"])), float(str(kind["maximum"]))
        ends = [end for end in (self.low, self.value, self.high) if end is not None]
        if self.value is None or self.code is not None or not all(least <= end <= most for end in ends):
            raise ValueError(
                f"{self.figure} takes a value from {least:g} to {most:g}; it is {self.value!r}, {self.code!r}"
            )
        if ends != sorted(ends):
            raise ValueError(f"{self.figure}: low, value and high are {ends}: they must not fall")


EVIDENCE_CODES = {
    "ORIGIN_RATING": ("SEVERE", "SHORTAGE", "WATCH", "BALANCE", "SURPLUS"),
    "DRIVER": ("LONG_TRAINING", "SHORT_TRAINING", "SUITABILITY", "RETENTION"),
}


class Country(_Strict):
    """One country: about six lines."""

    ref_area: str = Field(pattern=r"^[A-Z]{3}$")
    label: str
    role: Literal["destination", "origin"]
    partners: list[str] = Field(description="Corridor countries, ISO 3166-1 alpha-3.")
    languages: list[str] = Field(default_factory=list)
    zones: list[Zone] = Field(default_factory=list)
    dependency_ceiling: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Configured ceiling on the foreign share; a policy choice, shown as such. 1: no ceiling.",
    )
    evidence: list[Evidence] = Field(
        default_factory=list, description="Figures that no loaded source has, with source and date of review."
    )

    @field_validator("evidence")
    @classmethod
    def _check_activities(cls, evidence: list[Evidence], info: ValidationInfo) -> list[Evidence]:
        zones = {zone.economic_activity for zone in info.data.get("zones", [])}
        known = set(codelist("economic_activities")["code"]) | zones
        if unknown := sorted({one.economic_activity for one in evidence} - known):
            raise ValueError(
                f"economic_activity {', '.join(unknown)} is neither in codelists/economic_activities.csv nor a zone"
            )
        return evidence


def known_country_codes() -> set[str]:
    """ISO 3166-1 alpha-3 codes of codelists/areas.csv; the world and parts of countries are no countries."""
    listed = codelist("areas")
    return set(listed.loc[listed["parent"] == "", "area"]) - {"WLD"}


@functools.cache
def countries() -> dict[str, Country]:
    """All countries that have a file, by code."""
    found = {}
    for path in sorted((contracts_dir() / "countries").glob("*.yaml")):
        country = _build(Country, read_yaml(path), path)
        if country.ref_area != path.stem:
            raise DefinitionError(
                f"{path}: ref_area is {country.ref_area!r}, the file is named {path.stem!r}: make them equal."
            )
        found[country.ref_area] = country
    return found


def country_path(ref_area: str) -> Path:
    """File of one country, whether it exists or not."""
    return contracts_dir() / "countries" / f"{ref_area}.yaml"


def country(ref_area: str) -> Country:
    """One country; tells an unknown code from a country that merely has no file yet."""
    code = ref_area.strip().upper()
    if code in countries():
        return countries()[code]
    if code not in known_country_codes():
        raise UsageError(
            f"{ref_area!r} is not an ISO 3166-1 alpha-3 country code (such as MUS or ARM). Countries ready to run: {', '.join(countries())}."
        )
    raise DefinitionError(
        f"{code} is a country, but {country_path(code)} does not exist. "
        f"Copy {next(iter(countries()), 'MUS')}.yaml beside it and change its six lines. Ready to run: {', '.join(countries())}."
    )


def country_or_plain(ref_area: str) -> Country:
    """The country's file, or where it has none what needs no choice: a destination with its largest corridors only."""
    code = ref_area.strip().upper()
    if code in countries() or code not in known_country_codes():
        return country(code)
    listed = codelist("areas").set_index("area")["label_en"]
    return Country(ref_area=code, label=listed[code], role="destination", partners=[])


class Correction(_Strict):
    """One known error or undeclared break of a publisher, with a guard that expires."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    where: dict[str, str | list[str]] = Field(
        description="concept: value(s); all must hold. source_id is required."
    )
    action: Literal["set_value", "multiply", "drop", "flag_break"]
    value: float | None = None
    reason: str
    reference: str
    expect: dict[str, float | int] = Field(
        description="Guard: `rows`, and optionally `value`. When it no longer holds the run fails."
    )


class Corrections(_Strict):
    """data_contracts/corrections.yaml."""

    corrections: list[Correction]


@functools.cache
def corrections() -> tuple[Correction, ...]:
    """All declared corrections, in file order."""
    path = contracts_dir() / "corrections.yaml"
    return tuple(_build(Corrections, read_yaml(path), path).corrections)


class Threshold(_Strict):
    """One threshold or assumption with its reference, and the range outside of which it means nothing."""

    minimum: float | None = None  # before the value, which is held to them
    maximum: float | None = None
    value: float = Field(allow_inf_nan=False, strict=True)
    unit: str
    description: str
    reference: str

    @field_validator("value")
    @classmethod
    def _check_range(cls, value: float, info: ValidationInfo) -> float:
        if complaint := _complain(value, info.data.get("minimum"), info.data.get("maximum")):
            raise ValueError(complaint)
        return value

    def complain(self, value: float) -> str | None:
        """What is wrong with a value for this threshold; None where it lies in the allowed range."""
        return _complain(value, self.minimum, self.maximum)


def _complain(value: float, low: float | None, high: float | None) -> str | None:
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    words = " and ".join(
        f"at {side} {end:g}" for side, end in (("least", low), ("most", high)) if end is not None
    )
    return f"{value:g} is out of range: {words}"


class RuleIndicator(_Strict):
    """One indicator of a rule set."""

    id: str
    description: str
    shortage_when: Literal["high", "low"]
    reference: str
    cuts: list[float] = Field(
        default_factory=list,
        description="Fixed cut points, ascending: those of the points 0, 1, 2, 3, or the one threshold of a MAC-style rule.",
    )
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)
    minimum: float | None = Field(None, description="A lower value cannot be: shown without points.")
    maximum: float | None = Field(None, description="A higher value cannot be: shown without points.")

    @model_validator(mode="after")
    def _check_cuts(self) -> Self:
        if any(later < earlier for earlier, later in itertools.pairwise(self.cuts)):
            raise ValueError(f"cuts of {self.id} must ascend: {self.cuts}")
        return self


class RuleSet(_Strict):
    """One file of data_contracts/rules: a rule set, or a set of assumptions."""

    rule_set: str
    title: str
    reference: str
    looks: Literal["now", "ahead"] = Field(
        "now",
        description="A rule set that looks ahead has no vote on the present: the gap ahead is counted once.",
    )
    indicators: list[RuleIndicator] = Field(default_factory=list)
    thresholds: dict[str, Threshold] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_indicators(self) -> Self:
        ids = [indicator.id for indicator in self.indicators]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"indicators named twice: {', '.join(twice)}")
        return self

    def threshold(self, name: str) -> float:
        """Value of one threshold; ``DefinitionError`` lists those that exist."""
        if name not in self.thresholds:
            raise DefinitionError(
                f"rules/{self.rule_set}.yaml has no threshold {name!r}: it has {', '.join(self.thresholds)}."
            )
        return self.thresholds[name].value


def read_rule_set(path: Path, name: str) -> RuleSet:
    """A user's own form of a shipped rule set; ``DefinitionError`` says which key is wrong and what may stand there.

    It holds the thresholds of the shipped file, all of them and no other, each within the range allowed there, and
    indicators among those of the shipped file: their number, weights and cuts are the user's.
    """
    shipped, own = rule_set(name), _build(RuleSet, read_yaml(path), path)
    complaints = [] if own.rule_set == name else [f"rule_set is {own.rule_set!r}: write {name!r}"]
    complaints += _name_strangers(
        "indicators", [i.id for i in own.indicators], [i.id for i in shipped.indicators]
    )
    complaints += _name_strangers("thresholds", list(own.thresholds), list(shipped.thresholds))
    complaints += [
        f"thresholds.{t} is missing: add it" for t in shipped.thresholds if t not in own.thresholds
    ]
    if shipped.indicators and not any(i.weight > 0 for i in own.indicators):
        complaints.append("indicators: none has a weight above 0")
    for key, limits in shipped.thresholds.items():
        said = limits.complain(own.thresholds[key].value) if key in own.thresholds else None
        complaints += [f"thresholds.{key}.value: {said}"] if said else []
    if complaints:
        raise DefinitionError(f"{path} is no form of rule set {name!r}:\n  " + "\n  ".join(complaints))
    return own.model_copy(update={"looks": shipped.looks})


def _name_strangers(key: str, found: list[str], known: list[str]) -> list[str]:
    """Complaints on the names that a shipped rule set does not have, with the closest it has."""
    said = []
    for name in found:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; closest: {close[0]!r}" if close else ""
            said.append(f"{key}: {name!r} is unknown. There are {', '.join(known) or 'none'}{hint}")
    return said


@functools.cache
def rule_sets() -> dict[str, RuleSet]:
    """All rule sets by name."""
    found = {}
    for path in sorted((contracts_dir() / "rules").glob("*.yaml")):
        rules = _build(RuleSet, read_yaml(path), path)
        if rules.rule_set != path.stem:
            raise DefinitionError(
                f"{path}: rule_set is {rules.rule_set!r}, the file is named {path.stem!r}: make them equal."
            )
        found[path.stem] = rules
    return found


def rule_set(name: str) -> RuleSet:
    """One rule set; ``UsageError`` lists those that exist."""
    if name not in rule_sets():
        raise UsageError(f"there is no rule set {name!r}. Rule sets: {', '.join(rule_sets())}.")
    return rule_sets()[name]


# ---------------------------------------------------------------- scenarios (the analyst's own question)


Points = Annotated[float, Field(strict=True, ge=-30, le=30)]
PerCent = Annotated[float, Field(strict=True, ge=0, le=100)]
Share = Annotated[float, Field(strict=True, gt=0, lt=1)]
Persons = Annotated[float, Field(strict=True, ge=0, le=1e9)]


class Scenario(_Strict):
    """An analyst's own question: what if demand or supply were different.

    An activity is a sector of the balance or another code with the same sections; ``_T`` stands for all of
    them that have no entry of their own.
    """

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$",
        max_length=40,
        description="Small letters, digits and _, such as more_women.",
    )
    description: str = Field(min_length=1, description="The question in one sentence.")
    assumption: str = Field(default="", description="What is taken for granted, in one or two sentences.")
    reference: str = Field(default="", description="Where the figures of the scenario come from.")
    demand_growth_points: dict[str, Points] = Field(
        default_factory=dict,
        description="economic_activity: percentage points a year added to employment growth, -30 to 30.",
    )
    wage_growth_points: dict[str, Points] = Field(
        default_factory=dict,
        description="economic_activity: percentage points a year added to the growth of real wages, -30 to 30.",
    )
    automation_pc: dict[str, PerCent] = Field(
        default_factory=dict,
        description="economic_activity: per cent of today's tasks done by machines by the last year, reached "
        "linearly.",
    )
    participation_points: float = Field(
        default=0.0,
        strict=True,
        ge=-30,
        le=30,
        description="Percentage points added to the female participation rate by the last year, reached "
        "linearly, -30 to 30.",
    )
    retirement_age_years: float = Field(
        default=0.0,
        strict=True,
        ge=-10,
        le=10,
        description="Years by which the retirement age is higher in the last year, reached linearly; no faster "
        "than a year each year.",
    )
    recruitment_stop: list[str] = Field(
        default_factory=list,
        description="economic_activity: nobody more is recruited abroad from the first year.",
    )
    recruitment_quota: dict[str, Persons] = Field(
        default_factory=dict,
        description="economic_activity: persons recruited abroad each year, in place of today's.",
    )
    foreign_ceiling: dict[str, Share] = Field(
        default_factory=dict,
        description="economic_activity: highest foreign share of its workers, a fraction (0.4 for 40 per cent).",
    )
    return_persons: float = Field(
        default=0.0,
        strict=True,
        ge=0,
        le=1e9,
        description="Nationals who come back from abroad over all years together, persons.",
    )
    return_pc: float = Field(
        default=0.0,
        strict=True,
        ge=0,
        le=100,
        description="Nationals who come back over all years together, per cent of the country's migrants abroad.",
    )

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the baseline: key -> figure, without those that are zero or empty."""
        given = {key: getattr(self, key) for key in CHANGES}
        return {key: value for key, value in given.items() if _moves(key, value)}

    @model_validator(mode="after")
    def _check_no_contradiction(self) -> Self:
        twice = sorted({code for code in self.recruitment_stop if self.recruitment_stop.count(code) > 1})
        if twice:
            raise ValueError(f"recruitment_stop names {', '.join(twice)} twice: keep one")
        allowed = {"foreign_ceiling": self.foreign_ceiling, "recruitment_quota": self.recruitment_quota}
        for key, code in ((key, code) for key, found in allowed.items() for code in found if found[code]):
            if code in self.recruitment_stop or "_T" in self.recruitment_stop:
                raise ValueError(
                    f"contradiction: recruitment_stop ({', '.join(self.recruitment_stop)}) leaves nothing for "
                    f"{key} ({code}: {allowed[key][code]:g}) to allow: keep one of the two"
                )
        if self.return_persons and self.return_pc:
            raise ValueError(
                "contradiction: return_persons and return_pc both say how many come back: keep one of the two"
            )
        return self


CHANGES = tuple(
    key for key in Scenario.model_fields if key not in ("name", "description", "assumption", "reference")
)
"""Keys of a scenario that change something; the others are words about it."""


def _moves(key: str, value: Any) -> bool:
    """Whether a figure, or one of several, changes anything; a quota of nobody does."""
    if isinstance(value, dict) and key != "recruitment_quota":
        return any(value.values())
    return bool(value)


def scenarios_dir() -> Path:
    """Folder of the ready scenarios."""
    return contracts_dir() / "scenarios"


def read_scenario(path: Path) -> Scenario:
    """One scenario file; ``DefinitionError`` for one that follows no model or changes nothing.

    ``UsageError`` for one that calls itself the baseline.
    """
    found = _build(Scenario, read_yaml(path), path)
    if found.name == "baseline":
        raise UsageError(
            f"{path}: name 'baseline' is taken by what the scenario is compared with: choose another."
        )
    if not found.changes:
        raise DefinitionError(
            f"{path}: scenario {found.name!r} changes nothing: give one of {', '.join(CHANGES)} a figure other than 0."
        )
    return found


@functools.cache
def scenarios() -> dict[str, Scenario]:
    """The ready scenarios by name."""
    found = {}
    for path in sorted(scenarios_dir().glob("*.yaml")):
        scenario = read_scenario(path)
        if scenario.name != path.stem:
            raise DefinitionError(
                f"{path}: name is {scenario.name!r}, the file is named {path.stem!r}: make them equal."
            )
        found[scenario.name] = scenario
    return found


def scenario(name_or_file: str) -> Scenario:
    """A ready scenario by name, or the scenario of a file (its name ends in .yaml or .yml, or has a folder)."""
    path = Path(name_or_file)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return read_scenario(path)
    if name_or_file not in scenarios():
        close = difflib.get_close_matches(name_or_file, scenarios(), n=1, cutoff=0.5)
        hint = f" Closest: {close[0]}." if close else ""
        raise UsageError(
            f"there is no ready scenario {name_or_file!r}, and a file would end in .yaml.{hint} "
            f"Ready scenarios: {', '.join(scenarios())}."
        )
    return scenarios()[name_or_file]


@dataclass(frozen=True)
class ScenarioResults:
    """What a comparison of scenarios hands to its page.

    ``scenarios``: those asked for, in order. ``figures``: rows of balance.comparison; a scenario that the
    country's data cannot answer has none. ``obstacles``: scenario -> key of it -> reason. ``labels``: words of
    activities and measures by code. ``elasticities``: rule set ``scenarios``. ``known_until``: last figure the
    forecasts start from. ``counts``: key of a scenario -> today's counts it starts from, in words.
    """

    ref_area: str
    label: str
    years: tuple[int, ...]
    n_draws: int
    scenarios: tuple[Scenario, ...]
    figures: pd.DataFrame
    obstacles: dict[str, dict[str, str]]
    labels: dict[str, str]
    elasticities: RuleSet
    known_until: str = ""
    counts: dict[str, str] = field(default_factory=dict)

    @property
    def span(self) -> str:
        """All years together, such as 2026-2030."""
        return f"{self.years[0]}-{self.years[-1]}"

    def answered(self) -> tuple[Scenario, ...]:
        """The scenarios that have figures."""
        known = set(self.figures["scenario"])
        return tuple(scenario for scenario in self.scenarios if scenario.name in known)


# ---------------------------------------------------------------- codelists


@functools.cache
def _codelist(name: str) -> pd.DataFrame:
    path = codelists_dir() / f"{name}.csv"
    if not path.is_file():
        raise DefinitionError(f"{path} does not exist: restore the codelist {name!r}.")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def codelist(name: str) -> pd.DataFrame:
    """One codelist (``areas``, ``economic_activities``, ``indicators``, ...) as text columns; a copy."""
    return _codelist(name).copy()


def crosswalk(name: str) -> pd.DataFrame:
    """One crosswalk of codelists/crosswalks: column ``published``, then one column per concept it gives.

    A user's own source may bring its own, in ``crosswalks`` of its folder; none takes the place of a shipped one.
    """
    own = user_sources_dir() / "crosswalks" / f"{name.removesuffix('.csv')}.csv"
    shipped = codelists_dir() / "crosswalks" / own.name
    if not own.is_file():
        return _codelist(f"crosswalks/{own.stem}").copy()
    if shipped.is_file():
        raise DefinitionError(f"{own} bears the name of a crosswalk of the project itself: give it another.")
    return pd.read_csv(own, dtype=str, keep_default_na=False)


BASIS_ORDER = ("reported", "modelled_estimate", "imputed", "projection")
"""Kinds of figures, the surest first."""


def weakest_basis(bases: Iterable[str]) -> str:
    """The least certain of several kinds of figures; ``reported`` when there is none."""
    return max(bases, key=BASIS_ORDER.index, default="reported")


# ---------------------------------------------------------------- what an edition is made of


@dataclass(frozen=True)
class TableSpec:
    """Heading of one table of an edition."""

    table_id: str
    title: str
    description: str
    row_heading: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Erratum:
    """Something that a published edition says wrongly; ``address`` is empty where it is not one cell alone.

    ``recorded_on``: date of the record, ISO. ``corrected_by``: edition that says it rightly, empty as long as none does.
    """

    edition: str
    address: str
    reason: str
    recorded_on: str
    recorded_by: str
    corrected_by: str = ""


@dataclass(frozen=True)
class Decimal:
    """A number in a sentence, with the decimals it is said with."""

    value: float
    decimals: int = 0


@dataclass(frozen=True)
class Label:
    """A name of the project in a sentence, by its English wording: an activity, a zone, a code."""

    text: str


@dataclass(frozen=True)
class Area:
    """A country in a sentence, by its code (ISO 3166-1 alpha-3)."""

    ref_area: str


@dataclass(frozen=True)
class Verbatim:
    """What is the same in every language: a period, addresses of cells."""

    text: str


@dataclass(frozen=True)
class Listed:
    """Several values, one after the other."""

    items: tuple[Any, ...]


@dataclass(frozen=True, init=False)
class Sentence:
    """A whole message and the values of its ``{placeholders}``, which each language fills in its own order."""

    message: str
    values: dict[str, Any]

    def __init__(self, message: str, **values: Decimal | Label | Area | Verbatim | Listed | Sentence) -> None:
        object.__setattr__(self, "message", message)
        object.__setattr__(self, "values", values)


@dataclass(frozen=True)
class Edition:
    """Everything the publish room needs for one country; no output form computes anything.

    ``cells``: rows of marts.assessments. ``series``: tidy history and forecast for charts
    (economic_activity, label, time_period, measure in observed/mean/q025/q10/q50/q90/q975, value, and inputs:
    ids of the observations of the history).
    ``sources``: one row per snapshot used (meta.snapshots columns but retrieved_at). ``observations``:
    the marts.observations rows that the cells trace to. ``checks``: contract checks of the run.
    ``notes``: footnote id -> text. ``run``: parameters, versions, mart hashes. ``origins``: computed row id
    (I:, F:, B:, S:, D:, C:) -> ids of observations it rests on, the first few, because ``cells.inputs`` goes
    only one step back. ``conflicts``: cells for which two sources have a figure (source_conflicts.sql).
    ``language``: of its texts; ``languages``: all that it is published in, English first. ``forms``: names of the
    output forms to make (such as html); none stands for all. ``charted``: published figures that only pictures
    show (figure, measure, sex, age, time_period, value, unit_measure, basis, source_id, inputs).
    """

    ref_area: str
    label: str
    edition: str
    as_of: dt.date
    tables: tuple[TableSpec, ...]
    cells: pd.DataFrame
    series: pd.DataFrame
    sources: pd.DataFrame
    observations: pd.DataFrame
    checks: pd.DataFrame
    notes: dict[str, str] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, list[str]] = field(default_factory=dict)
    conflicts: pd.DataFrame = field(default_factory=pd.DataFrame)
    language: str = "en"
    languages: tuple[str, ...] = ("en",)
    sentences: dict[str, Sentence] = field(default_factory=dict)
    forms: tuple[str, ...] = ()
    charted: pd.DataFrame = field(default_factory=pd.DataFrame)
