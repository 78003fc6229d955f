"""Every error that the project raises on purpose.

LandscapeError                 base; exit code 1
├── UserError                  the user can mend it before any work; exit code 2
│   ├── SpecError              a problem in params.yaml, one line each
│   ├── RecipesError           a study is of another version than the one installed
│   ├── CodeError              a user's own function fails or returns something wrong
│   ├── QueryError             a query that cannot be answered
│   ├── MissingArtifactError   something an earlier stage makes is not there
│   └── DataError              a dataset cannot be had or is not what it should be
├── DamagedFileError           a file under data/ is not what was written
├── ContentMismatchError       a known data id came out with other content
├── StorageError               the disk is full or the folder cannot be written
├── WorkerDiedError            the process that did a job ended before the job did
├── MeasurementError           some measurements of one job failed, the others are kept
└── JobsFailedError            some runs or measurements failed, the rest is kept

and `Interrupted`, which is no error.
"""

from __future__ import annotations

from dataclasses import dataclass


class LandscapeError(Exception):
    """Base of all errors of this project; `exit_code` is what the command line ends with."""

    exit_code = 1


class UserError(LandscapeError):
    """The input is wrong; nothing has been done."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One wrong value in an experiment: where it stands, what it is and what is allowed there."""

    path: str
    given: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.path}: got {self.given}; allowed: {self.allowed}"


class SpecError(UserError):
    """`params.yaml` does not describe an experiment; holds one `Problem` for each wrong value."""

    def __init__(self, problems: list[Problem], source: str = "params.yaml") -> None:
        self.problems = problems
        self.source = source
        super().__init__(f"{source}:\n" + "\n".join(f"  {problem}" for problem in problems))


class RecipesError(UserError):
    """A study's `recipes.json` names another version, or other recipes, than are installed."""


class CodeError(UserError):
    """A user's own dataset, network or task cannot be had, fails, or returns something wrong."""


class QueryError(UserError):
    """A query that the catalog cannot answer."""


class MissingArtifactError(UserError):
    """Something that an earlier stage makes is not there."""


class DataError(UserError):
    """A dataset cannot be had or is not what it should be; says what to put where."""


class DamagedFileError(LandscapeError):
    """A file under `data/` does not hold what was written; it is never read as truth."""


class ContentMismatchError(LandscapeError):
    """Preparing known data gave other content than the data id stands for."""


class StorageError(LandscapeError):
    """A file could not be written: no space, read-only, no permission."""


class WorkerDiedError(LandscapeError):
    """The worker that did a job is gone (killed, out of memory) and the job's result with it."""


class Interrupted(BaseException):
    """Ctrl-C or a request to end; no `KeyboardInterrupt`, which the command line's library eats."""


class MeasurementError(LandscapeError):
    """Some measurements of one job failed, the others are kept; says which, and why."""


class JobsFailedError(LandscapeError):
    """Some jobs of a stage failed; what the others made is kept."""
