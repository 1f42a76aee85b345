"""Phrases that teachers have corrected, with their recordings, as a folder that `streamproc models evaluate` reads.

A teacher who overrules one word of a phrase has looked at the phrase: what he let stand he marked too. So each phrase
with a correction is one clip, whose words are marked 10 where they were read well and 0 where not, as the corrections
and, for the others, the result say. A phrase with a word that nobody judged is left out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamproc.contracts.generated.events import PhraseResult, Result, Verdict
from streamproc.contracts.generated.events_correction import Correction

RIGHT, WRONG = 10.0, 0.0
MANIFEST = "manifest.jsonl"

_MARKS = {
    Verdict.CORRECT.value: RIGHT,
    Verdict.ACCEPTED.value: RIGHT,
    Verdict.MISPRONOUNCED.value: WRONG,
    Verdict.OMITTED.value: WRONG,
}

Corrected = Mapping[tuple[int, int, str], str]
"""(phrase, place in it, word) -> the verdict that counts; where the result has another word there, of none."""


def by_result(corrections: Iterable[Correction]) -> dict[str, dict[tuple[int, int, str], str]]:
    """The last correction of each word counts; ``corrections`` come in their order."""
    found: dict[str, dict[tuple[int, int, str], str]] = {}
    for one in corrections:
        found.setdefault(one.result_id, {})[one.phrase_index, one.word_index, one.word] = one.verdict.value
    return found


@dataclass(frozen=True, slots=True)
class LabelledPhrase:
    """A phrase and the mark of each of its expected words, in order."""

    index: int
    text: str
    words: tuple[tuple[str, float], ...]


def labelled(result: Result, corrected: Corrected, tally: Counter[str]) -> Iterator[LabelledPhrase]:
    """The phrases of a result that somebody has corrected; what is left out is counted in ``tally``."""
    there = {
        (phrase.index, place, word.text)
        for phrase in result.phrases
        for place, word in enumerate(phrase.words)
        if word.text
    }
    if wrong := len(corrected.keys() - there):
        tally["no_word"] += wrong
    meant = {index for index, _, _ in corrected.keys() & there}
    for phrase in result.phrases:
        if phrase.index not in meant:
            continue
        words = _marked(phrase, corrected)
        if words is None:
            tally["unjudged"] += 1
        else:
            yield LabelledPhrase(phrase.index, phrase.expected_text, words)


def _marked(phrase: PhraseResult, corrected: Corrected) -> tuple[tuple[str, float], ...] | None:
    words = []
    for number, word in enumerate(phrase.words):
        if word.text is None:
            continue
        mark = _MARKS.get(corrected.get((phrase.index, number, word.text), word.verdict.value))
        if mark is None:
            return None
        words.append((word.text, mark))
    return tuple(words)


class Folder:
    """Writes clips and their manifest, for the eyes of who exports alone.

    Learners have other names in it: the same one for the same learner, from a key that is forgotten with the export.

    Args:
        folder: new, or empty.
        secret: the key.
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._secret = secret
        self._rows: list[dict[str, Any]] = []

    def add(self, result: Result, phrase: LabelledPhrase, audio: bytes) -> None:
        """One clip, as it was recorded."""
        name = f"clip-{len(self._rows):06d}{_ending(audio)}"
        self._folder.joinpath(name).write_bytes(audio)
        learner = f"{result.tenant}\0{result.learner_id}".encode()
        self._rows.append(
            {
                "file": name,
                "text": phrase.text,
                "speaker": hmac.new(self._secret, learner, hashlib.sha256).hexdigest()[:12],
                "condition": "corrected by a teacher",
                "words": [{"text": text, "accuracy": [mark]} for text, mark in phrase.words],
            }
        )

    def finish(self) -> int:
        """Write the manifest; how many clips there are."""
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self._rows)
        self._folder.joinpath(MANIFEST).write_text(lines, "utf-8")
        return len(self._rows)


def _ending(audio: bytes) -> str:
    return {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg"}.get(audio[:4], ".audio")
