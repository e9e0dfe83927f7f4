"""A process killed in the middle of hashing, burning and pruning leaves a store in which everything agrees."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hubs import ROOT, environment, migrated_home

KILLS = 10
SEED = 4
MAX_BUSY_SECONDS = 0.7
ANSWER_SECONDS = 60


def start(home: Path, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.messaging.tree_worker", str(seed)],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_kills_leave_no_tree_that_disagrees(tmp_path: Path) -> None:
    home, chance = tmp_path / "home", random.Random(SEED)
    shutil.copytree(migrated_home(), home)
    waited: list[int] = []
    held: list[int] = []
    for life in range(KILLS + 1):
        process = start(home, life)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # it has checked what the life before has left
            assert line, process.communicate(timeout=ANSWER_SECONDS)[1]
            held.append(int(line.split()[0]))
            waited.append(int(line.split()[1]))
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=chance.uniform(0.05, MAX_BUSY_SECONDS) if life < KILLS else 0.01)
        finally:
            process.kill()
            process.communicate(timeout=ANSWER_SECONDS)
    assert max(waited[1:]) > 0, "no kill came in the middle of hashing"
    assert held[-1] != held[0]
