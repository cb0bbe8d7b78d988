"""The set-up of a fresh machine: what it looks for, what it says when something is missing, and that it does not repeat."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ("bash", "dirname", "cat", "cut", "rm", "sha256sum", "env")

NEW_PYTHON = """#!/usr/bin/env bash
case "$*" in
  *"import ensurepip"*) exit 1 ;;
  *print*) echo 3.12 ;;
esac
"""
OLD_PYTHON = "#!/usr/bin/env bash\nexit 1\n"
NOT_ROOT = "#!/usr/bin/env bash\necho 1000\n"


class Machine:
    """A checkout in a folder with a space in its name, and a PATH that holds only what the test puts there."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "a check out"
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        (self.checkout / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "setup.sh", self.checkout / "tools")
        for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
            (self.checkout / name).write_text(f"# {name}\n")
        for name in TOOLS:
            place = shutil.which(name)
            assert place is not None, name
            (self.bin / name).symlink_to(place)
        self.has("id", NOT_ROOT)

    def has(self, name: str, script: str, folder: Path | None = None) -> None:
        path = (folder or self.bin) / name
        path.write_text(script)
        path.chmod(0o755)

    def set_up(self, what: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "HOME": os.environ.get("HOME", "/")}
        return subprocess.run(
            [str(self.bin / "bash"), str(self.checkout / "tools" / "setup.sh"), what],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_python_it_says_which_is_needed(machine: Machine) -> None:
    done = machine.set_up("run")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def test_a_python_that_is_too_old_is_passed_over(machine: Machine) -> None:
    machine.has("python3", OLD_PYTHON)
    assert "Python 3.11 or newer is needed" in machine.set_up("run").stderr
    machine.has("python3.12", NEW_PYTHON)
    assert "is needed" not in machine.set_up("run").stderr


def test_without_the_venv_module_and_not_as_root_it_says_what_to_install(machine: Machine) -> None:
    machine.has("python3", NEW_PYTHON)
    done = machine.set_up("dev")
    assert done.returncode == 1
    assert "sudo apt-get install python3.12-venv" in done.stderr


def test_missing_engines_are_named_and_do_not_stop_the_tests(machine: Machine) -> None:
    done = machine.set_up("engines")
    assert done.returncode == 0
    if not Path("/usr/lib/postgresql").exists():
        assert "sudo apt-get install postgresql" in done.stderr
    assert "sudo apt-get install chromium" in done.stderr


def test_as_root_what_is_missing_is_installed(machine: Machine) -> None:
    machine.has("id", "#!/usr/bin/env bash\necho 0\n")
    machine.has("apt-get", f'#!/usr/bin/env bash\necho "$@" >>"{machine.bin}/asked"\n')
    assert machine.set_up("engines").returncode == 0
    asked = (machine.bin / "asked").read_text().splitlines()
    assert "update" in asked[0].split()
    assert asked[1].startswith("install -y")
    assert "chromium" in asked[1].split()


def test_what_is_set_up_is_not_set_up_again_until_a_lock_changes(machine: Machine) -> None:
    environment = machine.checkout / ".venv"
    (environment / "bin").mkdir(parents=True)
    machine.has("python", '#!/usr/bin/env bash\necho "$@" >>calls\n', environment / "bin")
    first = machine.set_up("run")
    calls = machine.checkout / "calls"
    assert first.returncode == 0, first.stderr
    assert "--require-hashes" in calls.read_text()

    calls.unlink()
    assert machine.set_up("run").returncode == 0
    assert "pip" not in calls.read_text()

    calls.unlink()
    (machine.checkout / "requirements.lock").write_text("# another\n")
    assert machine.set_up("run").returncode == 0
    assert "--require-hashes" in calls.read_text()


def test_what_the_tests_need_is_enough_to_run(machine: Machine) -> None:
    environment = machine.checkout / ".venv"
    (environment / "bin").mkdir(parents=True)
    machine.has("python", '#!/usr/bin/env bash\necho "$@" >>calls\n', environment / "bin")
    assert machine.set_up("dev").returncode == 0
    (machine.checkout / "calls").unlink()
    assert machine.set_up("run").returncode == 0
    assert "pip" not in (machine.checkout / "calls").read_text()


def test_an_unknown_wish_is_refused(machine: Machine) -> None:
    assert machine.set_up("everything").returncode == 1
