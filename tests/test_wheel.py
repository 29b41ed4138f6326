"""The wheel works where nothing of the checkout is in sight."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "matcalc", "rules", "cli.py")


def call(*command: str | Path, cwd: Path) -> str:
    """What the command prints; its own errors fail the test."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree so that the tree stays clean."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", copy / "dist", cwd=copy)
    (found,) = (copy / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of a fresh environment that holds the wheel, and sees this one's packages for its dependencies."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    paths = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    scripts = Path(sysconfig.get_path("scripts", "venv", paths))
    call(sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--no-deps", "--no-index", wheel, cwd=home)
    return scripts


def test_the_wheel_holds_the_package_and_the_rules_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = {p.relative_to(ROOT) for p in (ROOT / "matcalc").rglob("*") if p.is_file() and p.suffix != ".pyc"}
    rules = {Path("matcalc") / p.relative_to(ROOT) for p in (ROOT / "rules").rglob("*.toml")}
    assert names == {path.as_posix() for path in package | rules}


def test_the_installed_command_derives_and_confirms(environment: Path, tmp_path: Path) -> None:
    out = call(environment / "matcalc", "logdet(S)", "--wrt", "S", "--format", "text", cwd=tmp_path)
    assert "inv(S)'" in out
    assert "checked" in out


def test_the_installed_package_is_what_answers(environment: Path, tmp_path: Path) -> None:
    code = "import matcalc; print(matcalc.__file__, matcalc.gradient('norm(A*x)^2', 'x'), sep='\\n')"
    home, answer = call(environment / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(home).is_relative_to(environment.parent)
    assert answer == "2*A'*A*x"
