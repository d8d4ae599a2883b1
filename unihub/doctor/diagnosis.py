"""Everything that the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from unihub.doctor.cells import CellHere, cells_of
from unihub.doctor.conflicts import problems_of
from unihub.doctor.installation import Installation, installation_here
from unihub.doctor.problem import Problem, Severity
from unihub.doctor.surroundings import Surroundings, surroundings_here
from unihub.matrix.values import Outcome


@dataclass(frozen=True)
class Diagnosis:
    """The state of an installation.

    Attributes:
        installation: the packages.
        surroundings: caches, proxies, settings.
        problems: errors first.
        cells: what each cell of the matrix does.
        outcomes: what each gave when it was run; None when none was.
    """

    installation: Installation
    surroundings: Surroundings
    problems: Tuple[Problem, ...]
    cells: Tuple[CellHere, ...]
    outcomes: Optional[Tuple[Outcome, ...]] = None

    @property
    def exit_code(self) -> int:
        """1 where there is an error or a cell that misbehaved, else 0."""
        errors = any(problem.severity is Severity.ERROR for problem in self.problems)
        misbehaved = any(not outcome.ok for outcome in self.outcomes or ())
        return int(errors or misbehaved)

    def __repr__(self) -> str:
        codes = ", ".join(problem.id for problem in self.problems) or "none"
        return f"<Diagnosis: problems {codes}; unihub.doctor.as_text() shows all>"


def diagnose(outcomes: Optional[Iterable[Outcome]] = None) -> Diagnosis:
    """Looks the installation over.

    Args:
        outcomes: what the cells of the matrix gave, where they are run; asked for
            last, so that running them changes nothing that is looked at.

    Returns:
        Versions, problems with the command that mends each, caches, and what
        each cell of the matrix does here.

    Example:
        >>> [problem.do for problem in diagnose().problems]
        ['pip install "setuptools<82"']
    """
    installation = installation_here()
    surroundings = surroundings_here()
    problems = (*problems_of(installation), *surroundings.problems)
    order = list(Severity)
    return Diagnosis(
        installation,
        surroundings,
        tuple(sorted(problems, key=lambda problem: order.index(problem.severity))),
        cells_of(installation),
        None if outcomes is None else tuple(outcomes),
    )
