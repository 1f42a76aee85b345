"""Two real Tritons behind gates; one of them, or both, fail in every way while activities come."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput

from chaos.inference.gate import Gate
from chaos.inference.rig import Rig, Session, Verdict
from chaos.inference.servers import NAME, MoodyTriton

RATE = 8.0
"""Activities a second: what two Tritons and a worker on two busy cores do with ease."""

TIMEOUT_S = 4.0
"""What one call may take, as the rig sets it."""

AT_ONCE_S = 3.0
"""Who is told at once that a server fails has its outcome from the other one within this, on a busy machine."""

ONCE_LATE_S = 2 * TIMEOUT_S
"""Who waits for a server that says nothing loses one deadline to it, and has its outcome well within the next."""

FAULT_S = 6.0
"""A fault's length."""

CROWD = 24
"""Calls of others that keep the queues full."""


def background(act: Callable[[], None]) -> Callable[[], None]:
    """The same in a thread: the judge goes on reading meanwhile."""
    return lambda: threading.Thread(target=act, daemon=True).start()


class Crowd:
    """Others who send a Triton more than it has room for."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._end = threading.Event()
        self.refused = 0

    def come(self) -> None:
        """From now on, until ``go``."""
        for _ in range(CROWD):
            threading.Thread(target=self._send, daemon=True).start()

    def go(self) -> None:
        """No more."""
        self._end.set()

    def _send(self) -> None:
        audio = InferInput("AUDIO", [1, 16_000], "FP32").set_data_from_numpy(np.zeros((1, 16_000), np.float32))
        length = InferInput("LENGTHS", [1, 1], "INT32").set_data_from_numpy(np.array([[16_000]], np.int32))
        with InferenceServerClient(self._address) as client:
            while not self._end.wait(0.02):
                try:
                    client.infer(NAME, [audio, length], client_timeout=20)
                except Exception as error:  # noqa: BLE001  only one kind is of interest
                    self.refused += "maximum queue size" in str(error)


def of_one_of_two(rig: Rig) -> Iterator[Verdict]:
    """Each fault of one server while the other is sound, then faults of both."""
    folder = rig.place("faults")
    parts = [MoodyTriton(folder / name, sha) for name, sha in (("a", "a" * 64), ("b", "b" * 64))]
    with contextlib.ExitStack() as ending:
        gates = []
        for part in parts:
            ending.callback(part.stop)
            part.start()
            gates.append(Gate(part.address))
            ending.callback(gates[-1].close)
        with rig.session([gate.address for gate in gates]) as session:
            yield from _silent_or_gone(session, gates[0])
            yield from _wrong(session, parts[0])
            yield from _killed(session, parts[0])
            yield from _full(session, parts)
            yield from _both(session, gates)


def _bounded(verdict: Verdict, seconds: float, *, struck: bool = True) -> Verdict:
    """``struck``: the fault is one for which a server is put out of use; then it is, or nothing was proven."""
    verdict.demand(verdict.longest_s <= seconds, f"one took {verdict.longest_s} s, more than {seconds:g}")
    verdict.demand(not struck or verdict.figures["ejections"] > 0, "the fault struck nobody")
    return verdict


def _silent_or_gone(session: Session, gate: Gate) -> Iterator[Verdict]:
    yield _bounded(session.prove("no fault", 4, RATE), AT_ONCE_S, struck=False)
    acts = [(2.0, lambda: gate.delay(2.0)), (2 + FAULT_S, lambda: gate.delay(0.0))]
    yield _bounded(session.prove("slow by 2 s", 10, RATE, acts), AT_ONCE_S + 2.0, struck=False)
    acts = [
        (2.0, lambda: gate.freeze(requests=True, answers=True)),
        (2 + FAULT_S, lambda: gate.thaw(cut=False)),
    ]
    yield _bounded(session.prove("hanging", 10, RATE, acts), ONCE_LATE_S)
    acts = [(2.0, lambda: gate.freeze(requests=False, answers=True)), (2 + FAULT_S, lambda: gate.thaw(cut=True))]
    yield _bounded(session.prove("hanging, answers lost", 10, RATE, acts), ONCE_LATE_S)
    yield _bounded(session.prove("refusing", 10, RATE, [(2.0, gate.refuse), (2 + FAULT_S, gate.admit)]), AT_ONCE_S)


def _wrong(session: Session, part: MoodyTriton) -> Iterator[Verdict]:
    for proof, mood in (("erring", "failing"), ("NaN", "no numbers"), ("wrong shape", "narrow")):
        acts = [(2.0, lambda mood=mood: part.mood(mood)), (2 + FAULT_S, lambda: part.mood(""))]  # type: ignore[misc]
        yield _bounded(session.prove(proof, 10, RATE, acts), AT_ONCE_S)


def _killed(session: Session, part: MoodyTriton) -> Iterator[Verdict]:
    def again() -> None:
        part.mood("")
        part.start()

    # A batch takes it 1.5 s: one is surely in work.
    acts = [(2.0, lambda: part.mood("slow")), (3.0, part.kill), (4.0, background(again))]
    yield _bounded(session.prove("kill -9 in a batch", 10, RATE, acts), AT_ONCE_S)

    def with_another() -> None:
        part.kill()
        part.rename("c" * 64)
        part.start()

    verdict = _bounded(
        session.prove("restarted with another model", 10, RATE, [(2.0, background(with_another))]), AT_ONCE_S
    )
    named = {found.model.sha256[0] for found in session.results_of(verdict)}
    verdict.figures["models"] = sorted(named)
    verdict.demand(named == {"a", "b", "c"}, f"results name the models {sorted(named)}")
    yield verdict


def _full(session: Session, parts: list[MoodyTriton]) -> Iterator[Verdict]:
    crowds = [Crowd(part.address) for part in parts]

    def come() -> None:
        for part, crowd in zip(parts, crowds, strict=True):
            part.mood("slow")
            crowd.come()

    def go() -> None:
        for part, crowd in zip(parts, crowds, strict=True):
            crowd.go()
            part.mood("")

    verdict = session.prove("full queue", 10, RATE, [(1.0, come), (1 + FAULT_S, go)])
    busy = session.worker.metric("streamproc_transient_failures_total", code="INFERENCE_BUSY")
    verdict.figures |= {"others_refused": sum(crowd.refused for crowd in crowds), "busy": busy}
    verdict.demand(verdict.figures["others_refused"] > 0, "the queues were not full")
    # A fault of all servers is as long as it is; then each waiting activity's own next attempt.
    yield _bounded(verdict, FAULT_S + TIMEOUT_S + ONCE_LATE_S, struck=False)


def _both(session: Session, gates: list[Gate]) -> Iterator[Verdict]:
    def refuse() -> None:
        for gate in gates:
            gate.refuse()

    def admit() -> None:
        for gate in gates:
            gate.admit()

    verdict = session.prove("both refusing, fallback=pause", 12, RATE, [(2.0, refuse), (2 + FAULT_S, admit)])
    yield _bounded(verdict, FAULT_S + 10.0)

    def freeze() -> None:
        for gate in gates:
            gate.freeze(requests=True, answers=True)

    def thaw() -> None:
        for gate in gates:
            gate.thaw(cut=True)

    verdict = session.prove("both hanging, fallback=pause", 12, RATE, [(2.0, freeze), (2 + FAULT_S, thaw)])
    yield _bounded(verdict, FAULT_S + TIMEOUT_S + 10.0)
