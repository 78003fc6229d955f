"""Training of networks, one at a time or side by side, without any file access."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landscape_catalog._lazy import lazy_exports

if TYPE_CHECKING:
    from landscape_catalog.training.checkpoints import Checkpoints, TrainingState
    from landscape_catalog.training.course import EpochRecord, TrainedRun
    from landscape_catalog.training.group import train_group
    from landscape_catalog.training.loop import train
    from landscape_catalog.training.member import Member
    from landscape_catalog.training.recipe import Recipe, rate_factor
    from landscape_catalog.training.replayed import train_replayed
    from landscape_catalog.training.snapshots import Snapshot
    from landscape_catalog.training.stopping import StoppingRule

__all__ = [
    "Checkpoints",
    "EpochRecord",
    "Member",
    "Recipe",
    "Snapshot",
    "StoppingRule",
    "TrainedRun",
    "TrainingState",
    "rate_factor",
    "train",
    "train_group",
    "train_replayed",
]

_ROOM = "landscape_catalog.training"
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Checkpoints": f"{_ROOM}.checkpoints",
        "EpochRecord": f"{_ROOM}.course",
        "Member": f"{_ROOM}.member",
        "Recipe": f"{_ROOM}.recipe",
        "Snapshot": f"{_ROOM}.snapshots",
        "StoppingRule": f"{_ROOM}.stopping",
        "TrainedRun": f"{_ROOM}.course",
        "TrainingState": f"{_ROOM}.checkpoints",
        "rate_factor": f"{_ROOM}.recipe",
        "train": f"{_ROOM}.loop",
        "train_group": f"{_ROOM}.group",
        "train_replayed": f"{_ROOM}.replayed",
    },
)
