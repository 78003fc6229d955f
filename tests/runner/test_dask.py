"""Jobs on a Dask cluster of processes: the bytes of the local engine, whatever happens to workers.

`LANDSCAPE_CLUSTER=1 pytest -n 0 tests/runner/test_dask.py -k storm` keeps killing workers and
restarts the scheduler during a whole grid, on four workers (some minutes).
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from landscape_catalog.errors import DamagedFileError, SpecError, WorkerDiedError, WorkerStartError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.pipeline.measure.stage import _job as measuring_job
from landscape_catalog.pipeline.measure.stage import measure_job
from landscape_catalog.pipeline.shared.measurement_specs import losses_of
from landscape_catalog.pipeline.shared.payloads import TrainPayload
from landscape_catalog.pipeline.shared.workspace import Workspace, open_workspace
from landscape_catalog.pipeline.train.checkpoints import RunCheckpoints
from landscape_catalog.pipeline.train.groups import group_key
from landscape_catalog.pipeline.train.stage import _job as training_job
from landscape_catalog.pipeline.train.stage import missing_runs, train_job
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.jobs import run_jobs
from landscape_catalog.runner.portable import Input, Move, Output, Portable, pieces
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.files import write_file
from landscape_catalog.training.checkpoints import TrainingState
from tests.conftest import ROOT, TINY_PARAMS
from tests.runner.cluster import LocalProcesses, can_hide, free_port
from tests.runner.test_executors import job, work
from tests.stages import run_stages, uses_store, wait_until, write_project
from tests.test_pipeline import outputs

pytest.importorskip("distributed")
from landscape_catalog.runner import dask_files, dask_jobs
from landscape_catalog.runner.dask_facts import Facts, facts_of_driver, refusal
from landscape_catalog.runner.dask_worker import ENDED

# Dask measures the time of its own event loop, and leaves sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalProcesses]:
    with LocalProcesses(2) as found:
        yield found


@pytest.fixture
def executor(cluster: LocalProcesses) -> Iterator[Executor]:
    cluster.workers = [worker for worker in cluster.workers if worker.poll() is None]
    while len(cluster.workers) < 2:
        cluster.add_worker()
    with dask(cluster.address) as found:
        wait_until(lambda: found.count == 2)
        yield found


def dask(scheduler: str | None, **settings: Any) -> Executor:
    return chosen_executor(Execution(engine="dask", device="cpu", scheduler=scheduler, **settings))


# Jobs that are nothing but function and payload


def test_jobs_have_the_outcomes_that_they_have_on_every_engine(executor: Executor) -> None:
    payloads = [1, "raise", 2, "exit", "memory", 3]
    ended: dict[str, bool] = {}
    jobs = [job(f"{i}-{payload}", payload) for i, payload in enumerate(payloads)]
    failures = run_jobs(
        executor, work, jobs,
        on_done=lambda job, seconds: ended.update({job.name: seconds is not None}),
    )  # fmt: skip
    assert {name for name, well in ended.items() if well} == {"0-1", "2-2", "5-3"}
    reasons = {failure.name: failure.reason for failure in failures}
    assert reasons["1-raise"] == "ValueError: no such thing"
    assert reasons["3-exit"] == "SystemExit: 3"
    assert "out of memory" in reasons["4-memory"]
    assert "in work" in next(f for f in failures if f.name == "1-raise").details


def test_jobs_have_the_settings_and_the_cache_of_every_engine(cluster: LocalProcesses) -> None:
    with chosen_executor(Execution(engine="serial")) as serial:
        expected = [serial.submit(work, payload).result() for payload in ("settings", "numbers")]
    for _ in range(2):
        with dask(cluster.address) as executor:
            caches = set()
            for _ in range(6):
                executor.submit(work, "spoil").result()
                caches.add(executor.submit(work, "cached").result())
            found = [executor.submit(work, payload).result() for payload in ("settings", "numbers")]
        assert found == expected
        assert caches == {(None, 1), (1, 1)}  # of this executor: the next one's starts empty


def wait_for(path: Path, cache: WorkerCache) -> None:
    """A job that ends when it is interrupted, which it notes down."""
    path.write_text("started")
    try:
        while True:
            time.sleep(0.05)
    finally:
        path.write_text("interrupted")


def test_cancelling_interrupts_the_jobs_on_their_workers(
    cluster: LocalProcesses, tmp_path: Path
) -> None:
    executor = dask(cluster.address)
    futures = [executor.submit(wait_for, tmp_path / name) for name in ("a", "b")]
    paths = [tmp_path / "a", tmp_path / "b"]
    wait_until(lambda: all(path.exists() for path in paths))
    executor.shutdown(cancel=True)
    wait_until(lambda: [path.read_text() for path in paths] == ["interrupted"] * 2)
    assert all(future.cancelled() for future in futures)
    with dask(cluster.address) as other:  # the workers are as good as before
        assert [other.submit(work, n).result() for n in range(4)] == [0, 1, 2, 3]


def test_a_worker_whose_gpu_has_failed_is_ended_and_another_one_does_the_other_jobs(
    cluster: LocalProcesses, executor: Executor
) -> None:
    """The job itself has failed; the death of its worker counts for no job."""
    jobs = [job("bad", "assert", steps=9), *(job(str(number), number) for number in range(8))]
    done: list[str] = []
    failures = run_jobs(
        executor, work, jobs,
        on_done=lambda job, attempt: done.append(job.name) if attempt else None,
    )  # fmt: skip
    words = "RuntimeError: CUDA error: device-side assert triggered"
    assert [(one.name, one.reason) for one in failures] == [("bad", f"{words}; {ENDED}")]
    assert sorted(done) == [str(number) for number in range(8)]
    wait_until(lambda: [worker.poll() for worker in cluster.workers].count(None) == 1)
    cluster.add_worker()
    wait_until(lambda: executor.count == 2)


# Jobs with files, checkpoints and deaths


def read_number(path: Path) -> int:
    try:
        return int(path.read_text())
    except ValueError:
        raise DamagedFileError(f"{path} is damaged") from None


@dataclass(frozen=True)
class Counting:
    """Counts up to `steps` for each key, with a checkpoint after each step.

    Attributes:
        notes: a folder for the test, which every worker sees: it is not moved.
        deaths: at which steps the worker kills itself, each once; it waits until the stage has
            the checkpoint.
    """

    cache: ArtifactCache
    data: Path
    partial: Path
    keys: tuple[str, ...]
    notes: Path
    steps: int = 3
    deaths: tuple[int, ...] = ()

    def inputs(self) -> list[Input]:
        return [Input(self.data, NUMBER_SHA256)]

    def outputs(self) -> list[Output]:
        return [Output(self.cache, key, self.partial / f"{key}.checkpoint") for key in self.keys]

    def moved(self, to: Move) -> Counting:
        return replace(
            self, cache=self.cache.moved(to), data=to(self.data), partial=to(self.partial)
        )

    def without(self, keys: Collection[str]) -> Counting:
        return replace(self, keys=tuple(key for key in self.keys if key not in keys))


NUMBER_SHA256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"  # of "1"


def count_up(payload: Counting, cache: WorkerCache) -> None:
    for output in payload.outputs():
        checkpoint = output.checkpoint
        assert checkpoint is not None
        number = read_number(checkpoint) if checkpoint.exists() else 0
        while number < payload.steps:
            number += read_number(payload.data)
            with (payload.notes / output.key).open("a") as stream:
                stream.write(f"{number} ")
            write_file(checkpoint, str(number).encode())
            died = payload.notes / f"died at {number}"
            if number in payload.deaths and not died.exists():
                kept = payload.notes.parent / "store" / "partial" / checkpoint.name
                wait_until(lambda: kept.exists() and kept.read_text() == str(number))  # noqa: B023
                (output.path.parent / ".tmp-unfinished").write_text("as if it was just writing")
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        write_file(output.path, str(number).encode())
        payload.cache.share(output.key)
        checkpoint.unlink()


def counting(folder: Path, *keys: str, **settings: Any) -> Counting:
    store, notes = folder / "store", folder / "notes"
    notes.mkdir(exist_ok=True)
    (folder / "data").write_text("1")
    cache = ArtifactCache(folder / "local", store / "numbers", ".txt", read_number)
    return Counting(cache, folder / "data", store / "partial", keys, notes, **settings)


@pytest.fixture(params=["shared", "apart"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether workers find the tokens by which they are taken to see the same files."""
    monkeypatch.setattr(dask_jobs, "SECONDS_BETWEEN_COLLECTIONS", 0.1)
    if request.param == "apart":
        monkeypatch.setattr(dask_files, "write_file", lambda path, content: None)
    return str(request.param)


