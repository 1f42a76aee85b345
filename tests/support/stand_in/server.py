"""The process of a stand-in for Triton: ``python -m support.stand_in.server``; see the package for why.

It writes one line to standard output once it serves: {"port": …, "control": …}. On the control port each line of JSON
sets fields of its behaviour, and is answered by a line with all of the behaviour and the counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from support.stand_in.answers import Answers, spoilt
from support.stand_in.behaviour import Behaviour, Counts
from support.stand_in.station import FullError, Station

CONFIGURATION = Path(__file__).parents[3] / "models/phonemes/config.pbtxt"
RATE = 16_000
HOST = "127.0.0.1"


class Inference(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Triton's service, as far as a worker uses it."""

    def __init__(self, answers: Answers, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.counts = Counts()
        self.station = Station(behaviour, self.counts)
        self._answers = answers
        self._config = text_format.Parse(CONFIGURATION.read_text(), model_config_pb2.ModelConfig())

    async def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ServerLiveResponse(live=self.behaviour.ready)

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ServerReadyResponse(ready=self.behaviour.ready)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        ready = self.behaviour.ready and request.name == self._config.name
        return service_pb2.ModelReadyResponse(ready=ready)

    async def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.counts.configurations += 1
        config = model_config_pb2.ModelConfig()
        config.CopyFrom(self._config)
        if self.behaviour.sha256:
            config.parameters["sha256"].string_value = self.behaviour.sha256
        return service_pb2.ModelConfigResponse(config=config)

    async def ModelStatistics(self, request: Any, context: Any) -> Any:  # noqa: N802
        answer = service_pb2.ModelStatisticsResponse()
        if not self.behaviour.statistics:
            return answer
        counts = self.counts
        model = answer.model_stats.add(name=self._config.name, version=self.behaviour.version)
        model.inference_count = counts.clips
        model.execution_count = counts.answered
        stats = model.inference_stats
        for duration, total in (
            (stats.success, counts.queue_ns + counts.compute_ns),
            (stats.queue, counts.queue_ns),
            (stats.compute_infer, counts.compute_ns),
            (stats.compute_input, 0),
            (stats.compute_output, 0),
        ):
            duration.count, duration.ns = counts.answered, total
        return answer

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        counts, behaviour = self.counts, self.behaviour
        rows, width = request.inputs[0].shape
        lengths = np.frombuffer(request.raw_input_contents[1], np.int32).tolist()
        priority = request.parameters["priority"].uint64_param if "priority" in request.parameters else 0
        counts.requests += 1
        counts.priorities[priority] = counts.priorities.get(priority, 0) + 1
        counts.clips += len(lengths)
        counts.samples += sum(lengths)
        counts.padded += rows * width
        if behaviour.hang:
            await asyncio.Event().wait()
        if behaviour.error:
            counts.failed += 1
            await context.abort(grpc.StatusCode[behaviour.error], behaviour.message)
        try:
            await self.station.serve(priority, rows * width / RATE, rows)
        except FullError as full:
            counts.refused += 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"[request id: <id_unknown>] {full}")
        if behaviour.delay_s:
            await asyncio.sleep(behaviour.delay_s)
        audio = request.raw_input_contents[0]
        first = [
            float(np.frombuffer(audio, np.float32, 1, 4 * row * width)[0]) if width else 0.0 for row in range(rows)
        ]
        answer = self._answers.answer(lengths, first)
        if behaviour.answer != "sound":
            answer = spoilt(answer, behaviour.answer)
        answer.model_name, answer.model_version = request.model_name, behaviour.version
        counts.answered += 1
        return answer

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection that sets and reads."""
        try:
            while line := await reader.readline():
                changes = json.loads(line)
                replace(self.behaviour, **changes)  # a field that there is not is an error
                for name, value in changes.items():
                    setattr(self.behaviour, name, value)
                self.station.refresh()
                told = {"behaviour": asdict(self.behaviour), "counts": asdict(self.counts)}
                writer.write(json.dumps(told).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()


def credentials(certificate: Path, key: Path, client_ca: Path | None) -> Any:
    """TLS whose files are read anew at each handshake: a certificate that is rotated is served from then on."""

    def read() -> Any:
        pairs = [(key.read_bytes(), certificate.read_bytes())]
        return grpc.ssl_server_certificate_configuration(pairs, client_ca.read_bytes() if client_ca else None)

    return grpc.dynamic_ssl_server_credentials(read(), read, require_client_authentication=client_ca is not None)


async def serve(arguments: argparse.Namespace) -> None:
    """Until it is killed."""
    service = Inference(Answers(arguments.recorded), Behaviour(**json.loads(arguments.behaviour)))
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # two servers on one port would share its calls
    ]
    server = grpc.aio.server(options=options)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(service, server)
    address = f"{HOST}:{arguments.port}"
    if arguments.certificate is None:
        port = server.add_insecure_port(address)
    else:
        tls = credentials(arguments.certificate, arguments.key, arguments.client_ca)
        port = server.add_secure_port(address, tls)
    await server.start()
    control = await asyncio.start_server(service.control, HOST, 0)
    print(json.dumps({"port": port, "control": control.sockets[0].getsockname()[1]}), flush=True)
    await server.wait_for_termination()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", default="{}", help="JSON")
    parser.add_argument("--recorded", type=Path)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--client-ca", type=Path)
    parser.add_argument("--cpu", type=int, help="the one core that it may run on")
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})
    asyncio.run(serve(arguments))


if __name__ == "__main__":
    main()
