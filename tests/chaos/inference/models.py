"""Two Tritons with a wav2vec2 that a models.toml pins; one, or both, get another model while activities come."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator

from support.declared_triton import DeclaredTriton, changed, wav2vec2
from support.hearing_wav2vec2 import onnx
from support.worker_process import run

from chaos.inference.faults import background
from chaos.inference.rig import Rig, Session, Verdict
from streamproc.inference.self_test import fingerprint_of

RATE = 6.0

UPGRADED_S = 8.0
"""For so long a server has the other model."""

OTHER_S = 6.0
"""Who was sent to the upgraded server has its outcome from the other one within this, on a busy machine."""


def of_pinned_models(rig: Rig) -> Iterator[Verdict]:
    """One server is upgraded, then both, and each is rolled back."""
    folder = rig.place("models")
    good, other = onnx(), onnx(turn=3)
    model = wav2vec2(folder, good)
    assert model.declared is not None
    pinned = changed(model, fingerprint=fingerprint_of(model.declared, folder / "ipa/ipa.onnx"))
    file = folder / "ipa/models.toml"
    assert pinned.declared is not None
    told = f"fingerprint = {list(pinned.declared.fingerprint or ())}\nversion ="
    file.write_text(file.read_text("utf-8").replace("version =", told, 1), "utf-8")
    settings = {"STREAMPROC_INFERENCE__MODELS_FILE": str(file), "STREAMPROC_TRITON__MODEL": "ipa"}
    parts = [DeclaredTriton(folder / name) for name in ("a", "b")]
    with contextlib.ExitStack() as ending:
        for part in parts:
            ending.callback(part.stop)
            part.start()
            part.serve(model, good)

        def serve(content: bytes, *servers: DeclaredTriton) -> Callable[[], None]:
            def act() -> None:
                for server in servers:
                    server.serve(model, content)

            return background(act)

        with rig.session([part.address for part in parts], settings) as session:
            acts = [(3.0, serve(other, parts[0])), (3 + UPGRADED_S, serve(good, parts[0]))]
            verdict = session.prove("one server upgraded", 16, RATE, acts)
            verdict.demand(verdict.longest_s <= OTHER_S, f"one took {verdict.longest_s} s, more than {OTHER_S:g}")
            yield _of_the_pinned(session, verdict, model.identity.sha256)
            acts = [(3.0, serve(other, *parts)), (3 + UPGRADED_S, serve(good, *parts))]
            verdict = session.prove("both servers upgraded, then rolled back", 16, RATE, acts)
            yield _of_the_pinned(session, verdict, model.identity.sha256)
            for part in parts:
                part.serve(model, other)
            yield _refused_at_the_start(session, settings, [part.address for part in parts])


def _of_the_pinned(session: Session, verdict: Verdict, sha256: str) -> Verdict:
    named = {found.model.sha256 for found in session.results_of(verdict)}
    verdict.demand(named == {sha256}, f"results name {sorted(named)}, and {sha256} is pinned")
    verdict.demand(verdict.figures["ejections"] > 0, "no server was put out of use")
    verdict.demand(session.logged(f"pinned is {sha256}"), "the log has not both values")
    return verdict


def _refused_at_the_start(session: Session, settings: dict[str, str], addresses: list[str]) -> Verdict:
    given = {**session.settings, **settings, "STREAMPROC_TRITON__URLS": ",".join(addresses)}
    ended: subprocess.CompletedProcess[str] = run(given, "worker")
    verdict = Verdict("no server has the pinned model at the start", 0, 0, 0, 0, 0.0, {})
    verdict.demand(ended.returncode == 2, f"the exit code is {ended.returncode}")
    verdict.demand("MODEL_UNSUITABLE" in ended.stderr, "no MODEL_UNSUITABLE is told")
    verdict.demand("pinned is" in ended.stderr, "both values are not told")
    return verdict