def files(folder: Path) -> dict[str, str]:
    found = [path for path in folder.rglob("*") if path.is_file() and "notes" not in path.parts]
    return {str(path.relative_to(folder)): path.read_text() for path in found}


FINISHED = {"data": "1"} | {
    f"{where}/{key}.txt": "3" for where in ("local", "store/numbers") for key in ("one", "two")
}


def test_a_job_reads_and_writes_the_same_files_wherever_it_runs(
    executor: Executor, place: str, tmp_path: Path
) -> None:
    payload = counting(tmp_path, "one", "two")
    assert isinstance(payload, Portable)
    executor.submit(count_up, payload).result()
    executor.shutdown()  # which removes the tokens
    assert files(tmp_path) == FINISHED


@pytest.mark.slow
def test_after_a_death_a_job_continues_elsewhere_from_its_checkpoint(
    executor: Executor, place: str, cluster: LocalProcesses, tmp_path: Path
) -> None:
    """Neither the finished artifact of the job nor steps before the checkpoint are repeated."""
    payload = counting(tmp_path, "one", "two")
    executor.submit(count_up, replace(payload, keys=("one",))).result()
    dying = replace(payload, keys=("two",), deaths=(2,))
    executor.submit(count_up, dying).result()
    cluster.workers = [worker for worker in cluster.workers if worker.poll() is None]
    assert len(cluster.workers) == 1
    executor.shutdown()
    assert files(tmp_path) == FINISHED
    assert [(tmp_path / "notes" / key).read_text() for key in ("one", "two")] == ["1 2 3 "] * 2


