"""How a learner gets on, asked of a worker."""

from __future__ import annotations

import asyncio
from typing import Any

from streamproc.client.connection import text_argument
from streamproc.client.start import refuse_in_asynchronous_code
from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.progress_json import from_json

PATH, FORGET = "/progress", "/progress/forget"


def read_progress(
    worker_url: str, token: str, *, tenant_id: str, learner_id: str, timeout: float = 10.0
) -> Progress | None:
    """As ``read_progress_async``, for code that is not asynchronous.

    Raises:
        RuntimeError: this is asynchronous code; and what that raises.
    """
    refuse_in_asynchronous_code("await read_progress_async(…)")
    return asyncio.run(
        read_progress_async(worker_url, token, tenant_id=tenant_id, learner_id=learner_id, timeout=timeout)
    )


async def read_progress_async(
    worker_url: str,
    token: str,
    *,
    tenant_id: str,
    learner_id: str,
    timeout: float = 10.0,  # noqa: ASYNC109 - HTTP's
) -> Progress | None:
    """A learner's progress as it is committed; None: there is none.

    Any worker of the group will do: the one that has the learner answers.

    Args:
        worker_url: where its pages are, for example "http://worker-1:6066".
        token: STREAMPROC_PROGRESS__TOKEN of the workers.
        tenant_id: whose learner it is.
        learner_id: the learner.
        timeout: seconds for the answer.

    Raises:
        PermissionError: the token is wrong, or the workers have none.
        ConnectionError: no worker answers, or a rebalance is under way: ask again.
        ValueError: an argument is empty, the address is none, or a worker of another release answers what this client
            cannot read.
        TypeError: an argument is no text.
    """
    answer = await _ask(worker_url, PATH, token, tenant_id, learner_id, timeout)
    return None if answer is None else from_json(answer.get("progress"))


def forget_progress(worker_url: str, token: str, *, tenant_id: str, learner_id: str, timeout: float = 10.0) -> bool:
    """As ``forget_progress_async``, for code that is not asynchronous.

    Raises:
        RuntimeError: this is asynchronous code; and what that raises.
    """
    refuse_in_asynchronous_code("await forget_progress_async(…)")
    return asyncio.run(
        forget_progress_async(worker_url, token, tenant_id=tenant_id, learner_id=learner_id, timeout=timeout)
    )


async def forget_progress_async(
    worker_url: str,
    token: str,
    *,
    tenant_id: str,
    learner_id: str,
    timeout: float = 10.0,  # noqa: ASYNC109 - HTTP's
) -> bool:
    """Delete what workers keep of a learner. True: it is deleted, which is committed; False: there is none.

    What was told of the learner stays in its topics for their time.

    Args and Raises: as ``read_progress_async``; after a ConnectionError it may be deleted, or not: do it again.
    """
    return await _ask(worker_url, FORGET, token, tenant_id, learner_id, timeout) is not None


async def _ask(
    worker_url: str, path: str, token: str, tenant_id: str, learner_id: str, seconds: float
) -> dict[str, Any] | None:
    """What a worker says about a learner; None: there is no such learner."""
    for name, value in (
        ("worker_url", worker_url),
        ("token", token),
        ("tenant_id", tenant_id),
        ("learner_id", learner_id),
    ):
        text_argument(name, value)
    asked = {"tenant_id": tenant_id, "learner_id": learner_id}
    headers = {"Authorization": f"Bearer {token}"}
    url = worker_url.rstrip("/") + path
    # Who only publishes does not load it.
    from aiohttp import ClientError, ClientSession, ClientTimeout, InvalidURL, NonHttpUrlClientError

    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=seconds)) as session,
            session.post(url, json=asked, headers=headers) as response,
        ):
            status, answer = response.status, await response.json(content_type=None)
    except (InvalidURL, NonHttpUrlClientError):
        raise ValueError("worker_url: is no address such as http://worker-1:6066") from None
    except (ClientError, TimeoutError, ValueError) as error:
        raise ConnectionError(
            f"{worker_url}: {type(error).__name__}: is a worker there, with progress enabled?"
        ) from None
    if status == 200 and isinstance(answer, dict):
        return answer
    said = answer.get("error", "") if isinstance(answer, dict) else ""
    if status == 404 and said:
        return None
    if status in (401, 403):
        raise PermissionError(f"{worker_url}: {said}")
    raise ConnectionError(f"{worker_url}: HTTP {status}: {said or 'it has no such page: is progress enabled there?'}")
