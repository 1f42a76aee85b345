"""Which heard phonemes belong to which expected word.

The heard phonemes of a phrase are aligned with the reference phonemes of all its words; the steps of that alignment
are then shared out among the words. Phonemes heard between two words belong to the word before them when they are few
(a wrong ending: "cats" for "cat"), and are extra speech when they are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from aligner_mypyc import ACCEPTED_DELETE, ACCEPTED_INSERT, DELETE, INSERT, MATCH, SUBSTITUTE
from streamproc.scoring.gaps import slide_to_words
from streamproc.scoring.reference import ReferenceWord
from streamproc.scoring.variants import PhonemeAligner

EXTRA_SPEECH_PHONEMES = 3
"""This many heard phonemes between two expected words are extra speech rather than part of a word."""

_INSERTIONS = (INSERT, ACCEPTED_INSERT)
_DELETIONS = (DELETE, ACCEPTED_DELETE)


@dataclass(frozen=True, slots=True)
class HeardWord:
    """An expected word, or extra speech (``expected`` is None), with what was heard for it.

    ``ops`` are aligner_mypyc's operation bytes from ``reference`` to the heard phonemes; the heard phonemes are
    tokens [start, end) of the phrase's greedy decode.
    """

    expected: ReferenceWord | None
    reference: bytes
    ops: bytes
    start: int
    end: int

    @property
    def suspect(self) -> bool:
        """Whether anything but matches and accepted variants was heard."""
        return _errors(self.ops) > 0

    @property
    def exact(self) -> bool:
        """Whether all of the reference was heard and nothing else."""
        return all(op == MATCH for op in self.ops)


def hear_words(words: Sequence[ReferenceWord], heard: bytes, aligner: PhonemeAligner) -> list[HeardWord]:
    """Share out the heard phonemes among the expected words, in order, with extra speech where it was heard.

    Args:
        words: the expected words; one without pronunciation takes no part in the alignment.
        heard: the phoneme codes of the greedy decode.
    """
    chosen = [word.pronunciations[0] if word.pronunciations else b"" for word in words]
    result = _share_out(words, chosen, heard, aligner)
    inexact = {id(word.expected) for word in result if word.expected and not word.exact}
    changed = False
    for index, word in enumerate(words):
        # A sound of this word may have been taken for its neighbour's.
        near = words[max(0, index - 1) : index + 2]
        if len(word.pronunciations) > 1 and any(id(other) in inexact for other in near):
            chosen[index] = _nearest(words, chosen, index, heard, aligner)
            changed = changed or chosen[index] != word.pronunciations[0]
    return _share_out(words, chosen, heard, aligner) if changed else result


def _nearest(
    words: Sequence[ReferenceWord], chosen: Sequence[bytes], index: int, heard: bytes, aligner: PhonemeAligner
) -> bytes:
    """The pronunciation of one word with which the phrase lies nearest to what was heard, then fewest words suspect."""

    def distance(variant: bytes) -> tuple[int, int, int]:
        shared = _share_out(words, [*chosen[:index], variant, *chosen[index + 1 :]], heard, aligner)
        return (
            sum(_errors(word.ops) for word in shared),
            sum(word.suspect for word in shared if word.expected),
            sum(len(word.ops) - word.ops.count(MATCH) for word in shared),
        )

    return min(words[index].pronunciations, key=distance)


def _errors(ops: bytes) -> int:
    return ops.count(SUBSTITUTE) + ops.count(DELETE) + ops.count(INSERT)


def _share_out(
    words: Sequence[ReferenceWord], chosen: Sequence[bytes], heard: bytes, aligner: PhonemeAligner
) -> list[HeardWord]:
    owner = [index for index, reference in enumerate(chosen) for _ in reference]
    ops = [bytearray() for _ in words]
    extra: dict[int, int] = {}  # the word after which extra speech was heard (-1: before the first) -> phonemes
    done = 0  # reference phonemes that the steps so far have used
    reference = b"".join(chosen)
    path = slide_to_words(aligner.align(reference, heard), reference, heard, owner)
    for inserting, steps in groupby(path, key=_INSERTIONS.__contains__):
        run = bytes(steps)
        if not inserting:
            for op in run:
                ops[owner[done]].append(op)
                done += 1
            continue
        before = owner[done - 1] if done else -1
        after = owner[done] if done < len(owner) else len(words)
        if after - before > 1:
            # Words without a reference lie between: what was heard there is theirs.
            ops[before + 1] += run
        elif before == after or (before >= 0 and len(run) < EXTRA_SPEECH_PHONEMES):
            ops[before] += run
        elif len(run) < EXTRA_SPEECH_PHONEMES:
            ops[after] += run
        else:
            extra[before] = len(run)

    result: list[HeardWord] = []
    position = 0

    def add(expected: ReferenceWord | None, reference: bytes, word_ops: bytes) -> None:
        nonlocal position
        end = position + sum(op not in _DELETIONS for op in word_ops)
        result.append(HeardWord(expected, reference, word_ops, position, end))
        position = end

    for index in range(-1, len(words)):
        if index >= 0:
            add(words[index], chosen[index], bytes(ops[index]))
        if index in extra:
            add(None, b"", bytes([INSERT] * extra[index]))
    return result
