"""What every part of one simulation shares: the country, its years, the draws, the rules and the question asked."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from lma.balance.scenarios import BASELINE, Elasticities, draw_elasticities
from lma.contracts import Country, RuleSet, Scenario


@dataclass(frozen=True)
class Setting:
    """What every part of one simulation shares.

    ``seed_of(part)``: a stream of random numbers of its own for each country and part, so that the order of
    countries, an added part or a scenario changes no other part's numbers.
    """

    ref_area: str
    first_year: int
    last_year: int
    n_draws: int
    seed: int
    rules: RuleSet
    country: Country
    scenario: Scenario = BASELINE
    sectors: tuple[str, ...] = ()

    @property
    def years(self) -> tuple[int, ...]:
        """Balance years."""
        return tuple(range(self.first_year, self.last_year + 1))

    def seed_of(self, part: str) -> np.random.Generator:
        """The stream of one part."""
        names = [zlib.crc32(name.encode()) for name in (self.ref_area, part)]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *names])))

    @property
    def elasticities(self) -> Elasticities:
        """How strongly people and employers answer a scenario, in every draw."""
        return draw_elasticities(self.n_draws, self.seed_of)
