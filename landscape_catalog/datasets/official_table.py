"""What is known of the published image datasets without reading them, and where they lie.

MD5s and addresses are those of torchvision, which a test compares; kept here, so that planning a
grid imports no torchvision.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from landscape_catalog.datasets.download import Download, files_checksum


@dataclass(frozen=True)
class OfficialDataset:
    """What is known of a published dataset before it is read.

    Attributes:
        reader: torchvision's name of it.
        n_train, n_test: images of the two splits.
        n_classes: number of classes.
        shape: channels, height, width of an image.
        files: path under the data folder, as torchvision lays it out, to MD5.
        mirrors: where its files lie, each ending in a slash; tried in order.
        archive: name and MD5 of the one archive that holds the files, or None if they lie singly.
    """

    reader: str
    n_train: int
    n_test: int
    n_classes: int
    shape: tuple[int, int, int]
    files: dict[str, str]
    mirrors: tuple[str, ...]
    archive: tuple[str, str] | None = None

    @property
    def checksum(self) -> str:
        """SHA-256 of the published MD5s: names the contents without reading them."""
        return files_checksum(self.files)

    def downloads(self, missing: list[str]) -> list[Download]:
        """What to fetch so that the missing ones of `files` are there."""
        wanted = [self.archive] if self.archive else [(path, self.files[path]) for path in missing]
        return [
            Download(path, md5, tuple(mirror + PurePosixPath(path).name for mirror in self.mirrors))
            for path, md5 in wanted
        ]


def _idx(reader: str, md5s: tuple[str, str, str, str], mirrors: tuple[str, ...]) -> OfficialDataset:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    files = {f"{reader}/raw/{name}-ubyte.gz": md5 for name, md5 in zip(names, md5s)}
    return OfficialDataset(reader, 60_000, 10_000, 10, (1, 28, 28), files, mirrors)


OFFICIAL: dict[str, OfficialDataset] = {
    "mnist": _idx(
        "MNIST",
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
    ),
    "fashion_mnist": _idx(
        "FashionMNIST",
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    ),
    "cifar10": OfficialDataset(
        "CIFAR10",
        50_000,
        10_000,
        10,
        (3, 32, 32),
        {
            "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
            "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
            "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
            "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
        ("https://www.cs.toronto.edu/~kriz/",),
        ("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
    ),
    "cifar100": OfficialDataset(
        "CIFAR100",
        50_000,
        10_000,
        100,
        (3, 32, 32),
        {
            "cifar-100-python/train": "16019d7e3df5f24257cddd939b257f8d",
            "cifar-100-python/test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "cifar-100-python/meta": "7973b15100ade9c7d40fb424638fde48",
        },
        ("https://www.cs.toronto.edu/~kriz/",),
        ("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
    ),
    "svhn": OfficialDataset(
        "SVHN",
        73_257,
        26_032,
        10,
        (3, 32, 32),
        {
            "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
            "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
        },
        ("http://ufldl.stanford.edu/housenumbers/",),
    ),
}
