"""Networks need torch; without it these tests are skipped, with the reason."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `neural` is not installed")
