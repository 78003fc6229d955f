"""CKA similarity between the outputs of two runs on perturbed training samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from landscape_catalog.errors import Problem
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
from landscape_catalog.metrics.similarity.result import OutputSimilarity, similarity_estimates
from landscape_catalog.schema.fields import (
    LARGE,
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
from landscape_catalog.schema.tables import INTEGER, PAIR_KEY, REAL, TEXT, Column, Row, Table


class SimilaritySettings(Section):
    """Linear CKA between outputs on perturbed training samples, for every pair of a cell."""

    name: Annotated[Text, Field(min_length=1), Outside()] = PRIMARY
    """Name of the probe, unique among several. Classification uses the first probe."""
    samples: int = Field(default=640, ge=20, lt=LARGE)
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
            panel=Panel(6, "CKA similarity", "green: alike", "purplegreen", ".2f"),
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
                Column("probe", TEXT, "name of the probe"),
                Column("cka", REAL, "linear CKA", "1"),
                Column("standard_error", REAL, "jackknife standard error over samples", "1"),
                Column("n", INTEGER, "number of samples"),
                Column("reason", TEXT, "why a value is missing"),
                Column("debiased", REAL, "CKA with the unbiased estimator of HSIC", "1"),
                Column(
                    "debiased_standard_error", REAL, "jackknife standard error over samples", "1"
                ),
                Column(
                    "disagreement",
                    REAL,
                    "share of the samples that are classified differently",
                    "1",
                ),
            ),
            ("cell_id", "run_id", "other_run_id", "probe"),
        )
    }
    pair_columns = (
        Column("cka", REAL, "linear CKA between softmax outputs", "1"),
        Column("cka_standard_error", REAL, "jackknife standard error over samples", "1"),
        Column("cka_debiased", REAL, "the same with the unbiased estimator of HSIC", "1"),
        Column("cka_debiased_standard_error", REAL, "jackknife standard error over samples", "1"),
        Column("cka_n", INTEGER, "number of samples"),
        Column("cka_reason", TEXT, "why a value is missing"),
        Column("disagreement", REAL, "share of those samples that are classified differently", "1"),
    )

    def problems(self, settings: SimilaritySettings, data: MeasuredData) -> list[Problem]:
        """A perturbation that the task does not support on these data."""
        if not data.perturbations or settings.perturbation in data.perturbations:
            return []
        allowed = f"{' or '.join(data.perturbations)} on {data.kind}"
        return [Problem("measure.similarity.perturbation", repr(settings.perturbation), allowed)]

    def drawn_samples(self, settings: SimilaritySettings) -> int:
        """The perturbed samples."""
        return settings.samples

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
        yield from similarity_estimates(results[0])

    def rows(self, probe: str, results: Sequence[OutputSimilarity]) -> dict[str, list[Row]]:
        """A row of `similarities` for each probe."""
        columns = [
            column.name for column in self.tables["similarities"].columns[len(PAIR_KEY) + 1 :]
        ]
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
