"""Results are read where they can be, and a registry that is away is left alone for a while."""

from __future__ import annotations

from pydantic import SecretStr

from streamproc.contracts.majors import V1
from streamproc.errors import ErrorCode
from streamproc.kafka.places import Place
from streamproc.settings import RegistrySettings, Settings
from streamproc.web.console.digest import ResultDigest
from streamproc.web.console.outcomes import KeptResult

NOBODY = Settings(registry=RegistrySettings(url="http://127.0.0.1:9", timeout=0.2, token=SecretStr("")))


def kept(value: bytes) -> KeptResult:
    return KeptResult(Place("results", 0, 0), 0, value, None)


async def test_what_is_no_result_says_why_without_a_registry() -> None:
    digest = ResultDigest(NOBODY, "results", V1)
    empty, strange = kept(b""), kept(b"strange")
    await digest.read([empty, strange])
    digest.close()
    for one in (empty, strange):
        assert one.summary is not None
        assert one.summary["unreadable"].startswith(ErrorCode.VALUE_UNREADABLE.name)
        assert one.total_ms is None
    assert digest.problem == ""


async def test_a_registry_that_is_away_leaves_results_unread_and_is_not_asked_at_once_again() -> None:
    digest = ResultDigest(NOBODY, "results", V1)
    result = kept(b"\x00\x00\x00\x00\x07body")
    await digest.read([result])
    assert result.summary is None, "it is read when the registry is back"
    assert "127.0.0.1:9" in digest.problem
    told, digest.problem = digest.problem, ""
    await digest.read([result])
    assert digest.problem == "", "left alone"
    assert told
    digest.close()
