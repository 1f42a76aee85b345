"""docs/how-to/bring-your-model.md, followed from the exported model to a result: what it says is done, and seen."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest
from support.activities import activity, inline, phrase, result, value
from support.hearing_wav2vec2 import onnx
from support.topics_of_test import Record, TestTopics
from support.worker_process import WorkerProcess, environment, streamproc

from streamproc.contracts.generated.events import Verdict
from streamproc.localstack.stack import Addresses, LocalStack
from streamproc.localstack.triton import TritonPart

DOCUMENT = (Path(__file__).parents[3] / "docs/how-to/bring-your-model.md").read_text("utf-8")


def snippet(kind: str, holding: str) -> str:
    """The one block of this kind that holds these words."""
    (found,) = (block for block in re.findall(rf"```{kind}\n(.*?)```", DOCUMENT, re.DOTALL) if holding in block)
    return str(found)


def commands(holding: str) -> list[list[str]]:
    """The words of each line that is typed, in the block that holds these."""
    typed = (line.removeprefix("$ ") for line in snippet("console", holding).splitlines() if line.startswith("$ "))
    return [shlex.split(line, comments=True) for line in typed]


def do(folder: Path, words: list[str], *more: str) -> CompletedProcess[str]:
    """Run a command of streamproc in a folder."""
    assert words[0] == "streamproc"
    return run(
        [*streamproc(*words[1:]), *more], env=environment({}), cwd=folder, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def stack(local_stack: LocalStack) -> Addresses:
    """The Triton is the document's."""
    return local_stack.up(("kafka", "registry"))


@pytest.fixture(scope="module")
def settings(settings: dict[str, str]) -> dict[str, str]:
    """Where the document's Triton is, its test says."""
    return {**settings, "STREAMPROC_TRITON__URLS": "127.0.0.1:8001"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the model as it was exported, and mine.toml as the document has it."""
    content = onnx()
    (tmp_path / "wav2vec2-ipa.onnx").write_bytes(content)
    written = snippet("toml", "[wav2vec2-ipa]").replace("SHA256", hashlib.sha256(content).hexdigest())
    (tmp_path / "mine.toml").write_text(written, "utf-8")
    return tmp_path


@pytest.fixture
def triton(tmp_path: Path) -> Iterator[TritonPart]:
    part = TritonPart(tmp_path / "triton", models=tmp_path / "models")
    yield part
    part.stop()


def check(folder: Path) -> list[str]:
    (words,) = (words for words in commands("models check") if words[0] == "streamproc")
    checked = do(folder, words)
    assert checked.returncode == 0, checked.stderr
    return checked.stdout.splitlines()


def test_a_model_that_is_brought_scores(
    folder: Path, triton: TritonPart, settings: dict[str, str], topics: TestTopics, schema_id: int
) -> None:
    told = [line for line in snippet("console", "models check").splitlines() if line.startswith("wav2vec2-ipa")]
    said = check(folder)
    assert [line.partition("[")[0] for line in said] == [line.partition("[")[0] for line in told]
    pinned = said[-1].partition(" has ")[2]
    file = folder / "mine.toml"
    file.write_text(file.read_text("utf-8").replace("frame_step", f"{pinned}\nframe_step", 1), "utf-8")
    assert check(folder) == said[:-1]

    written = do(folder, commands("models repository")[0], "--backend", "python")
    assert written.returncode == 0, written.stderr
    triton.start()
    exports = dict(words[1].split("=", 1) for words in commands("export") if words[0] == "export")
    exports["STREAMPROC_INFERENCE__MODELS_FILE"] = str(folder / exports["STREAMPROC_INFERENCE__MODELS_FILE"])
    given = {**settings, **exports, "STREAMPROC_TRITON__URLS": triton.address}
    worker = WorkerProcess(given, folder / "worker.log")
    try:
        worker.wait_ready()
        topics.publish([Record(b"learner", value(activity(phrase(inline())), schema_id), [])])
        (record,) = topics.read(topics.results, 1, 60)
    finally:
        worker.end()
    found = result(record.value or b"")
    digest = hashlib.sha256((folder / "wav2vec2-ipa.onnx").read_bytes()).hexdigest()
    assert (found.model.name, found.model.version, found.model.sha256) == ("wav2vec2-ipa", "1", digest)
    assert [word.verdict for word in found.phrases[0].words] == [Verdict.CORRECT] * 6


def test_each_fault_that_it_shows_is_told_as_it_says(folder: Path) -> None:
    file = folder / "mine.toml"
    text = file.read_text("utf-8")
    shown = snippet("text", "did you mean").splitlines()
    for old, new, line in (("output =", "outptu =", shown[0]), ('"ɾ" = "T"\n', "", shown[1])):
        file.write_text(text.replace(old, new), "utf-8")
        told = do(folder, ["streamproc", "models", "check", "mine.toml"])
        assert told.returncode == 1
        assert re.sub(r"line \d+", "line", line) in re.sub(r"line \d+", "line", told.stderr)
