"""A command that needs a registry says which setting names it, whichever command it is."""

from __future__ import annotations

import pytest

from streamproc.cli.registries import with_registry
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings


def test_a_registry_that_does_not_answer_is_named_by_its_setting() -> None:
    async def work(registry: Registry) -> None:
        raise StreamprocError(ErrorCode.REGISTRY_UNAVAILABLE, "no answer")

    with pytest.raises(StreamprocError) as caught:
        with_registry(Settings(), work)
    assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
    assert caught.value.message == "no answer (STREAMPROC_REGISTRY__URL)"


def test_any_other_error_is_the_works_own() -> None:
    refused = StreamprocError(ErrorCode.SCHEMA_REFUSED, "no")

    async def work(registry: Registry) -> None:
        raise refused

    with pytest.raises(StreamprocError) as caught:
        with_registry(Settings(), work)
    assert caught.value is refused
