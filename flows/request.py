"""What a run is asked to do: plain values only, so that the same request works from a shell and from Prefect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lma.errors import UsageError

if TYPE_CHECKING:  # pandas comes with the contracts: `lma --help` must not wait for it
    from lma.contracts import Country

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_WAREHOUSE = Path("warehouse/lma.duckdb")
DEFAULT_OUT = Path("editions")
DEFAULT_REF_AREAS = ("MUS", "ARM")
DEFAULT_HORIZON = 5
SEED = 20260101


@dataclass(frozen=True)
class RunRequest:
    """One run. ``data``: folder of publishers' files (default: the shipped sample). ``edition``: YYYY-MM.

    ``languages``: of the editions (none: those of the country's file); ``forms``: names of output forms (none: all).
    """

    ref_areas: tuple[str, ...]
    out: Path
    warehouse: Path
    edition: str
    data: Path | None = None
    as_of: dt.date | None = None
    bounds: tuple[
        tuple[str, dt.date], ...
    ] = ()  # sources known until another date than as_of, for `lma news`
    horizon: int = DEFAULT_HORIZON
    offline: bool = False
    languages: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    command: str = "lma run"
    seed: int = SEED
    wait_seconds: float = 30

    @property
    def raw_store(self) -> Path:
        """Where landed files are kept: beside the database."""
        from lma.snapshots import raw_store_of

        return raw_store_of(self.warehouse)

    def may_fetch(self, today: dt.date) -> bool:
        """Whether publishers are asked: not for a day that is past, because what they serve today was not known then."""
        return not self.offline and (self.as_of is None or self.as_of >= today)

    @property
    def data_folder(self) -> Path:
        """Folder the publishers' files are taken from."""
        from lma.contracts import sample_dir

        return self.data if self.data is not None else sample_dir()

    def countries(self) -> list[Country]:
        """The countries of the run; an unknown one stops before anything is done."""
        from lma import contracts

        found = [contracts.country(code) for code in self.ref_areas]
        for country in found:
            _check_languages(country)
        return found

    def parameters(self) -> dict[str, Any]:
        """The part of the request that decides the figures (no paths, so that two machines agree)."""
        kept = ("ref_areas", "edition", "as_of", "horizon", "seed")
        return {
            **{key: value for key, value in asdict(self).items() if key in kept},
            "ref_areas": list(self.ref_areas),
            "as_of": str(self.as_of) if self.as_of else None,
        }


def _check_languages(country: Country) -> None:
    """``DefinitionError`` where a country's file names a language without a catalogue."""
    from lma.contracts import country_path
    from lma.errors import DefinitionError
    from lma.languages import languages_dir, list_languages

    for code in country.languages:
        if code not in list_languages():
            raise DefinitionError(
                f"{country_path(country.ref_area)}, languages: there is no language {code!r}. There are "
                f"{', '.join(list_languages())}: take it out of the list, or add {languages_dir() / f'{code.lower()}.po'} "
                "(codes are those of ISO 639-1, in small letters)."
            )


Step = Callable[[Callable[P, R]], Callable[P, R]]


def call_directly(function: Callable[P, R]) -> Callable[P, R]:
    """The simplest way to run a step: as the plain function it is."""
    return function


def choose_languages(codes: Sequence[str]) -> tuple[str, ...]:
    """Languages asked for, each once; ``UsageError`` names one that there is not."""
    from lma.languages import list_languages

    for code in codes:
        if code not in list_languages():
            raise UsageError(
                f"there is no language {code!r}. There are {', '.join(list_languages())} (ISO 639-1, in small letters)."
            )
    return tuple(dict.fromkeys(codes))


def choose_forms(names: Sequence[str]) -> tuple[str, ...]:
    """Output forms asked for, in their order; ``UsageError`` names one that there is not."""
    from lma.publish import edition

    return edition.choose_forms(names)
