"""The guide to views, followed from an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "guides" / "views.md"


def test_every_command_of_the_guide_does_what_the_guide_says(tmp_path) -> None:
    blocks = re.findall(r"^```\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shown = ""
    for block in blocks:
        if block.startswith(("cat ", "passerelle ")):
            done = subprocess.run(
                ["bash", "-ec", block], cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            shown = done.stdout
        else:
            assert block == shown
    assert (tmp_path / "patients.parquet").exists()