@pytest.mark.slow
def test_a_lost_scheduler_is_waited_for_and_nothing_finished_is_repeated(
    cluster: LocalProcesses, executor: Executor, tmp_path: Path
) -> None:
    payload = counting(tmp_path, "one", "two")
    executor.submit(count_up, replace(payload, keys=("one",))).result()
    waiting = executor.submit(wait_for_release, tmp_path / "release")
    wait_until(lambda: (tmp_path / "release started").exists())
    second = executor.submit(count_up, replace(payload, keys=("two",)))
    wait_until(second.done)
    cluster.restart_scheduler()
    (tmp_path / "release").touch()
    while cluster.workers:
        cluster.kill_worker()
    cluster.add_worker()
    assert waiting.result(timeout=60) is None
    executor.shutdown()
    assert {
        name: text for name, text in files(tmp_path).items() if "release" not in name
    } == FINISHED
    assert [(tmp_path / "notes" / key).read_text() for key in ("one", "two")] == ["1 2 3 "] * 2
    assert (tmp_path / "release started").read_text() == "once once "


def wait_for_release(path: Path, cache: WorkerCache) -> None:
    with path.with_name(f"{path.name} started").open("a") as stream:
        stream.write("once ")
    wait_until(path.exists)


@pytest.mark.slow
def test_a_job_whose_worker_dies_three_times_without_progress_fails(
    cluster: LocalProcesses, executor: Executor
) -> None:
    dying = executor.submit(work, "die")
    for _ in range(2):
        wait_until(lambda: any(worker.poll() is not None for worker in cluster.workers))
        cluster.workers = [worker for worker in cluster.workers if worker.poll() is None]
        cluster.add_worker()
    with pytest.raises(WorkerDiedError, match="died 3 times without a new checkpoint") as error:
        dying.result(timeout=60)
    assert error.value.deaths == 3
    cluster.workers = [worker for worker in cluster.workers if worker.poll() is None]
    assert executor.submit(work, 5).result(timeout=60) == 5


