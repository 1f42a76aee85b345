"""Who may see and do what on the operator's page."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict
from pydantic import SecretStr

from streamproc.settings import ConsoleSettings
from streamproc.web.bearer import RequestRefused
from streamproc.web.console.access import ACTION_HEADER, Access

TOKEN = "a-token-of-the-tests"
SECRET = Access(ConsoleSettings(token=SecretStr(TOKEN)))
LOCAL = Access(ConsoleSettings(token=SecretStr(TOKEN), local=True))
NONE = Access(ConsoleSettings())


def headers(token: str | None = TOKEN, **others: str) -> CIMultiDict[str]:
    given = {} if token is None else {"Authorization": f"Bearer {token}"}
    named = {name.replace("_", "-"): value for name, value in others.items()}
    return CIMultiDict({"Host": "worker:6066", **given, **named})


def status(check: object, *arguments: object) -> int:
    assert callable(check)
    with pytest.raises(RequestRefused) as caught:
        check(*arguments)
    return caught.value.status


def test_readers_need_the_token() -> None:
    SECRET.check_reader(headers())
    assert status(SECRET.check_reader, headers(None)) == 401
    assert status(SECRET.check_reader, headers("another-token-altogether")) == 401
    assert status(SECRET.check_reader, headers(TOKEN[:-1])) == 401
    assert status(SECRET.check_reader, headers("ä" * 20)) == 401
    assert status(SECRET.check_reader, CIMultiDict({"Authorization": f"Basic {TOKEN}"})) == 401


def test_without_a_token_nobody_reads_or_acts() -> None:
    assert status(NONE.check_reader, headers("")) == 403
    assert status(NONE.check_reader, headers()) == 403
    assert status(NONE.check_actor, headers()) == 403


def test_on_ones_own_machine_everybody_reads_and_the_token_acts() -> None:
    LOCAL.check_reader(headers(None))
    assert status(LOCAL.check_actor, headers(None)) == 401
    LOCAL.check_actor(headers(**{ACTION_HEADER: "1"}))


@pytest.mark.parametrize("host", ["127.0.0.1:6166", "localhost:6166", "[::1]:6166", "127.0.0.1"])
def test_the_local_mode_knows_this_machines_names(host: str) -> None:
    LOCAL.check_origin(headers(Host=host))


@pytest.mark.parametrize("host", ["evil.example:6166", "127.0.0.1.evil.example", "", "10.0.0.7:6166"])
def test_a_foreign_name_that_leads_here_opens_nothing(host: str) -> None:
    assert status(LOCAL.check_origin, headers(Host=host)) == 421
    SECRET.check_origin(headers(Host=host))


def test_actions_need_a_header_that_no_form_can_send() -> None:
    assert status(SECRET.check_actor, headers()) == 403
    assert status(SECRET.check_actor, headers(**{ACTION_HEADER: "yes"})) == 403
    SECRET.check_actor(headers(**{ACTION_HEADER: "1"}))


def test_actions_of_another_sites_page_are_refused() -> None:
    assert status(SECRET.check_actor, headers(Origin="https://evil.example", **{ACTION_HEADER: "1"})) == 403
    assert status(SECRET.check_actor, headers(Origin="null", **{ACTION_HEADER: "1"})) == 403
    SECRET.check_actor(headers(Origin="http://worker:6066", **{ACTION_HEADER: "1"}))


def test_another_sites_page_may_link_here_and_fetch_nothing() -> None:
    assert status(SECRET.check_origin, headers(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")) == 403
    assert status(SECRET.check_origin, headers(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="no-cors")) == 403
    SECRET.check_origin(headers(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"))
    SECRET.check_origin(headers(Sec_Fetch_Site="same-origin"))
