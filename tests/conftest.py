"""What every test may use: the folder of real data, the source tree, a browser; Hypothesis' profile."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
collect_ignore = ["plugin"]  # a package of its own, installed and tested by tests/contract/test_plugin.py
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# No test may assert a time, so none is failed by one; derandomised, so a red run can be repeated.
settings.register_profile(
    "tsynth",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# For a search at leisure: HYPOTHESIS_PROFILE=search pytest ...
settings.register_profile("search", settings.get_profile("tsynth"), max_examples=1000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tsynth"))


def _data_folder() -> Path:
    return Path(os.environ.get("TSYNTH_DATA") or ROOT.parent / "shared" / "data")


def _no_data() -> str | None:
    folder = _data_folder()
    return None if folder.is_dir() else f"no real data: {folder} is missing (TSYNTH_DATA names another)"


def _no_source() -> str | None:
    return None if (ROOT / "tsynth" / "__init__.py").is_file() else "no source tree beside the tests"


def _browser() -> str | None:
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def _no_browser() -> str | None:
    # Where a browser is required its absence is a failure, which the fixture raises.
    if _browser() or os.environ.get("TSYNTH_REQUIRE_BROWSER"):
        return None
    return "no headless browser: install Chromium, or set TSYNTH_REQUIRE_BROWSER to make this a failure"


def _no_linux() -> str | None:
    return None if sys.platform == "linux" else "needs Linux"


OBSTACLES = {"needs_data": _no_data, "source": _no_source, "browser": _no_browser, "linux": _no_linux}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reasons = {marker: obstacle() for marker, obstacle in OBSTACLES.items()}
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; a test that asks for it is skipped where the folder is missing."""
    if reason := _no_data():
        pytest.skip(reason)
    return _data_folder()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree; a test that asks for it is skipped where only a wheel is installed."""
    if reason := _no_source():
        pytest.skip(reason)
    return ROOT


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a Chromium that runs headless."""
    found = _browser()
    if found is None:
        if os.environ.get("TSYNTH_REQUIRE_BROWSER"):
            pytest.fail("TSYNTH_REQUIRE_BROWSER is set, but no Chromium is on the path")
        pytest.skip(_no_browser() or "no browser")
    return found
