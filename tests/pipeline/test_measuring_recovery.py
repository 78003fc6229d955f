"""A measuring job whose worker died is halved, one without memory made singly; both end in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from landscape_catalog.errors import OutOfMemoryError, WorkerDiedError
from landscape_catalog.pipeline.measure.recovery import DivideAndRetry
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.timings import Work

DIED = WorkerDiedError("its process died (exit code -9); out of memory?")
SHORT = OutOfMemoryError("out of memory: CUDA out of memory")


@dataclass(frozen=True)
class Payload:
    specs: tuple[SimpleNamespace, ...]

    def without(self, keys: set[str]) -> Payload:
        left = tuple(spec for spec in self.specs if spec.measurement_id not in keys)
        return replace(self, specs=left)


def job(specs: Sequence[Any]) -> Job:
    payload = Payload(tuple(specs))
    return Job(named(payload), payload, Work("loss", "resnet18", 1, 1, 1, 0))


def named(payload: Payload) -> str:
    return "".join(spec.measurement_id for spec in payload.specs)


def of(names: str) -> Job:
    return job([SimpleNamespace(measurement_id=name) for name in names])


def recovery(made: str = "") -> DivideAndRetry:
    return DivideAndRetry(lambda key: key in made, job)


def test_without_memory_what_is_left_of_a_job_goes_on_one_by_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recover = recovery(made="bd")
    parts = recover(of("abcdefg"), SHORT)
    assert [named(part.payload) for part in parts] == ["a", "c", "e", "f", "g"]
    assert "5 measurements go on one by one" in caplog.text
    assert [bool(recover(part, SHORT)) for part in [*parts, *parts]] == [True] * 5 + [False] * 5


def test_what_a_dead_worker_has_left_goes_on_in_halves(caplog: pytest.LogCaptureFixture) -> None:
    parts = recovery(made="bd")(of("abcdefg"), DIED)
    assert [named(part.payload) for part in parts] == ["ace", "fg"]
    assert "abcdefg: " in caplog.text
    assert "5 measurements go on in two halves" in caplog.text


def test_a_job_that_has_made_everything_ends_without_work() -> None:
    (rest,) = recovery(made="ab")(of("ab"), DIED)
    assert (rest.name, rest.payload.specs) == ("ab", ())


@pytest.mark.parametrize(("deaths", "tries"), [([1, 1, 1], 3), ([2, 1], 2), ([3], 1)])
def test_a_measurement_is_given_up_after_three_deaths(deaths: list[int], tries: int) -> None:
    recover = recovery(made="b")
    outcomes = [recover(of("ab"), WorkerDiedError("died", count)) for count in deaths]
    assert [[named(part.payload) for part in parts] for parts in outcomes] == [
        *[["a"]] * (tries - 1),
        [],
    ]
    assert recover(of("c"), SHORT)  # another one has its own tries
