"""CKA similarity between the outputs of two runs on perturbed training samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.estimate import Estimate, binomial_error
from landscape_catalog.metrics.influences import influences_of_share, unpacked
from landscape_catalog.metrics.metric import (
    PRIMARY,
    Cost,
    MeasuredData,
    Metric,
    Named,
    Panel,
    Quantity,
    Slice,
)
from landscape_catalog.schema.fields import (
    Added,
    Fraction,
    Later,
    Outside,
    PixelValue,
    PositiveFloat,
    Section,
    Seed,
    Text,
    When,
)
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import INTEGER, PAIR_KEY, REAL, TEXT, Row, Table


class SimilaritySettings(Section):
    """Linear CKA between outputs on perturbed training samples, for every pair of a cell."""

    name: Annotated[Text, Field(min_length=1), Outside()] = PRIMARY
    """Name of the probe, unique among several. Classification uses the first probe."""
    samples: int = Field(default=640, ge=20)
    """Number of perturbed training samples."""
    perturbation: Literal["mixup", "pixel_noise", "token_noise"] = "mixup"
    """`mixup`: mixtures of two images; `pixel_noise`: uniform noise on each pixel; `token_noise`:
    for text, some tokens replaced by other tokens of the training set."""
    alpha: Annotated[PositiveFloat, When("perturbation", ("mixup",))] = 16.0
    """Mixup: the mixing coefficient is drawn from Beta(alpha, alpha)."""
    coefficient: Annotated[Literal["sample", "batch"], Later("sample")] = "sample"
    """Mixup: one coefficient per sample (the paper) or per 128 samples (its code)."""
    noise: Annotated[PixelValue, When("perturbation", ("pixel_noise",))] = 40.0
    """Pixel noise: uniform in [0, u], with u on the 0-255 scale."""
    rate: Annotated[Fraction, When("perturbation", ("token_noise",))] = 0.1
    """Token noise: fraction of the tokens that are replaced, in the source and in the decoder's
    input."""
    draw: Annotated[Literal["shared", "pair"], Later("shared")] = "shared"
    """`shared`: all pairs use the same samples, so that each network is evaluated once; `pair`:
    each pair draws its own samples (the authors' code)."""
    layer: Annotated[Annotated[Text, Field(min_length=1)] | None, Later(None)] = None
    """Compare the output of this inner module, given by its name in torch (`layer3`), instead of
    the softmax outputs (the paper's footnote 2)."""
    seed: Annotated[Seed, Added(0)] = 0
    """Seed of the perturbed samples; another one draws them anew."""

    def content(self) -> dict[str, Any]:
        """As for every section, but without `coefficient` unless it has an effect (mixup)."""
        content = super().content()
        return {
            k: v for k, v in content.items() if k != "coefficient" or self.perturbation == "mixup"
        }


@dataclass(frozen=True)
class OutputSimilarity:
    """Biased and debiased CKA of two networks on the same samples, and their disagreement."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    cka: float
    """Biased linear CKA of the outputs on perturbed samples, between 0 and 1."""
    standard_error: float
    """Jackknife standard error over samples."""
    n: int
    """Number of perturbed samples."""
    reason: str | None = None
    """Why a number is NaN; the first reason if there are several."""
    debiased: float | None = None
    """CKA with the unbiased estimator of HSIC, at most 1."""
    debiased_standard_error: float | None = None
    """Jackknife standard error of the debiased CKA."""
    disagreement: float | None = None
    """Share of the samples that the two networks classify differently; null if there are no
    classes."""
    draw: Literal["shared", "pair"] = "shared"
    """Whether all pairs of a cell are compared on the same samples. Older records do not know; as
    `shared`, their errors are upper bounds for the error of a cell's mean."""
    influences: list[int] | None = field(default=None, repr=False)
    """What each sample adds to `standard_error`, in steps of 1e-4 of it: sqrt((n-1)/n) times the
    deviation of the estimate without the sample from the mean of these. Null in older records."""
    debiased_influences: list[int] | None = field(default=None, repr=False)
    """The same for `debiased_standard_error`."""
    differing: list[int] | None = field(default=None, repr=False)
    """The samples, from 0, that the two networks classify differently. Null in older records."""
    metric: Literal["similarity"] = field(default="similarity", kw_only=True)
    """Which metric."""


class SimilarityMetric(Metric):
    """Linear CKA of a pair, biased and debiased, and the networks' disagreement on classes."""

    name = "similarity"
    scope = "pair"
    result = OutputSimilarity
    recipes: ClassVar = {"similarity": 2}  # 2: the delete-one jackknife, the debiased form
    section = "similarity"
    owns_section = True
    settings = SimilaritySettings
    many = True
    describes = "CKA similarity; a list measures the same runs with several probes."
    quantities = (
        Quantity(
            "cka",
            panel=Panel(6, "CKA similarity", "brighter is more similar", number=".2f"),
            slice=Slice("CKA similarity", "higher is more similar"),
        ),
        Quantity("cka_debiased"),
        Quantity("disagreement"),
    )
    tables: ClassVar = {
        "similarities": Table(
            "two converged runs of a cell, compared by one probe",
            (
                *PAIR_KEY,
                ("probe", TEXT, "name of the probe"),
                ("cka", REAL, "linear CKA"),
                ("standard_error", REAL, "jackknife standard error over samples"),
                ("n", INTEGER, "number of samples"),
                ("reason", TEXT, "why a value is missing"),
                ("debiased", REAL, "CKA with the unbiased estimator of HSIC"),
                ("debiased_standard_error", REAL, "jackknife standard error over samples"),
                ("disagreement", REAL, "share of the samples that are classified differently"),
            ),
            ("cell_id", "run_id", "other_run_id", "probe"),
        )
    }
    pair_columns = (
        ("cka", REAL, "linear CKA between softmax outputs"),
        ("cka_standard_error", REAL, "jackknife standard error over samples"),
        ("cka_debiased", REAL, "the same with the unbiased estimator of HSIC"),
        ("cka_debiased_standard_error", REAL, "jackknife standard error over samples"),
        ("cka_n", INTEGER, "number of samples"),
        ("cka_reason", TEXT, "why a value is missing"),
        ("disagreement", REAL, "share of those samples that are classified differently"),
    )

    def problems(self, settings: SimilaritySettings, data: MeasuredData) -> list[Problem]:
        """A perturbation that the task does not support on these data."""
        if not data.perturbations or settings.perturbation in data.perturbations:
            return []
        allowed = f"{' or '.join(data.perturbations)} on {data.kind}"
        return [Problem("measure.similarity.perturbation", repr(settings.perturbation), allowed)]

    def method(self, settings: SimilaritySettings) -> str:
        """What is compared, on which samples."""
        where = f" of {settings.layer}" if settings.layer else ""
        drawn = ", drawn for each pair" if settings.draw == "pair" else ""
        return f"biased linear CKA{where}, {settings.perturbation.replace('_', ' ')}{drawn}"

    def cost(self, settings: SimilaritySettings, samples: int) -> Cost:
        """One forward pass over the perturbed samples."""
        return Cost(settings.samples, 1, 1)

    def estimates(self, results: Sequence[OutputSimilarity]) -> Iterator[Named]:
        """Both forms of CKA and the disagreement; they share one reason if values are missing."""
        found = results[0]
        disagreement, n = found.disagreement, found.n
        se, debiased_se = found.standard_error, found.debiased_standard_error
        numbers = {
            "cka": (found.cka, se, unpacked(found.influences, se)),
            "cka_debiased": (
                found.debiased,
                debiased_se,
                unpacked(found.debiased_influences, debiased_se),
            ),
            "disagreement": (
                disagreement,
                None if disagreement is None else binomial_error(disagreement, n),
                None if found.differing is None else influences_of_share(found.differing, n),
            ),
        }
        shared = found.draw == "shared"
        for name, (value, error, influences) in numbers.items():
            if value is None or error is None:
                continue  # a record of the first version, or no classes
            reason = found.reason if math.isnan(value) or math.isnan(error) else None
            kind: Literal["unknown", "standard error"] = (
                "unknown" if math.isnan(error) else "standard error"
            )
            yield (
                name,
                Estimate(
                    value,
                    error,
                    kind,
                    n,
                    "samples",
                    reason=reason,
                    shared_draw=shared,
                    influences=influences if shared else None,
                ),
            )

    def rows(self, probe: str, results: Sequence[OutputSimilarity]) -> dict[str, list[Row]]:
        """A row of `similarities` for each probe."""
        columns = [name for name, _, _ in self.tables["similarities"].columns[len(PAIR_KEY) + 1 :]]
        rows = [
            {"probe": probe} | {name: getattr(result, name) for name in columns}
            for result in results
        ]
        return {"similarities": rows}

    def pair_row(self, results: Sequence[OutputSimilarity]) -> Row:
        """Both forms of CKA and the disagreement."""
        found = results[0]
        return {
            "cka": found.cka,
            "cka_standard_error": found.standard_error,
            "cka_debiased": found.debiased,
            "cka_debiased_standard_error": found.debiased_standard_error,
            "cka_n": found.n,
            "cka_reason": found.reason,
            "disagreement": found.disagreement,
        }
