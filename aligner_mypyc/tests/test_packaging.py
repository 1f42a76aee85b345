"""What gets built and installed, with a compiler and without; nothing ever runs code compiled from other sources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

REPORT = """
import json, aligner_mypyc as a
aligner = a.Aligner(a.CostModel(a.Inventory(["x", "y"])))
print(json.dumps([a.COMPILED, a.__version__, aligner.align(b"\\x00\\x01", b"\\x01").hex(), a.__file__]))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the distribution: builds leave folders behind."""
    copy = tmp_path / "aligner_mypyc"
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "*.so", "_compiled_from.txt", ".*_cache")
    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ALIGNER_MYPYC"))}
    result = subprocess.run(
        command, env={**clean, **environment}, capture_output=True, text=True, check=False, timeout=220
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def pip(*arguments: str, **environment: str) -> str:
    done = run(
        [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-deps", "--no-build-isolation"],
        **environment,
    )
    return done.stdout + done.stderr


def wheel(source: Path, **environment: str) -> tuple[Path, str]:
    """(the wheel built from ``source``, what the build said)."""
    folder = source.parent / "wheels"
    said = pip("wheel", "-v", "--wheel-dir", str(folder), str(source), **environment)
    (built,) = folder.glob("*.whl")
    return built, said


def report(path: Path) -> tuple[bool, str, str, str]:
    """What the package found on ``path`` says of itself."""
    done = run([sys.executable, "-c", REPORT], PYTHONPATH=str(path), PYTHONDONTWRITEBYTECODE="1")
    compiled, version, ops, file = json.loads(done.stdout)
    assert Path(file).is_relative_to(path)
    return compiled, version, ops, file


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"ALIGNER_MYPYC_INTERPRETED": "1"}, "installing interpreted: ALIGNER_MYPYC_INTERPRETED=1"),
        ({"CC": "/nowhere/cc"}, "installing interpreted: no working C compiler"),
    ],
)
def test_without_a_compiler_it_installs_and_says_so(
    source: Path, tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    built, said = wheel(source, **environment)
    assert reason in said
    assert built.name.endswith("py3-none-any.whl")
    zipfile.ZipFile(built).extractall(tmp_path / "site")
    assert report(tmp_path / "site")[:3] == (False, "0.1.0", "0300")


EDITABLE = """
import site, sys
before = list(sys.path)
site.addsitedir({site!r})
sys.path[:0] = [path for path in sys.path if path not in before]
"""


def test_an_editable_install_runs_the_sources_as_they_are(source: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip("install", "--target", str(site), "--editable", str(source))
    script = EDITABLE.format(site=str(site)) + REPORT
    compiled, version, _, file = json.loads(run([sys.executable, "-c", script]).stdout)
    assert (compiled, version) == (False, "0.1.0")
    assert Path(file).is_relative_to(source)
    (source / "src" / "aligner_mypyc" / "_version.py").write_text('__version__ = "9.9.9"\n')
    assert json.loads(run([sys.executable, "-c", script]).stdout)[:2] == [False, "9.9.9"]
    assert not list(source.rglob("*.so"))


def refused(site: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    return done.stderr


@pytest.mark.timeout(240)
def test_a_compiled_wheel_is_small_complete_and_runs_only_with_its_own_sources(source: Path, tmp_path: Path) -> None:
    built, _ = wheel(source)
    names = zipfile.ZipFile(built).namelist()
    assert built.stat().st_size < 700_000
    assert "py3-none-any" not in built.name
    assert {"aligner_mypyc/py.typed", "aligner_mypyc/data/english_children.toml"} <= set(names)
    assert not [name for name in names if name.startswith("tests")]
    site = tmp_path / "site"
    zipfile.ZipFile(built).extractall(site)
    assert report(site)[:3] == (True, "0.1.0", "0300")

    # What an old build in place would leave beside sources that went on.
    in_place = source / "src"
    for module in site.rglob("*.so"):
        shutil.copy(module, in_place / module.relative_to(site))
    assert "was built from other sources than the .py files beside it" in refused(in_place)
    shutil.copy(site / "aligner_mypyc" / "_compiled_from.txt", in_place / "aligner_mypyc")
    assert report(in_place)[0] is True
    edited = in_place / "aligner_mypyc" / "ops.py"
    edited.write_text(edited.read_text() + "\nEDITED = True\n")
    assert "was built from other sources than the .py files beside it" in refused(in_place)
