"""The result of a diagnosis: what `--json` prints, and what the text and the page show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, PrivateAttr

if TYPE_CHECKING:
    from landscape_catalog.diagnosis.model import DiagnosisModel


class Part(BaseModel):
    """Base class of the parts: frozen, without unknown keys; NaN and infinities become null."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="null"
    )


class CheckpointFacts(Part):
    """A checkpoint."""

    name: str
    """Path of its file as given, or its number."""
    sha256: str
    """Of the file; empty if there is none."""
    parameters: int
    """Number of trainable parameters."""


class DataFacts(Part):
    """The data that checkpoints were measured on."""

    name: str
    """Folder or function."""
    n_train: int
    """Training samples that were used."""
    n_train_available: int
    """Training samples that there are."""
    n_test: int
    """Test samples that were used; 0: there are none."""
    n_test_available: int
    """Test samples that there are."""
    input_shape: tuple[int, ...]
    """Shape of one input."""
    n_classes: int
    """Number of classes."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the network's outputs; empty if they are numbers."""
    preprocessing: str
    """What is done to images, in words."""


class Value(Part):
    """A metric of one checkpoint or of one pair."""

    members: tuple[int, ...]
    """The checkpoint, or the two of a pair, numbered from 1."""
    value: float | None
    """Its value; null if it is missing."""
    error: float | None
    """Its error, in the unit of the value; null if unknown."""
    error_kind: Literal["exact", "standard error", "bound", "unknown"]
    """What kind of error that is."""
    status: Literal["ok", "not converged", "missing"]
    """Whether the estimator met its tolerance."""
    counts: bool
    """Whether it counts towards the mean: curves that have not converged do not."""
    reason: str | None = None
    """Why it is missing or has not converged."""


class MetricFacts(Part):
    """A metric of all checkpoints."""

    metric: str
    """Its name in the catalog."""
    title: str
    """Its name in words."""
    unit: str
    """Unit of its values; empty if it has none."""
    mean: float | None
    """Mean over checkpoints or pairs that count; null if there is none."""
    n: int
    """Number of values that count."""
    standard_error: float | None
    """Of the mean, from the spread over checkpoints; null for pairs, which share checkpoints, and
    if there is a single value."""
    measurement_error: float | None
    """Error of the mean by the errors of its values alone; null if unknown."""
    values: tuple[Value, ...]
    """One for each checkpoint or pair."""


class CurveFacts(Part):
    """A curve between two checkpoints."""

    members: tuple[int, int]
    """The two checkpoints, numbered from 1."""
    t: tuple[float, ...]
    """Positions along the curve, from 0 to 1."""
    train_error: tuple[float | None, ...]
    """Training error at each of them, in percent."""
    test_error: tuple[float | None, ...]
    """Test error at each of them, in percent; null if there are no test data."""
    converged: bool | None
    """Whether the fit has converged; null: unknown."""
    length: int | None
    """Length of the fit."""
    length_unit: str
    """Unit of the length: epochs or updates."""


class PhaseFacts(Part):
    """The phase, or the phases that what is known leaves."""

    rule: str
    """Name of the phase rule."""
    thresholds: dict[str, str]
    """What each threshold is, in words."""
    thresholds_of: str
    """Whose thresholds these are."""
    name: str | None
    """The phase; null if several are possible."""
    possible: tuple[str, ...]
    """The phases that are possible."""
    meanings: dict[str, str]
    """What each of them means."""
    reason: str
    """The comparisons that decide."""
    probabilities: dict[str, float]
    """Probability of each phase for as many fresh runs; empty if unknown."""
    words: str
    """How sure the label is, in words."""


class NeighbourFacts(Part):
    """A cell of the reference with similar metrics."""

    coordinates: dict[str, float | int | str | bool | None]
    """Its parameters, by dotted path."""
    distance: float | None
    """Root mean square difference of the features, in standard deviations over the reference."""
    phase: str
    """Its phase in the reference."""
    test_accuracy: float | None
    """In percent."""


