from __future__ import annotations

import pytest

from tests.factories import Hub, install


@pytest.fixture
def hub(db: None) -> Hub:
    """A fresh hub; with the mark `django_db(transaction=True)` other threads see it too."""
    return install()