def test_deaths_are_counted_from_the_last_progress(tmp_path: Path) -> None:
    payload = counting(tmp_path, "one", "two")
    course = dask_jobs._Job(count_up, payload)
    course.count_death(), course.count_death()
    write_file(payload.partial / "two.checkpoint", b"1")
    course.count_death(), course.count_death()
    write_file(payload.cache.path("one"), b"3")
    course.drop_finished()
    assert course.payload.keys == ("two",)
    course.count_death(), course.count_death()
    with pytest.raises(WorkerDiedError):
        course.count_death()


def test_a_worker_that_sees_other_data_is_refused(executor: Executor, tmp_path: Path) -> None:
    payload = counting(tmp_path, "one")
    (tmp_path / "data").write_text("2")
    with pytest.raises(
        WorkerStartError,
        match=r"no Dask worker can be used. tcp.*it sees other data.*data has other",
    ):
        executor.submit(count_up, payload).result(timeout=60)
    assert not payload.cache.has("one")


def test_what_arrives_damaged_is_not_kept(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "local", tmp_path / "store", ".txt", read_number)
    with pytest.raises(DamagedFileError):
        cache.receive("one", {"one.txt": b"three"})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    for number in (b"3", b"4"):
        cache.receive("one", {"one.txt": number})
        assert cache.path("one").read_bytes() == cache.shared_path("one").read_bytes() == number


def test_files_are_sent_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape_catalog.runner.portable.LARGEST_PIECE", 4)
    for content in (b"", b"abc", b"abcd", b"abcdefghi"):
        found = list(pieces(content))
        assert b"".join(piece for _, piece, _ in found) == content
        assert [start for start, _, _ in found] == [4 * i for i in range(len(found))]
        assert [sha256 is not None for *_, sha256 in found] == [False] * (len(found) - 1) + [True]


# Which clusters and workers are used


def refused(scheduler: str | None) -> str:
    with pytest.raises(SpecError) as error:
        _ = dask(scheduler).count
    return str(error.value)


def test_a_missing_scheduler_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "execution.scheduler: got null; allowed: the address of a Dask scheduler" in refused(
        None
    )
    nowhere = f"tcp://127.0.0.1:{free_port()}"
    assert f"execution.scheduler: got '{nowhere}'; allowed: a running Dask" in refused(nowhere)
    assert "allowed: the address of a Dask scheduler: unknown address scheme" in refused(
        "ftp://x:1"
    )
    assert "allowed: the address of a Dask scheduler: TLS expects" in refused("tls://127.0.0.1:1")
    monkeypatch.setattr("landscape_catalog.runner.dask_cluster.SECONDS_TO_CONNECT", 1)
    assert "none answered within 1 seconds" in refused(str(tmp_path / "none.json"))
    with LocalProcesses() as empty:
        monkeypatch.setattr("landscape_catalog.runner.dask_cluster.SECONDS_TO_CONNECT", 30)
        monkeypatch.setattr("landscape_catalog.runner.dask_cluster.SECONDS_FOR_FIRST_WORKER", 0)
        assert "at least one worker: this one has none" in refused(empty.address)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "execution.engine: got 'dask'; allowed: local or serial" in refused(nowhere)


def test_a_stage_without_work_needs_no_cluster() -> None:
    with dask("tcp://127.0.0.1:1"):
        pass


def test_unsuitable_workers_are_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "landscape_catalog", tmp_path / "landscape_catalog")
    (tmp_path / "landscape_catalog" / "paths.py").open("a").write("\n")
    with LocalProcesses() as cluster:
        cluster.add_worker(threads=2), cluster.add_worker(code=tmp_path)
        wait_until(lambda: cluster.log().count("Register worker") == 2)
        words = refused(cluster.address)
    assert "a scheduler with a worker that can be used. tcp://" in words
    assert "it has 2 threads, which would share torch's random state" in words
    assert "it has another version of landscape_catalog: its source has the hash" in words