class TestedQuestion(Part):
    """How well a question is answered about cells of the reference that were held out."""

    n: int
    """Number of cells without a tie."""
    accuracy: float
    """Share of right answers."""
    low: float
    """Lower end of its 95% interval."""
    high: float
    """Upper end of it."""
    one_answer: float
    """Accuracy of always the same answer."""
    baselines: dict[str, float]
    """Accuracy of other simple rules."""


class TestedFacts(Part):
    """How good advice is on cells of the reference that were held out."""

    tested_on: str
    """Which cells, in words."""
    questions: dict[str, TestedQuestion]
    """By question."""
    with_all: dict[str, float]
    """By question, the accuracy where no metric is missing."""
    value: float | None
    """What the advised change gains, in percent of what the best one gains."""


class ReferenceFacts(Part):
    """The place in the reference catalog."""

    name: str
    """Of the reference."""
    described: str
    """Its network, dataset and size, in words."""
    citation: str | None
    """Where it was published."""
    method: str
    """Whether its cells were measured as the checkpoints were, in words."""
    outside: tuple[str, ...]
    """A sentence for each metric outside the reference's range."""
    missing: tuple[str, ...]
    """Metrics that the model takes and that are missing."""
    nearest: tuple[NeighbourFacts, ...]
    """The most similar cells, the nearest first."""
    prior: dict[str, float]
    """Share of each phase among the reference's cells: a prior, which the checkpoints do not
    change."""
    questions: dict[str, float]
    """By question, the probability of its first answer."""
    without: tuple[str, ...]
    """Metrics that were missing, so that the advice comes from a model without them."""
    tested: TestedFacts | None
    """How good this advice is on cells of the reference; null without advice."""
    verdicts: tuple[str, ...]
    """A sentence for each question about which the advice is not better than a simpler rule."""


class AdviceFacts(Part):
    """A change of the training, with what it is expected to bring."""

    action: str
    """The change."""
    gain: float | None
    """Expected gain in test accuracy, in percentage points."""
    low: float | None
    """Lower end of the 90% interval of the gain."""
    high: float | None
    """Upper end of it."""
    probability: float | None
    """That it gains more than `versus`, as `reference.questions` has it; null if no question
    compares it with anything."""
    versus: str
    """What it is compared with; empty if with nothing."""
    why: str
    """Why, with numbers."""
    caveat: str
    """What speaks against relying on it; empty if nothing does."""


class Diagnosis(Part):
    """What checkpoints of one network say about its training."""

    version: Literal[2] = 2
    """Version of this form."""
    network: str
    """Function or model of torchvision."""
    checkpoints: tuple[CheckpointFacts, ...]
    """What was diagnosed."""
    data: DataFacts
    """On which data."""
    method: dict[str, str]
    """How each metric was measured, in words."""
    metrics: tuple[MetricFacts, ...]
    """What was measured."""
    curves: tuple[CurveFacts, ...]
    """Curves between checkpoints."""
    phase: PhaseFacts
    """The phase."""
    reference: ReferenceFacts | None
    """The place in the reference; null without one."""
    advice: tuple[AdviceFacts, ...]
    """What to change, the largest expected gain first."""
    no_advice: tuple[str, ...]
    """Why there is no advice, or none that depends on something."""
    more: tuple[str, ...]
    """What further checkpoints would add."""
    remarks: tuple[str, ...]
    """What is to be borne in mind."""

    _model: DiagnosisModel | None = PrivateAttr(None)  # whose cells the page draws

    def metric(self, name: str) -> MetricFacts:
        """A metric by its name in the catalog. Raises KeyError if it was not measured."""
        found = next((one for one in self.metrics if one.metric == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def json_text(self) -> str:
        """The result as strict JSON, with a line feed at its end."""
        return self.model_dump_json(indent=2) + "\n"

    def page(self) -> str:
        """The result as a page of HTML that works offline."""
        from landscape_catalog.diagnosis.page import build_page

        return build_page(self, self._model)

    def __str__(self) -> str:
        from landscape_catalog.diagnosis.text import in_words

        return in_words(self)
