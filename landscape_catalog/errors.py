"""Every error that the project raises on purpose.

LandscapeError                 base class; exit code 1
├── UserError                  the user can fix it before any work starts; exit code 2
│   ├── SpecError              params.yaml is not valid; one line per problem
│   ├── RecipesError           a study belongs to another version than the one installed
│   ├── CodeError              a user's own function fails or returns something invalid
│   ├── QueryError             a query that cannot be answered
│   ├── RepositoryError        a repository or folder that catalogs cannot be collected from
│   ├── MissingArtifactError   the output of an earlier stage is missing
│   ├── DataError              a dataset is unavailable or invalid
│   ├── PublishedError         published results that cannot be imported
│   ├── CheckpointError        a user's checkpoint, or its network or data, cannot be diagnosed
│   └── TooLittleMemoryError   a run needs more memory than the machine has
├── DamagedFileError           a file under data/ does not hold what was written
│   └── UnreadableFileError    its content cannot be read at all
├── ContentMismatchError       prepared data differ from what their id stands for
├── StorageError               the disk is full or the folder is not writable
├── WorkerDiedError            a worker process ended before its job was done
├── WorkerStartError           worker processes cannot start, or a cluster has none to use
├── OutOfMemoryError           a job needs more memory than it can get
├── DeviceFailedError          a GPU can no longer be used by the process that a job ran in
├── MeasurementError           some measurements of a job failed; the others are kept
└── JobsFailedError            some runs or measurements failed; the rest are kept

`Interrupted` is outside this tree: it is not an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_PROBLEMS = 30  # in one message
# Parts of what a RuntimeError of torch says: of its allocators, of CUDA's driver, and of cuBLAS,
# cuDNN, cuSOLVER and cuFFT.
TORCH_SAYS = ("DefaultCPUAllocator", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED")


class LandscapeError(Exception):
    """Base class of all errors of this project; `exit_code` is that of the command line."""

    exit_code = 1


class UserError(LandscapeError):
    """The input is invalid; no work has been done."""

    exit_code = 2


def shown(value: object, *, longest: int = 200) -> str:
    """A value as messages show it: its `repr`, shortened if it is long.

    >>> shown("text"), shown(10**400, longest=11)
    ("'text'", '1000 … 0000')
    """
    try:
        text = repr(value)
    except (Exception, SystemExit):  # of a user's class, or an integer with too many digits
        return f"a value of type {type(value).__name__}"
    return shortened(text, longest=longest)


def shortened(text: str, *, longest: int = 200) -> str:
    """A text without its middle, if it is long."""
    half = (longest - 3) // 2
    return text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"


def described(error: BaseException, *, longest: int = 2000) -> str:
    """An exception as messages show it: its type and what it says, shortened if it is long.

    >>> described(ValueError("no such thing"))
    'ValueError: no such thing'
    """
    try:
        text = str(error)
    except (Exception, SystemExit):  # of a class that a user defined
        return type(error).__name__
    half = (longest - 3) // 2
    text = text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"
    return f"{type(error).__name__}: {text}"


def message_of(error: BaseException) -> str:
    """What an error says; nothing if it is of a user's class that refuses to say it."""
    try:
        return str(error)
    except Exception:
        return ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, NumPy or torch says that memory could not be allocated.

    torch has a class for its own allocator on a GPU; allocations by CUDA's libraries and on MPS
    are known by what their errors say.
    """
    message = message_of(error)
    says_so = isinstance(error, RuntimeError) and any(word in message for word in TORCH_SAYS)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or says_so


@contextmanager
def own_code(name: str, what: str = "") -> Iterator[None]:
    """Turn what a user's code raises into a `CodeError`: a call, an attribute, a comparison.

    Args:
        name: of the user's function or class.
        what: part of it that is used, for the message.

    Raises:
        CodeError: if it raises anything but an error of this project.
    """
    try:
        yield
    except LandscapeError:
        raise
    except (Exception, SystemExit) as error:  # custom code may raise anything
        raise CodeError(f"{name}{what} failed: {described(error)}") from error


@dataclass(frozen=True)
class Problem:
    """An invalid value in an experiment.

    Attributes:
        path: its dotted path.
        given: the value, or a noun that describes it: what comes after "got".
        allowed: what is allowed; empty if `given` says in its own words what is wrong.
    """

    path: str
    given: str
    allowed: str = ""

    def __str__(self) -> str:
        path, given = shortened(self.path), shortened(self.given)
        return (
            f"{path}: got {given}; allowed: {self.allowed}" if self.allowed else f"{path}: {given}"
        )


class SpecError(UserError):
    """`params.yaml` is not a valid experiment; holds one `Problem` for each invalid value.

    The message lists the first thirty.
    """

    def __init__(self, problems: list[Problem], source: str = "params.yaml") -> None:
        self.problems = problems
        self.source = source
        lines = [f"  {problem}" for problem in problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"  and {len(problems) - MOST_PROBLEMS} more invalid values")
        super().__init__(f"{source}:\n" + "\n".join(lines))


class RecipesError(UserError):
    """A study's `recipes.json` names another version, or other recipes, than are installed."""


class CodeError(UserError):
    """A user's own function cannot be loaded, fails, or returns something invalid."""


class QueryError(UserError):
    """A query that the catalog cannot answer."""


class RepositoryError(UserError):
    """A Git repository, remote or folder that catalogs cannot be collected from."""


class MissingArtifactError(UserError):
    """The output of an earlier stage is missing."""


class DataError(UserError):
    """A dataset is unavailable or invalid; the message says which file to put where."""


class PublishedError(UserError):
    """Published results cannot be imported: they are damaged, hostile, or of another form."""


class CheckpointError(UserError):
    """A user's checkpoint cannot be diagnosed, or does not fit its network or its data."""


class TooLittleMemoryError(UserError):
    """A run needs more memory than the machine has, by a prediction before work starts."""


class DamagedFileError(LandscapeError):
    """A file under `data/` does not hold what was written to it; its content is never used."""


class UnreadableFileError(DamagedFileError):
    """A file under `data/`, or in the shared store, that the operating system does not let read."""


class ContentMismatchError(LandscapeError):
    """Preparing the data again gave other content than their id stands for."""


class StorageError(LandscapeError):
    """A file could not be written: disk full, read-only, or no permission."""


class WorkerDiedError(LandscapeError):
    """A worker process died (killed, out of memory), and the result of its job is lost.

    Attributes:
        deaths: how many workers died during the job, if its executor has tried it more than once.
    """

    def __init__(self, message: str, deaths: int = 1) -> None:
        super().__init__(message)
        self.deaths = deaths


class WorkerStartError(LandscapeError):
    """No worker could be started or used, or all ended before they took a job."""


class OutOfMemoryError(LandscapeError):
    """A job could not allocate the memory that it needs, and its result is lost."""


class DeviceFailedError(LandscapeError):
    """A GPU failed during a job; the process can compute nothing on it any more and must end."""


class Interrupted(BaseException):
    """Ctrl-C or a termination signal. The command-line library swallows `KeyboardInterrupt`."""


class MeasurementError(LandscapeError):
    """Some measurements of a job failed; names them and why. The others are kept."""


class JobsFailedError(LandscapeError):
    """Some jobs of a stage failed; the results of the others are kept."""
