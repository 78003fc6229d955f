"""Fashion-MNIST: articles of clothing (Xiao, Rasul and Vollgraf 2017)."""

from __future__ import annotations

from landscape_catalog.datasets.idx import idx_images
from landscape_catalog.datasets.published import published_dataset

IMAGES = idx_images(
    "FashionMNIST",
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
)
DATASET = published_dataset("fashion_mnist", IMAGES)
