"""Files of jobs on a Dask cluster: which workers see them, and the copies that the others get."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from pathlib import Path

from landscape_catalog.errors import StorageError
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.runner.dask_cluster import Cluster, ClusterWorker
from landscape_catalog.runner.dask_session import Stamp
from landscape_catalog.runner.dask_worker import discard, receive, sees
from landscape_catalog.runner.portable import (
    Input,
    Portable,
    existing_inputs,
    pieces,
    require_content,
    stamp,
    written_folders,
)
from landscape_catalog.store.files import file_sha256, remove, write_file

LARGEST_COPIES = 2**32  # bytes of copies that a worker keeps for later jobs


class Files:
    """The files of a stage's jobs; everything here happens in the event loop of its cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._hashes: dict[tuple[Path, Stamp], str] = {}
        self._tokens: dict[Path, Path] = {}

    async def are_seen(self, worker: ClusterWorker, payload: Portable) -> bool:
        """Whether a worker has the file system of the project and the store.

        It has if it sees tokens that are written into every folder that the job writes to.
        """
        folders = frozenset(written_folders(payload))
        if folders not in worker.sees:
            for folder in folders - set(self._tokens):
                token = folder / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"
                with suppress(StorageError):  # the store may be read-only
                    write_file(token, b"")
                    self._tokens[folder] = token
            tokens = [self._tokens[folder] for folder in folders if folder in self._tokens]
            worker.sees[folders] = await self._cluster.call(worker, sees, tokens)
        return worker.sees[folders]

    async def send(self, worker: ClusterWorker, payload: Portable) -> list[Input]:
        """Send a job's inputs that the worker does not have yet; returns all of them."""
        found = []
        for item in existing_inputs(payload):
            try:
                sha256 = await asyncio.to_thread(self._sha256, item)
                if is_new := worker.held.get(item.path, ("", 0))[0] != sha256:
                    content = await asyncio.to_thread(item.path.read_bytes)
            except FileNotFoundError:  # it was in the store, and has been pruned meanwhile
                continue
            found.append(Input(item.path, sha256))
            if is_new:
                for piece in pieces(content):
                    session = self._cluster.session
                    await self._cluster.call(worker, receive, session, item.path, *piece)
                worker.held[item.path] = sha256, len(content)
            worker.held.move_to_end(item.path)
        await self._discard_oldest(worker, {item.path for item in found})
        return found

    def _sha256(self, item: Input) -> str:
        key = item.path, stamp(item.path)
        if key not in self._hashes:
            self._hashes[key] = file_sha256(item.path)
        require_content(item.path, self._hashes[key], item.sha256)
        return self._hashes[key]

    async def _discard_oldest(self, worker: ClusterWorker, needed: set[Path]) -> None:
        total = sum(size for _, size in worker.held.values())
        oldest = []
        for path, (_, size) in worker.held.items():
            if total <= LARGEST_COPIES or path in needed:
                break
            oldest.append(path)
            total -= size
        if oldest:
            await self._cluster.call(worker, discard, self._cluster.session, oldest)
            for path in oldest:
                del worker.held[path]

    def end(self) -> None:
        """Remove the tokens."""
        for token in self._tokens.values():
            with suppress(StorageError, OSError):
                remove(token)
