"""Takes the catalogs of revisions and folders into a collection, each content once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from landscape_catalog.exchange.collect.collection import Collection
from landscape_catalog.exchange.collect.contents import Files, read_contents, read_manifest
from landscape_catalog.exchange.collect.dvc_cache import CachedFiles
from landscape_catalog.exchange.collect.dvc_lock import CATALOG, LOCK_FILE, catalog_hash
from landscape_catalog.exchange.collect.dvc_remote import RemoteFiles, commits_with_remote
from landscape_catalog.exchange.collect.experiments import Waiting
from landscape_catalog.exchange.collect.folder_files import FolderFiles
from landscape_catalog.exchange.collect.git_objects import blobs_at, read_blobs
from landscape_catalog.exchange.collect.index import Index
from landscape_catalog.exchange.collect.outcome import Outcome, Skipped
from landscape_catalog.exchange.collect.places import Place, published_in, with_refs
from landscape_catalog.exchange.collect.repositories import Folder, Repository
from landscape_catalog.exchange.collect.revisions import Revision
from landscape_catalog.exchange.collect.unusable import Reason, UnreachableError, UnusableError

Output = str | UnusableError | None  # DVC hash of a catalog, why it is unknown, or there is none


@dataclass
class _Lookup:
    """What one project of a repository takes to look up.

    Attributes:
        repository: the repository.
        project: path of the project in it.
        commits: the revisions that are asked for.
        failed: what is wrong with catalogs that could not be read, by DVC hash.
        unreachable: why the DVC remote is not asked any more.
    """

    repository: Repository
    project: str
    commits: list[str]
    failed: dict[str, UnusableError] = field(default_factory=dict)
    unreachable: UnusableError | None = None

    @property
    def file(self) -> str:
        """Path of the catalog in the repository."""
        return str(PurePosixPath(self.project, CATALOG))

    @cached_property
    def caches(self) -> list[Path]:
        """DVC's caches of the project."""
        return self.repository.caches(self.project)

    @cached_property
    def dvc_remote(self) -> str | None:
        """Name of the DVC remote that the project has today."""
        return self.repository.dvc_remote(self.project)

    @cached_property
    def with_remote(self) -> set[str]:
        """The commits at which DVC's configuration names a remote."""
        return commits_with_remote(self.repository.git, self.commits, self.project)


