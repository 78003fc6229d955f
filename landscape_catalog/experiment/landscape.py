"""What defines a landscape: the dataset, the network, and the load-like parameters."""

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

LARGEST_VOCABULARY = 1_000_000
YOUR_OWN = "your own `package.module:function`"


class Dataset(Section):
    """The samples that a landscape is built on."""

    name: Annotated[
        Text,
        known_or_custom(*DATASETS),
        Field(description=f"Which dataset: {described_datasets()}, or {YOUR_OWN}."),
    ]
    test_samples: SampleCount = 360
    """Number of test samples, drawn once (images stratified by class) and never corrupted. They
    come from the dataset's own test split, of which `all` takes every sample, and are held out of
    the training data where there is none."""
    seed: Seed = 0
    """Seed of the train/test split, the order of samples, and all noise."""
    resize: Annotated[
        Union[PositiveInt, Annotated[tuple[PositiveInt, PositiveInt], Strict(False)], None],
        allowed("a positive integer below 2^31, two as [height, width], or null"),
        Later(None),
    ] = None
    """Size that images are resampled to: one number for a square, or [height, width]; `null` keeps
    their size."""
    label_noise_mode: Annotated[Literal["different", "any"], Outside()] = "different"
    """A noisy label is drawn from the other classes (`different`) or from all classes (`any`, as in
    the authors' file, where some draws give the true label again)."""
    path: Annotated[FilePath | None, allowed("a path, or null"), Outside()] = None
    """Your own data: for `arrays`, the file (.npz, .safetensors, .parquet); for `text_pairs`, the
    path of the files without the language extension. Ids depend on the files' content, not on their
    location."""
    test_path: Annotated[FilePath | None, allowed("a path, or null"), Outside()] = None
    """The same for a separate test split; `null`: the test set is held out."""
    root: Annotated[FilePath, allowed("a path"), Outside()] = "data/raw"
    """Folder of downloaded files; missing files are downloaded to it."""
    languages: Annotated[
        tuple[FileEnding, FileEnding],
        Strict(False),
        allowed("two file extensions, e.g. [de, en]"),
        Outside(),
    ] = ("de", "en")
    """`text_pairs`: file extensions of the source and the target language."""
    vocabulary: Annotated[
        int, Field(gt=0, le=LARGEST_VOCABULARY), When("name", datasets_using("vocabulary"))
    ] = 8000
    """Translation: size of the joint byte-pair vocabulary, learned on the training pairs."""
    max_words: Annotated[PositiveInt, When("name", datasets_using("max_words"))] = 100
    """`text_pairs`, `iwslt_de_en`: pairs with more words than this on either side are dropped."""
    args: Annotated[dict[Name, Constant], Later({})] = {}
    """Constants for your own dataset function, by parameter name."""
    task: Annotated[
        Text,
        known_or_custom(AUTO, *TASKS),
        Outside(),
        Field(
            description="Defines batches and the loss: `auto` follows the kind of data; otherwise "
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
            "width, the input shape and the number of outputs."
        ),
    ]
    args: Annotated[dict[Name, Constant], Later({})] = {}
    """Constants for the network, such as `batch_norm: false` for vgg11."""


class Load(Section):
    """Load-like parameters: they determine the landscape. A list is an axis of the grid."""

    width: Axis[PositiveInt]
    """Width k of the network (the transformer's embedding dimension). Wider means less load."""
    samples: Axis[SampleCount] = "all"
    """Number of training samples, the first of a fixed shuffle; `all` takes every one."""
    label_noise: Axis[Fraction] = 0.0
    """Fraction of the training labels that are replaced by a different, random class."""
    pixel_noise: Axis[PixelValue] = 0.0
    """Amplitude u of the uniform noise in [0, u] that is added to every training pixel, on the
    0-255 scale; the result is clipped."""
    extra: dict[Name, Axis[Constant]] = {}
    """Custom parameters by name: each is passed to the dataset, model and task functions that have
    a parameter of that name."""
