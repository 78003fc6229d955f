"""What chooses a landscape: the dataset, the network, and the load-like parameters."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field, Strict

from landscape_catalog.datasets.registry import DATASETS, datasets_using
from landscape_catalog.datasets.registry import described as described_datasets
from landscape_catalog.models.registry import NETWORKS
from landscape_catalog.models.registry import described as described_networks
from landscape_catalog.schema.fields import (
    Axis,
    Constant,
    FileEnding,
    FilePath,
    Fraction,
    Later,
    Name,
    Outside,
    PixelValue,
    PositiveInt,
    SampleCount,
    Section,
    Seed,
    Text,
    When,
    allowed,
    known_or_custom,
)
from landscape_catalog.tasks.registry import AUTO, TASKS

YOUR_OWN = "your own `package.module:function`"


class Dataset(Section):
    """The samples that a landscape is built on."""

    name: Annotated[
        Text,
        known_or_custom(*DATASETS),
        Field(description=f"Which dataset: {described_datasets()}, or {YOUR_OWN}."),
    ]
    test_samples: SampleCount = 360
    """Test samples, drawn once, images stratified by class; they stay clean. Held out where the
    dataset has no test split of its own; `all` takes the whole of that split."""
    seed: Seed = 0
    """Seed of the held-out split, of the order of samples, and of all noise."""
    resize: Annotated[
        Union[PositiveInt, Annotated[tuple[PositiveInt, PositiveInt], Strict(False)], None],
        allowed("a whole number above 0, two of them as [height, width], or null"),
        Later(None),
    ] = None
    """Size that images are resampled to: one number for a square, or [height, width]; `null` leaves
    them as they are."""
    label_noise_mode: Annotated[Literal["different", "any"], Outside()] = "different"
    """A noisy label is drawn from the other classes (`different`) or from all (`any`, as in the
    authors' file, where some draws change nothing)."""
    path: Annotated[FilePath | None, allowed("a path, or null"), Outside()] = None
    """`arrays`: the file (.npz, .safetensors, .parquet). `text_pairs`: the files without their
    language ending. Its content is part of every id, its place is not."""
    test_path: Annotated[FilePath | None, allowed("a path, or null"), Outside()] = None
    """The same for a test split of its own; `null`: the test set is held out."""
    root: Annotated[FilePath, allowed("a path"), Outside()] = "data/raw"
    """Folder of downloaded files; what is missing is downloaded to it."""
    languages: Annotated[
        tuple[FileEnding, FileEnding],
        Strict(False),
        allowed("two file endings, as [de, en]"),
        Outside(),
    ] = ("de", "en")
    """`text_pairs`: file endings of the source and of the target language."""
    vocabulary: Annotated[PositiveInt, When("name", datasets_using("vocabulary"))] = 8000
    """Translation: size of the joint byte-pair vocabulary, learned on the training pairs."""
    max_words: Annotated[PositiveInt, When("name", datasets_using("max_words"))] = 100
    """`text_pairs`, `iwslt_de_en`: pairs in which a side has more words than this are left out."""
    args: Annotated[dict[Name, Constant], Later({})] = {}
    """Constants for your own dataset function, by the names of its parameters."""
    task: Annotated[
        Text,
        known_or_custom(AUTO, *TASKS),
        Outside(),
        Field(
            description="What a batch and its loss are: `auto` goes by the kind of data; else "
            f"{', '.join(f'`{name}`' for name in TASKS)}, or {YOUR_OWN}, which returns a `Task`."
        ),
    ] = AUTO


class Model(Section):
    """The network whose width `load.width` scales."""

    name: Annotated[
        Text,
        known_or_custom(*NETWORKS),
        Field(
            description=f"Which network: {described_networks()}, or {YOUR_OWN}, called with the "
            "width, the shape of an input and the number of outputs."
        ),
    ]
    args: Annotated[dict[Name, Constant], Later({})] = {}
    """Constants for the network, e.g. `batch_norm: false` for vgg11."""


class Load(Section):
    """Load-like parameters: they choose the landscape. A list is an axis of the grid."""

    width: Axis[PositiveInt]
    """Width k of the network (the transformer's embedding dimension). More width is less load."""
    samples: Axis[SampleCount] = "all"
    """How many training samples, the first of a fixed shuffle; `all` takes every one."""
    label_noise: Axis[Fraction] = 0.0
    """Share of the training labels that are replaced by a different, random class."""
    pixel_noise: Axis[PixelValue] = 0.0
    """Uniform noise in [0, u] on every training pixel, on the 0-255 scale, then clipped."""
    extra: dict[Name, Axis[Constant]] = {}
    """Parameters of your own, by name: each goes to the dataset, model or task function that has a
    parameter of that name."""
