"""A package of another author: installed, found by its entry points, under the public suite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parent.parent / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    pytest.importorskip("hatchling", reason="building the plug-in needs hatchling")
    folder = tmp_path_factory.mktemp("plugin")
    command = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", folder, PLUGIN]
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.slow
def test_plugin_passes_the_public_suite(installed):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        str(PLUGIN / "tests"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, cwd=PLUGIN)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


@pytest.mark.slow
def test_plugin_is_listed_and_a_broken_one_is_caught(installed):
    code = (
        "import tsynth; assert 'toy_independent' in tsynth.list_generators(); "
        "assert 'toy_mean_length' in tsynth.list_scores()\n"
        "from tsynth_toy.generator import ToyIndependent\n"
        "from tsynth.testing import generator_checks\n"
        "import numpy as np\n"
        "class Broken(ToyIndependent):\n"
        "    def _sample(self, entities, streams, conditions):\n"
        "        np.random.uniform()\n"
        "        return super()._sample(entities, streams, conditions)\n"
        "checks = {c.name: c for c in generator_checks(Broken, examples=['events'])}\n"
        "try:\n"
        "    checks['leaves_global_state_alone']()\n"
        "except AssertionError:\n"
        "    print('caught')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=installed)
    assert done.stdout.strip() == "caught", done.stderr
