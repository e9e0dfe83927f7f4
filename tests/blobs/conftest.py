from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from blobs import files
from tests.factories import Hub, install


@pytest.fixture
def hub(db: None) -> Iterator[Hub]:
    """A fresh hub, and no file of the test before."""
    shutil.rmtree(files.folder(), ignore_errors=True)
    yield install()
    shutil.rmtree(files.folder(), ignore_errors=True)