def test_reasons_for_refusal() -> None:
    driver = facts_of_driver()
    good = dataclasses.replace(driver, process="another", hardware="x86_64 AVX2, cpu")
    assert refusal(good, driver, "cpu") is None

    def reason(**changes: Any) -> str:
        return str(refusal(dataclasses.replace(good, **changes), driver, "cuda"))

    torch = driver.versions["torch"]
    assert f"torch 1.0 instead of {torch}" in reason(versions={**good.versions, "torch": "1.0"})
    assert reason(versions={**good.versions, "Python": "2.7"}).startswith("it has Python 2.7")
    assert "no device `cuda`" in reason(hardware=None)
    assert "shares the process of the stage" in reason(process=driver.process)
    assert "no landscape_catalog" in str(refusal(ModuleNotFoundError("x"), driver, "cpu"))
    full = RuntimeError("CUDA out of memory. Tried to allocate 2.00 MiB")
    assert "its GPU has no memory left" in str(refusal(full, driver, "cuda"))
    assert isinstance(good, Facts)


# Whole experiments

PARAMS = TINY_PARAMS.replace("batch_size: [16, 32]", "batch_size: 16").replace("[1, 2]", "1")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("local")
    folder = write_project(base / "grid", PARAMS)
    run_stages(folder, base / "store")
    return folder


def on_dask(folder: Path, address: str, params: str = PARAMS) -> Path:
    engine = f"engine: dask\n  scheduler: {address}"
    return write_project(folder, params.replace("engine: serial", engine))


@pytest.mark.slow
def test_an_experiment_gives_the_same_bytes_with_a_shared_folder(
    local: Path, cluster: LocalProcesses, executor: Executor, tmp_path: Path
) -> None:
    folder = on_dask(tmp_path / "grid", cluster.address)
    run_stages(folder, tmp_path / "store")
    assert outputs(folder) == outputs(local)


