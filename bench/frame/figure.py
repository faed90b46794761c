# What a figure consists of.
#
# A module in figures/ has FIGURE, an object of a class derived from Figure.
#
# SPDX-License-Identifier: MIT
from dataclasses import dataclass, field


@dataclass
class Run:
    """A program that prints one JSON object for each value (report.h)."""
    series: str
    command: list
    environment: dict = field(default_factory=dict)


@dataclass
class Ratio:
    """One value in relation to another one of the same run."""
    what: str
    value: float
    target: str = ""
    met: bool | None = None
    remark: str = ""

    @classmethod
    def below(cls, what, value, limit, noise=0):
        """`noise` is how far two measurements of the same thing are apart in
        this run: what exceeds the limit by less is no answer."""
        if limit < value <= limit + noise:
            return cls(what, value, f"at most {limit:g}",
                       remark="within noise")
        return cls(what, value, f"at most {limit:g}", value <= limit)


class Skipped(Exception):
    """A peer that does not exist here, with the reason."""


class Figure:
    name = ""
    title = ""
    what = ""  # what the numbers mean, for RESULTS
    repetitions = 7
    plots = ()

    def runs(self, kit):
        """Builds what is needed; yields runs.  A peer that cannot be built
        is reported with kit.skip()."""
        raise NotImplementedError

    def ratios(self, results):
        return []
