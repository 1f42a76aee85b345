"""The engine that the settings name."""

from __future__ import annotations

from streamproc.errors import StreamprocError
from streamproc.inference.channel import Certificates
from streamproc.inference.engine import Engine
from streamproc.inference.fallback import FallbackEngine
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import Catalogue
from streamproc.inference.tls import TlsFiles
from streamproc.inference.torch import TorchEngine, TorchOptions
from streamproc.inference.wiring import pool_of
from streamproc.settings import Settings


def certificates_of(settings: Settings) -> Certificates:
    """How the inference servers are spoken to."""
    triton = settings.triton
    return Certificates(TlsFiles(triton.ca_file, triton.certificate_file, triton.key_file), triton.allow_plaintext)


def catalogue_of(settings: Settings) -> Catalogue:
    """The models that models.toml names.

    Raises:
        StreamprocError: SETTINGS_INVALID, all that is wrong with it.
    """
    try:
        return Catalogue.read(settings.inference.models_file)
    except StreamprocError as error:
        raise StreamprocError(error.code, f"STREAMPROC_INFERENCE__MODELS_FILE: {error.message}") from None


def create_engine(
    settings: Settings, certificates: Certificates | None = None, catalogue: Catalogue | None = None
) -> Engine:
    """The inference engine that the settings name, not started.

    Raises:
        StreamprocError: SETTINGS_INVALID, models.toml cannot be used, or has not the model that is set.
    """
    catalogue = catalogue or catalogue_of(settings)
    if settings.inference.engine == "onnx":
        return _onnx_engine(settings, catalogue)
    if settings.inference.engine == "torch":
        torch = settings.torch
        options = TorchOptions(torch.device, torch.precision, torch.compile)
        served = catalogue.pick(torch.model, torch.model_version, "STREAMPROC_TORCH__MODEL")
        return TorchEngine(torch.repository, served, torch.timeout, torch.threads, options)
    triton = settings.triton
    pool = pool_of(
        triton.servers,
        catalogue.pick(triton.model, triton.model_version, "STREAMPROC_TRITON__MODEL"),
        triton.timeout,
        triton.max_audio_seconds,
        certificates or certificates_of(settings),
        triton.lookup_interval,
    )
    if settings.inference.fallback == "pause":
        return pool
    return FallbackEngine(pool, pool.endpoints, _onnx_engine(settings, catalogue), settings.onnx.threads)


def _onnx_engine(settings: Settings, catalogue: Catalogue) -> OnnxEngine:
    onnx = settings.onnx
    served = catalogue.pick(onnx.model, onnx.model_version, "STREAMPROC_ONNX__MODEL")
    return OnnxEngine(onnx.repository, served, onnx.timeout, onnx.threads)
