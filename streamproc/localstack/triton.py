"""NVIDIA's Triton Inference Server on this machine's CPU, with the Python backend, from the nvidia-pytriton wheel."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import sys
import sysconfig
import urllib.request
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

from streamproc.localstack.errors import StackError
from streamproc.localstack.packages import Report, cache_folder, log_progress, numpy_folder, triton_folder
from streamproc.localstack.ports import HOST, KeptPorts, accepts
from streamproc.localstack.private import private_folder
from streamproc.localstack.processes import ProcessRef, spawn, wait_ready

MODELS = Path(__file__).parents[2] / "models"
"""The model repository of this tree."""

DEFAULT_PORT = 8001
START_TIMEOUT_S = 60.0
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class TritonPart:
    """A Triton in a folder of its own, which holds its log; it serves a model repository."""

    name = "triton"

    def __init__(
        self,
        folder: Path,
        *,
        models: Path = MODELS,
        tie: bool = True,
        port: int = DEFAULT_PORT,
        report: Report = log_progress,
        arguments: Sequence[str] = (),
    ) -> None:
        """Prepare a Triton in ``folder``; nothing is started. ``tie``: it dies with this process; ``port``: tried
        first, for gRPC; ``arguments``: more of tritonserver's."""
        self.folder = folder.resolve()
        self.log = self.folder / "triton.log"
        self.process: ProcessRef | None = None
        self._models = models
        self._tie = tie
        self._report = report
        self._arguments = tuple(arguments)
        self._ports = KeptPorts(port, port - 1, port + 1)

    @property
    def address(self) -> str:
        """Where the gRPC service is, host:port; known from the first start, and kept."""
        return f"{HOST}:{self._ports.numbers[0]}"

    def start(self, spawned: Callable[[], None] = lambda: None) -> None:
        """Start it and wait until every model of the repository is loaded.

        ``spawned`` is called as soon as ``process`` and ``address`` are known.
        Raises StackError with the log's last lines when it does not come up, as with a model that cannot be loaded.
        """
        if not self._models.is_dir():
            raise StackError(f"triton: there is no model repository {self._models}")
        server = triton_folder(self._report)
        private_folder(self.folder)
        _free_shared_memory(self.folder)  # Of a Triton that crashed here.
        grpc, http, metrics = self._ports.claim(cache_folder() / "ports")
        command = [
            str(server / "pytriton/tritonserver/bin/tritonserver"),
            f"--model-repository={self._models}",
            f"--backend-directory={self._backends(server)}",
            f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix(self.folder)}",
            *(f"--{service}-address={HOST}" for service in ("grpc", "http", "metrics")),
            f"--grpc-port={grpc}",
            f"--http-port={http}",
            f"--metrics-port={metrics}",
            # A model states its whole configuration: it is not loaded twice, once to ask it.
            "--disable-auto-complete-config",
            # Warnings and errors only: the reason of a failure is then among the log's last lines.
            "--log-info=false",
            *self._arguments,
        ]
        self.process = spawn(command, self.log, _environment(server, self._python()), tie=self._tie)
        spawned()
        wait_ready("Triton", self.process, self.log, self._serves, START_TIMEOUT_S)

    def kill(self) -> None:
        """End it with SIGKILL: a crash."""
        if self.process is not None:
            self.process.kill()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        self._ports.give_back()
        clean(self.folder)

    def _serves(self) -> bool:
        """By HTTP: who may ask by gRPC is for ``arguments`` to say."""
        url = f"http://{HOST}:{self._ports.numbers[1]}/v2/health/ready"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2.0):
                return all(accepts(port) for port in self._ports.numbers)
        except OSError:
            return False

    def _backends(self, server: Path) -> Path:
        """The Python backend, with the stub that runs models in this interpreter's version of Python."""
        stubs = server / "pytriton/tritonserver/python_backend_stubs"
        stub = stubs / PYTHON / "triton_python_backend_stub"
        if not stub.exists():
            raise StackError(f"triton: no model can run in Python {PYTHON}; there is {_versions(stubs)}")
        backends = self.folder / "backends"
        shutil.rmtree(backends, ignore_errors=True)
        (backends / "python").mkdir(parents=True)
        for file in [*(server / "pytriton/tritonserver/backends/python").iterdir(), stub]:
            (backends / "python" / file.name).symlink_to(file)
        return backends

    def _python(self) -> Path:
        """Make the virtual environment that models run in; returns its ``python3``.

        The stub embeds a Python that ignores PYTHONPATH, but like any Python takes the first ``python3`` on PATH for
        its own program, and with it the virtual environment around it (PEP 405). It has the NumPy that the stub can
        read, and then the packages of the environment that we run in.
        """
        folder = self.folder / "python"
        venv.create(folder, symlinks=True, clear=True)
        private_folder(folder)  # it copies the modes of its scripts
        packages = folder / "lib" / f"python{PYTHON}" / "site-packages"
        ours = sysconfig.get_path("purelib")
        (packages / "models.pth").write_text(f"{numpy_folder(self._report)}\nimport site; site.addsitedir({ours!r})\n")
        return folder / "bin" / "python3"


def _versions(stubs: Path) -> str:
    return ", ".join(sorted(folder.name for folder in stubs.iterdir()))


def _environment(server: Path, program: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(program.parent), os.environ.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": os.pathsep.join([str(server / "nvidia_pytriton.libs"), *_python_library()]),
        # One thread a model instance: numeric libraries would otherwise take every core for each.
        "OMP_NUM_THREADS": "1",
    }


def _python_library() -> list[str]:
    """The folder of libpython, which the stub links; none where the system's loader finds it by itself."""
    name = f"libpython{PYTHON}.so.1.0"
    folder = sysconfig.get_config_var("LIBDIR")
    if folder and (Path(folder) / name).exists():
        return [str(folder)]
    try:
        ctypes.CDLL(name)
    except OSError as missing:
        raise StackError(
            f"triton: {name} is missing; install it (Debian: libpython{PYTHON}) "
            "or use a Python that was built with --enable-shared"
        ) from missing
    return []


def shared_memory_prefix(folder: Path) -> str:
    """What the names of this Triton's shared memory begin with."""
    return f"streamproc-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}-"


def clean(folder: Path) -> None:
    """Remove what a Triton that has ended leaves behind: its folder and its shared memory."""
    _free_shared_memory(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _free_shared_memory(folder: Path) -> None:
    for file in SHARED_MEMORY.glob(f"{shared_memory_prefix(folder)}*"):
        file.unlink(missing_ok=True)


def answers(address: str, timeout_s: float = 2.0) -> bool:
    """Whether a Triton whose models are all loaded serves gRPC at ``address`` (host:port)."""
    # Imported here: it is slow to import, and most commands do not need it.
    from tritonclient.grpc import InferenceServerClient
    from tritonclient.utils import InferenceServerException

    direct = [("grpc.enable_http_proxy", 0)]
    try:
        with InferenceServerClient(address, channel_args=direct) as client:
            return bool(client.is_server_ready(client_timeout=timeout_s))
    except InferenceServerException:
        return False