@pytest.mark.slow
def test_an_experiment_gives_the_same_bytes_without_a_shared_folder(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers see an empty folder where project and store are, if the system can do that."""
    base = tmp_path / "of the stage"
    base.mkdir()
    hidden = base if can_hide() else None
    if hidden is None:
        monkeypatch.setattr(dask_files, "write_file", lambda path, content: None)
    with LocalProcesses(2, hidden=hidden) as cluster:
        folder = on_dask(base / "grid", cluster.address)
        run_stages(folder, base / "store")
    assert outputs(folder) == outputs(local)


STEP_OF_DEATH = 5


def train_and_die(kept: Path, notes: Path, payload: TrainPayload, cache: WorkerCache) -> None:
    """Train, and note each checkpoint; the first worker dies once the stage has those of a step."""
    save = RunCheckpoints.save

    def save_and_note(checkpoints: RunCheckpoints, state: TrainingState) -> None:
        save(checkpoints, state)
        run_id, done = checkpoints._key.run_id, state.values["done"]
        with (notes / run_id).open("a") as stream:
            stream.write(f"{done} ")
        died = notes / "died"
        last = run_id == payload.runs[-1].run_id
        if last and done == STEP_OF_DEATH and not died.exists():
            paths = [output.checkpoint for output in payload.outputs() if output.checkpoint]
            wait_until(lambda: all(has_same_bytes(path, kept / path.name) for path in paths))
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    with mock.patch.object(RunCheckpoints, "save", save_and_note):
        train_job(payload, cache)


def has_same_bytes(path: Path, other: Path) -> bool:
    return other.exists() and other.read_bytes() == path.read_bytes()


@pytest.fixture
def workspace(local: Path, tmp_path: Path) -> Workspace:
    """A copy of the experiment in which nothing has been trained; checkpoints after each step."""
    params = PARAMS.replace("execution:", "execution:\n  checkpoint_seconds: 0.000001")
    folder = write_project(tmp_path / "grid", params)
    shutil.copytree(local / "data" / "prepared", folder / "data" / "prepared")
    with uses_store(tmp_path / "store"):
        return open_workspace(folder)


@pytest.mark.slow
def test_the_runs_of_a_group_continue_elsewhere_from_their_checkpoints(
    local: Path, executor: Executor, place: str, workspace: Workspace, tmp_path: Path
) -> None:
    runs = missing_runs(workspace)
    payload = training_job(workspace, runs, device="cpu").payload
    assert len(runs) == 2 and len({group_key(run) for run in runs} - {None}) == 1
    notes = tmp_path / "notes"
    notes.mkdir()
    executor.submit(partial(train_and_die, payload.partial, notes), payload).result()
    executor.shutdown()
    assert (notes / "died").exists()
    for run in runs:
        steps = [int(step) for step in (notes / run.run_id).read_text().split()]
        assert steps == list(range(1, len(steps) + 1)) and len(steps) > STEP_OF_DEATH
    for trained in (workspace.project.runs, workspace.store / "runs"):
        assert contents(trained) == contents(local / "data" / "runs")
    assert contents(payload.partial) == {}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".gitignore"
    }


def test_a_job_of_which_everything_is_finished_does_nothing(
    executor: Executor, place: str, workspace: Workspace, tmp_path: Path
) -> None:
    runs = missing_runs(workspace)
    trained = training_job(workspace, runs, device="cpu").payload
    specs = tuple(losses_of(runs, workspace.experiment.measure))
    measured = measuring_job(workspace, specs, device="cpu").payload
    before = contents(tmp_path)
    for function, payload in ((train_job, trained), (measure_job, measured)):
        rest = payload.without({output.key for output in payload.outputs()})
        assert list(payload.outputs()) and not list(rest.outputs())
        assert executor.submit(function, rest).result() is None
    executor.shutdown()
    assert contents(tmp_path) == before


STORM = TINY_PARAMS.replace("seeds: 2", "seeds: 4").replace(
    "execution:", "execution:\n  checkpoint_seconds: 0.5"
)
SECONDS_BETWEEN_KILLS = 3.0


@pytest.mark.slow
@pytest.mark.skipif("LANDSCAPE_CLUSTER" not in os.environ, reason="takes some minutes")
@pytest.mark.parametrize("shared", [True, False])
def test_a_storm_changes_no_byte_and_repeats_nothing_finished(
    shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four workers, of which one is killed every few seconds, and a scheduler that dies once.

    A job that is killed three times is a failure, as it should be; chance has to be unkind for that.
    """
    local = write_project(tmp_path / "local", STORM)
    run_stages(local, tmp_path / "store of local")
    base = tmp_path / "of the stage"
    base.mkdir()
    if not shared and not can_hide():
        pytest.skip("no folder can be hidden here")
    repeated = []
    attempt = dask_jobs.Jobs._attempt

    async def watched(jobs: Any, course: Any, worker: Any) -> Any:
        repeated.extend(output.key for output in course.outputs() if course._is_finished(output))
        return await attempt(jobs, course, worker)

    monkeypatch.setattr(dask_jobs.Jobs, "_attempt", watched)
    with LocalProcesses(4, hidden=None if shared else base) as cluster:
        folder = on_dask(base / "grid", cluster.address, STORM)
        over, kills = threading.Event(), []

        def finished() -> int:
            return sum(
                1 for name in ("runs", "measurements") for _ in folder.glob(f"data/{name}/*")
            )

        def storm() -> None:
            """Kill, at most so often that something is finished in between."""
            former, chance = 0, random.Random(7)
            while not over.wait(SECONDS_BETWEEN_KILLS):
                if finished() == former:
                    continue
                former = finished()
                kills.append("worker")
                chance.shuffle(cluster.workers)
                cluster.kill_worker()
                if "scheduler" not in kills and len(list(folder.glob("data/runs/*"))) > 3:
                    kills.append("scheduler")
                    cluster.restart_scheduler()
                cluster.workers = [process for process in cluster.workers if process.poll() is None]
                while len(cluster.workers) < 4:
                    cluster.add_worker()

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            run_stages(folder, base / "store")
        finally:
            over.set()
            thread.join()
    print(f"{kills.count('worker')} workers and {kills.count('scheduler')} scheduler were killed")
    assert "scheduler" in kills
    assert outputs(folder) == outputs(local)
    assert not repeated
