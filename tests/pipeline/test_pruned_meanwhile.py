"""Work that began with a run in the store goes on if `landscape store prune` removes it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from landscape_catalog.errors import ContentMismatchError
from landscape_catalog.pipeline.train.run_training import _former, _require_same_weights
from landscape_catalog.runner import dask_files
from landscape_catalog.runner.portable import Input
from landscape_catalog.store.cache import run_cache
from landscape_catalog.store.files import remove_whole
from tests.store.test_files_and_cache import a_run


def test_a_run_that_was_trained_again_is_kept_if_the_former_one_is_gone(tmp_path: Path) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    run_id = a_run(tmp_path / "store" / "runs").name
    found = _former(cache, run_id)
    assert found is not None
    folder, record = found
    weights = {"w": np.arange(6.0) + 1}
    with pytest.raises(ContentMismatchError, match="different weights"):
        _require_same_weights(folder, record, record, weights)
    assert remove_whole(folder)
    _require_same_weights(folder, record, record, weights)


def test_a_file_that_is_gone_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is removed after it has been listed."""
    (tmp_path / "there").write_bytes(b"content")
    listed = [Input(tmp_path / "gone"), Input(tmp_path / "there")]
    monkeypatch.setattr(dask_files, "existing_inputs", lambda payload: listed)
    sent = []

    async def call(worker: Any, function: Any, *args: Any) -> None:
        sent.append(args[1])

    worker: Any = SimpleNamespace(held=OrderedDict())
    files = dask_files.Files(SimpleNamespace(call=call, session="s"))  # type: ignore[arg-type]
    found = asyncio.run(files.send(worker, None))  # type: ignore[arg-type]
    assert [item.path for item in found] == sent == [tmp_path / "there"]
