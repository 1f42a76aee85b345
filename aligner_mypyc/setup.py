"""Build the aligner's extension modules with mypyc, or install the same sources interpreted.

Interpreted when ``ALIGNER_MYPYC_INTERPRETED=1``, when mypyc or a C compiler is missing, and in every editable install:
compiled code beside sources that somebody edits would go on running the old sources.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src" / "aligner_mypyc"))
from _compiled import MODULES, STAMP, source_digest  # noqa: E402  the package itself must not be imported here


def _reason_not_to_compile() -> str | None:
    if os.environ.get("ALIGNER_MYPYC_INTERPRETED") == "1":
        return "ALIGNER_MYPYC_INTERPRETED=1"
    if {"editable_wheel", "develop"} & set(sys.argv):
        return "an editable install runs the sources as they are"
    try:
        import mypyc.build  # noqa: F401
    except ImportError:
        return "mypyc is not installed"
    if not _compiler_works():
        return "no working C compiler, or Python's headers are missing"
    return None


def _compiler_works() -> bool:
    if sys.platform == "win32":
        return True  # setuptools finds the compiler itself
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text("#include <Python.h>\nint probe(void) { return PY_MAJOR_VERSION; }\n")
        command = [*shlex.split(compiler), "-I", sysconfig.get_paths()["include"], "-c", str(source)]
        try:
            return subprocess.run([*command, "-o", f"{source}.o"], capture_output=True, check=False).returncode == 0
        except OSError:
            return False


class StampedBuild(build_ext):
    """``build_ext`` that leaves the digest of the compiled sources beside the modules; the package checks it."""

    def run(self) -> None:
        self.force = True  # a build folder left by other sources is no reason to keep its objects
        super().run()
        if self.extensions:
            folder = ROOT / "src" if self.inplace else Path(self.build_lib)
            (folder / "aligner_mypyc" / STAMP).write_text(source_digest(ROOT / "src" / "aligner_mypyc") + "\n")


def _extensions() -> list[Extension]:
    reason = _reason_not_to_compile()
    if reason is not None:
        print(f"aligner-mypyc: installing interpreted: {reason}", file=sys.stderr)
        return []
    from mypyc.build import mypycify

    os.chdir(ROOT)
    extensions: list[Extension] = mypycify(
        [f"src/aligner_mypyc/{module}.py" for module in MODULES],
        opt_level="3",
        group_name="aligner_mypyc",
    )
    for extension in extensions:
        # Calls within the extension need not go through its symbol table: nobody replaces its functions at run time.
        if sys.platform != "win32":
            extension.extra_compile_args += ["-fno-semantic-interposition", "-g0"]
    return extensions


setup(ext_modules=_extensions(), cmdclass={"build_ext": StampedBuild})