class Collector:
    """One call of `landscape collect`.

    Args:
        collection: what has been collected.
        index: what earlier calls have found out.
        current: fingerprint of `data/catalog`, which is not collected; None: there is none.
        caches: finds DVC's caches of this project, which may hold what another repository made.

    Attributes:
        outcome: what this call has found.
    """

    def __init__(
        self,
        collection: Collection,
        index: Index,
        current: str | None,
        caches: Callable[[], list[Path]],
    ) -> None:
        self.outcome = Outcome()
        self._collection, self._index, self._current = collection, index, current
        self._find_caches = caches

    @cached_property
    def _own_caches(self) -> list[Path]:
        return self._find_caches()

    def add_folder(self, folder: Folder) -> None:
        """Collect the catalogs in a folder's files."""
        for name in folder.catalogs:
            shown = f"{folder.path / name}"
            with self._skipping(shown):
                files = folder.path / name
                place = Place(folder.repository, None, folder.place(name), **published_in(files))
                self._store(FolderFiles(files), place, shown)

    def add_waiting(self, repository: Repository, waiting: list[Waiting]) -> None:
        """Name the experiments without a result."""
        for experiment in waiting:
            reason = Reason.QUEUED if experiment.state == "queued" else Reason.FAILED
            self._skip(reason, _shown(repository, "", experiment.name), "it has no result")

    def add_revisions(self, repository: Repository, revisions: list[Revision]) -> None:
        """Collect the catalogs of a repository's revisions.

        Raises:
            RepositoryError: if Git fails.
            StorageError: if a catalog cannot be written.
        """
        refs: dict[str, set[str]] = defaultdict(set)
        for ref in repository.refs:
            if ref.full != "HEAD":
                refs[ref.name].add(ref.commit)
        commits = [revision.commit for revision in revisions]
        lookups = [_Lookup(repository, project, commits) for project in repository.projects]
        outputs = [(lookup, self._outputs(lookup)) for lookup in lookups]
        for revision in revisions:
            found = [(each, output) for each, o in outputs if (output := o[revision.commit])]
            if not found:
                shown = _shown(repository, "", revision.name)
                self._skip(Reason.NONE, shown, f"no {LOCK_FILE} in it has {CATALOG}")
            for lookup, output in found:
                place = Place(repository.name, revision.commit, lookup.file)
                shown = _shown(repository, lookup.project, revision.name)
                with self._skipping(shown):
                    self._take(lookup, output, with_refs(place, refs), shown)
        self._collection.update_refs(repository.name, refs)

    def _outputs(self, lookup: _Lookup) -> dict[str, Output]:
        """The DVC hash of a project's catalog at each commit."""
        known = self._index.outputs.setdefault(lookup.project, {})
        found: dict[str, Output] = {c: known[c] for c in lookup.commits if c in known}
        unknown = [commit for commit in lookup.commits if commit not in known]
        if not unknown:
            return found
        git = lookup.repository.git
        blobs = blobs_at(git, unknown, str(PurePosixPath(lookup.project, LOCK_FILE)))
        hashes: dict[str | None, Output] = {None: None}
        names = list(dict.fromkeys(name for name in blobs.values() if name))
        for name, content in read_blobs(git, names):
            try:
                hashes[name] = catalog_hash(content)
            except UnusableError as error:
                hashes[name] = error
        for commit in unknown:
            if commit not in blobs:
                found[commit] = UnusableError(Reason.COMMIT, "it is not in the repository")
                continue
            output = found[commit] = hashes[blobs[commit]]
            if not isinstance(output, UnusableError):
                known[commit] = output
        return found

    def _take(self, lookup: _Lookup, output: Output, place: Place, shown: str) -> None:
        """Collect the catalog with a DVC hash, from the cache or else from a DVC remote."""
        if isinstance(output, UnusableError):
            raise output
        assert output is not None
        fingerprint = self._index.fingerprints.get(output)
        if fingerprint and self._is_known(fingerprint, place, shown):
            return
        if output in lookup.failed:
            raise lookup.failed[output]
        caches = tuple(dict.fromkeys((*lookup.caches, *self._own_caches)))
        try:
            self._store(CachedFiles(output, caches), place, shown, output)
        except UnusableError as error:
            if error.reason != Reason.MISSING:
                lookup.failed[output] = error
                raise
            if lookup.dvc_remote is None and place.revision not in lookup.with_remote:
                raise
            self._take_from_remote(lookup, output, place, shown)

    def _take_from_remote(self, lookup: _Lookup, output: str, place: Place, shown: str) -> None:
        if lookup.unreachable is not None:
            raise lookup.unreachable
        assert place.revision is not None
        top = lookup.repository.git.folder
        files = RemoteFiles(top, place.revision, lookup.file, lookup.dvc_remote)
        try:
            self._store(files, place, shown, output)
        except UnreachableError as error:
            lookup.unreachable = error
            raise
        except UnusableError as error:
            lookup.failed[output] = error
            raise

    def _store(self, files: Files, place: Place, shown: str, output: str | None = None) -> None:
        """Read a catalog, and write it unless its content is known.

        Args:
            files: where it is read.
            place: where it was found.
            shown: the revision or folder, for the summary.
            output: its DVC hash; None for files outside DVC.
        """
        manifest = read_manifest(files)
        if output is not None:
            self._index.fingerprints[output] = manifest.fingerprint
        if not self._is_known(manifest.fingerprint, place, shown):
            known = self._collection.folders()
            name = self._collection.add(read_contents(files, manifest), place)
            (self.outcome.mended if name in known else self.outcome.new).append(name)
            self.outcome.experiments[name].append(shown)

    def _is_known(self, fingerprint: str, place: Place, shown: str) -> bool:
        """Whether content is there and sound; if so, its place is noted."""
        name = self._collection.names.get(fingerprint)
        if name is not None and not self._collection.is_sound(name):
            return False
        if name is not None:
            self._collection.note(name, place)
            self.outcome.experiments[name].append(shown)
        elif fingerprint == self._current:
            self.outcome.current.append(shown)
        else:
            return False
        return True

    @contextmanager
    def _skipping(self, shown: str) -> Iterator[None]:
        try:
            yield
        except UnusableError as error:
            self._skip(error.reason, shown, error.detail)

    def _skip(self, reason: Reason, shown: str, detail: str) -> None:
        self.outcome.skipped[reason].append(Skipped(shown, detail))


def _shown(repository: Repository, project: str, name: str) -> str:
    """A revision as the summary shows it: with its repository, and its project if it has more."""
    several = project and len(repository.projects) > 1
    where = [text for text in (repository.name, project if several else "") if text]
    return f"{name} ({', '.join(where)})" if where else name
