"""What is left of the capacity when servers die, and how soon: stand-ins of a fixed service time, so it is known."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

from support.stand_in.behaviour import Behaviour
from support.stand_in.stand_in import StandIn
from support.worker_process import streamproc

from chaos.inference.faults import AT_ONCE_S, RATE, background
from chaos.inference.rig import CLIP_S, CLIPS, Rig, Verdict
from streamproc.localstack.stack import LocalStack
from streamproc.localstack.triton import MODELS

SERVICE_S = 0.04
"""A stand-in's server takes so long for a second of audio."""

CAPACITY = 1 / (SERVICE_S * CLIP_S * CLIPS)
"""Activities a second that one stand-in can do: 12.5."""

LOAD = 0.92 * 2 * CAPACITY
"""Activities a second that come: what two can do with ease, and one never."""

SHARE = 0.9
SURVIVES_S, REPAIRED_S, CPU_S = 2.0, 10.0, 5.0
"""Seconds within which the survivor, both, and the CPU have to be at work."""

WINDOW_S = 6.0

REQUESTS_AUDIO_S = 8.0
"""Seconds of audio in flight at a server, at most: requests are half of that at most, so that results come one by one
and not in lumps, and a rate can be read within seconds."""


def of_stand_ins(rig: Rig) -> Iterator[Verdict]:
    """One of two is killed and repaired; then both, with the CPU to fall back to."""
    behaviour = Behaviour(servers=1, audio_s=SERVICE_S)
    settings = {
        "STREAMPROC_INFERENCE__FALLBACK": "onnx",
        "STREAMPROC_ONNX__REPOSITORY": str(MODELS),
        "STREAMPROC_WORKER__MAX_IN_FLIGHT": "128",
        "STREAMPROC_TRITON__MAX_AUDIO_SECONDS": str(REQUESTS_AUDIO_S),
    }
    with (
        StandIn(behaviour) as first,
        StandIn(behaviour) as second,
        rig.session([first.address, second.address], settings) as session,
    ):
        moments: dict[str, float] = {}

        def at(name: str) -> None:
            moments[name] = time.time()

        def kill_one() -> None:
            first.kill()
            at("killed")

        def repair() -> None:
            first.start()
            at("repaired")

        acts = [(8.0, kill_one), (16.0, repair), (30.0, lambda: at("end"))]
        verdict = session.prove("one of two killed", 30, LOAD, acts)
        killed, repaired = moments["killed"], moments["repaired"]
        before = session.rate(killed - WINDOW_S, killed)
        survivor = session.rate(killed + SURVIVES_S, killed + SURVIVES_S + WINDOW_S) / CAPACITY
        # There is a backlog: both can be, and are to be, kept busy.
        both = session.rate(repaired + REPAIRED_S, repaired + REPAIRED_S + WINDOW_S) / (2 * CAPACITY)
        verdict.figures |= {
            "capacity_of_one_per_s": CAPACITY,
            "before_per_s": round(before, 1),
            "survivor_share": round(survivor, 3),
            "repaired_share": round(both, 3),
        }
        verdict.demand(survivor >= SHARE, f"{survivor:.2f} of the survivor's capacity after {SURVIVES_S:g} s")
        verdict.demand(both >= SHARE, f"{both:.2f} of both's capacity {REPAIRED_S:g} s after the repair")
        yield verdict

        def kill_both() -> None:
            first.kill()
            second.kill()
            at("dead")

        def repair_both() -> None:
            first.start()
            second.start()
            at("back")

        verdict = session.prove("both dead", 24, 5.0, [(4.0, kill_both), (14.0, repair_both)])
        cpu, back = session.first_after(moments["dead"], "onnx"), session.first_after(moments["back"], "triton")
        verdict.figures |= {"cpu_after_s": round(cpu, 2), "triton_after_s": round(back, 2)}
        verdict.demand(cpu <= CPU_S, f"the CPU scored first after {cpu:.1f} s")
        verdict.demand(back <= REPAIRED_S, f"Triton scored again {back:.1f} s after the repair")
        verdict.demand(verdict.longest_s <= 2 * CPU_S, f"one took {verdict.longest_s} s")
        yield verdict


def of_the_local_stack(rig: Rig) -> Iterator[Verdict]:
    """`streamproc local up --tritons 2`: one of the two, by the pid that `status --json` tells, and up again."""
    folder = rig.place("local")

    def local(*arguments: str) -> str:
        command = [*streamproc("local", *arguments), "--folder", str(folder)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
        done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=100, check=False)
        return done.stdout

    with contextlib.ExitStack() as ending:
        ending.callback(lambda: LocalStack(folder).down())
        addresses = json.loads(local("up", "--part", "triton", "--tritons", "2", "--json"))
        urls = addresses["triton_urls"].split(",")
        with rig.session(urls) as session:

            def kill() -> None:
                os.kill(json.loads(local("status", "--json"))["triton-2"]["pid"], signal.SIGKILL)

            def repair() -> None:
                local("up", "--part", "triton", "--tritons", "2")

            acts = [(2.0, background(kill)), (6.0, background(repair))]
            verdict = session.prove("kill -9 of triton-2, local up again", 14, RATE, acts)
            verdict.demand(verdict.longest_s <= AT_ONCE_S, f"one took {verdict.longest_s} s")
            yield verdict
