"""The torch engine where torch is not; where it is, `make test-torch` holds it to the suite of all engines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.engine_suite import REPOSITORY

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.served import built_in
from streamproc.inference.torch import TorchEngine, TorchOptions


@pytest.mark.parametrize("missing", ["torch", "onnx"])
async def test_without_it_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    engine = TorchEngine(REPOSITORY, built_in("phonemes", ""), 10, 1, TorchOptions())
    try:
        with pytest.raises(StreamprocError) as caught:
            await engine.start()
    finally:
        await engine.close()
    assert caught.value.code is ErrorCode.SETTINGS_INVALID
    assert caught.value.code.error_class is ErrorClass.FATAL
    assert "pip install 'streamproc[torch]'" in caught.value.message


async def test_it_may_be_closed_without_a_start() -> None:
    engine = TorchEngine(Path("/nowhere"), built_in("phonemes", ""), 10, 1, TorchOptions())
    await engine.close()
    await engine.close()
    assert engine.has_room
    await engine.room()
