"""A Docker engine: the one that is there, or one of the tests' own, which leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = ROOT / ".tools" / "debian-with-tools.tar"
"""What mmdebstrap has made for an engine that cannot pull."""

PULLED = "debian:bookworm-slim"

TOOLS = "python3-venv,python3-dev,gcc,libc6-dev,ca-certificates,binutils"


def docker(*arguments: str, timeout: float = 900) -> str:
    """Run docker; its standard output. Fails with what it says where it fails."""
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    command = ["docker", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environment)
    assert done.returncode == 0, f"docker {arguments[0]}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """The address of an engine; one of our own, started in ``folder``, where none answers."""
    if _succeeds("info"):
        yield os.environ.get("DOCKER_HOST", "")
        return
    socket = f"unix://{folder}/docker.sock"
    command = ["dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    command += [f"--host={socket}", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(["docker", "-H", socket, "info"], capture_output=True, check=False).returncode:
            assert process.poll() is None, (folder / "dockerd.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "dockerd does not come up"
            time.sleep(0.2)
        yield socket
    finally:
        process.terminate()
        process.wait(60)
        _unmount_below(folder)
        shutil.rmtree(folder / "data", ignore_errors=True)


def _unmount_below(folder: Path) -> None:
    """The name space of the network of the host stays mounted when the engine ends; nobody could remove the folder."""
    for line in Path("/proc/mounts").read_text().splitlines():
        where = line.split()[1]
        if where.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", where], check=True)


def debian_with_tools(name: str, context: Path) -> None:
    """Have the engine know an image ``name`` of Debian 12 with what the build needs.

    It is the Dockerfile's own where the engine can pull; else, once for all engines, mmdebstrap makes it of packages.
    """
    if _succeeds("image", "inspect", name):
        return
    if not BASE.exists() and _succeeds("pull", PULLED):
        docker("build", "--build-arg", f"BASE={PULLED}", "--target", "tools", "--tag", name, str(context))
        return
    if not BASE.exists():
        assert shutil.which("mmdebstrap"), (
            f"this engine cannot pull {PULLED}, and there is no mmdebstrap to make it with"
        )
        BASE.parent.mkdir(exist_ok=True)
        partial = BASE.with_suffix(".part.tar")
        command = ["mmdebstrap", "--variant=minbase", f"--include={TOOLS}", "bookworm", str(partial)]
        subprocess.run(command, check=True, timeout=900)
        partial.rename(BASE)
    docker("import", str(BASE), name)


def _succeeds(*arguments: str) -> bool:
    return subprocess.run(["docker", *arguments], capture_output=True, check=False).returncode == 0


def sources(folder: Path) -> Path:
    """A copy of what images are built from, in ``folder``: two builds have the same files, whoever writes meanwhile."""
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "models.toml"):
        shutil.copy2(ROOT / name, folder / name)
    for name in ("schemas", "streamproc", "aligner_mypyc", "models", "build/wheels"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def build(context: Path, base: str, target: str, tag: str, *options: str) -> None:
    """Build a target of the Dockerfile of such a copy without a network."""
    arguments = ["--network", "none", "--build-arg", f"BASE={base}", "--target", target, "--tag", tag, *options]
    docker("build", *arguments, str(context))


def fingerprint(tag: str, folder: Path) -> tuple[str, dict[str, str]]:
    """The sha256 of an image's sorted root file system, and of each file: content, rights, owner, link; no times."""
    name = docker("create", tag).strip()
    archive = folder / "root.tar"
    try:
        docker("export", "--output", str(archive), name)
    finally:
        docker("rm", name)
    files: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            told = [member.type.decode(), f"{member.mode:o}", member.uid, member.gid, member.linkname]
            content = tar.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(content.read() if content else b"").hexdigest()
            files[member.name] = json.dumps([*told, digest])
    archive.unlink()
    whole = hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()
    return whole, files
