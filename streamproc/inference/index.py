"""Which models the inference servers, or a folder of models, have: what an operator may choose from."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from tritonclient.utils import InferenceServerException

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.channel import Certificates, Channel
from streamproc.inference.configuration import SHA256
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.repository import FILE
from streamproc.inference.resolve import Address, Resolver


@dataclass(frozen=True, slots=True)
class ModelThere:
    """A model, and where it is: the address of a server, or a folder."""

    where: str
    model: ModelIdentity
    ready: bool


async def of_servers(servers: Sequence[str], certificates: Certificates, within: float) -> list[ModelThere]:
    """The models of all servers, by their addresses, each asked for so many seconds.

    Raises:
        StreamprocError: INFERENCE_UNAVAILABLE, one of them does not tell; SETTINGS_INVALID, the certificates.
    """
    found: list[ModelThere] = []
    for address in await Resolver(servers).addresses():
        found += await _of_server(address, certificates, within)
    return found


async def _of_server(address: Address, certificates: Certificates, within: float) -> list[ModelThere]:
    channel = Channel(address.target, certificates, within, address.server_name)
    await channel.open()
    try:
        client = channel.client
        assert client is not None
        index = await client.get_model_repository_index(client_timeout=within)
        found = []
        for one in index.models:
            sha256 = ""
            if one.state == "READY":
                config = await client.get_model_config(one.name, one.version, client_timeout=within)
                sha256 = config.config.parameters[SHA256].string_value
            found.append(ModelThere(address.target, ModelIdentity(one.name, one.version, sha256), one.state == "READY"))
        return found
    except (InferenceServerException, grpc.RpcError) as error:
        reason = str(error).splitlines()[0][:200]
        raise StreamprocError(
            ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {address.target} does not tell its models: {reason}"
        ) from None
    finally:
        await channel.close()


async def of_folder(repository: Path) -> list[ModelThere]:
    """The models of a folder that is laid out as Triton's."""
    return await asyncio.to_thread(_of_folder, repository)


def _of_folder(repository: Path) -> list[ModelThere]:
    found = []
    for file in sorted(repository.glob(f"*/*/{FILE}")):
        if (version := file.parent.name).isdecimal():
            with file.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            found.append(ModelThere(str(repository), ModelIdentity(file.parents[1].name, version, sha256), True))
    return found
