"""Which heard phonemes belong to which expected word.

The heard phonemes of a phrase are aligned with the reference phonemes of all its words; the steps of that alignment
are then shared out among the words. Phonemes heard between two words belong to the word before them when they are few
(a wrong ending: "cats" for "cat"), and are extra speech when they are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from aligner_mypyc import ACCEPTED, ACCEPTED_DELETE, ACCEPTED_INSERT, DELETE, INSERT, MATCH, SUBSTITUTE
from streamproc.scoring.gaps import slide_to_words
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.variants import PhonemeAligner

EXTRA_SPEECH_PHONEMES = 3
"""This many heard phonemes between two expected words are extra speech rather than part of a word."""

WINDOW_WORDS = 4
"""Words on either side of one whose pronunciation is found out that are aligned with it."""

WINDOW_PHONEMES = 32
"""Most phonemes on either side of such a word, expected ones and heard ones, that are aligned with it."""

LONGEST_HEARD = 64
"""Nothing that was heard as more phonemes is one word: its pronunciation is not found out."""

_INSERTIONS = (INSERT, ACCEPTED_INSERT)
_DELETIONS = (DELETE, ACCEPTED_DELETE)


@dataclass(frozen=True, slots=True)
class HeardWord:
    """An expected word, or extra speech (``expected`` is None), with what was heard for it.

    ``ops`` are aligner_mypyc's operation bytes from ``reference`` to the heard phonemes; the heard phonemes are
    tokens [start, end) of what was decoded.
    """

    expected: ExpectedWord | None
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

    @property
    def matched(self) -> int:
        """Steps in which what was expected was heard, or an accepted variant of it."""
        return self.ops.count(MATCH) + self.accepted

    @property
    def accepted(self) -> int:
        """Steps that an accepted variant allows."""
        return self.ops.count(ACCEPTED) + self.ops.count(ACCEPTED_DELETE) + self.ops.count(ACCEPTED_INSERT)


def hear_words(words: Sequence[ExpectedWord], heard: bytes, aligner: PhonemeAligner) -> list[HeardWord]:
    """Share out the heard phonemes among the expected words, in order, with extra speech where it was heard.

    The whole phrase is aligned twice at most; which pronunciation of a word was used is found out in a window around
    the word, so that the work for a word does not grow with the phrase.

    Args:
        words: the expected words; one without pronunciation takes no part in the alignment.
        heard: the phoneme codes that were decoded.
    """
    usual = [word.pronunciations[0] if word.pronunciations else b"" for word in words]
    result = _share_out(words, usual, heard, aligner)
    places = [word for word in result if word.expected]
    chosen = list(usual)
    for index, word in enumerate(words):
        # A sound of this word may have been taken for its neighbour's.
        near = places[max(0, index - 1) : index + 2]
        if len(word.pronunciations) > 1 and not all(place.exact for place in near):
            chosen[index] = _nearest(words, chosen, places, index, heard, aligner)
    return result if chosen == usual else _share_out(words, chosen, heard, aligner)


def _nearest(
    words: Sequence[ExpectedWord],
    chosen: Sequence[bytes],
    places: Sequence[HeardWord],
    index: int,
    heard: bytes,
    aligner: PhonemeAligner,
) -> bytes:
    """The pronunciation of one word with which its window lies nearest to what was heard there, then fewest words
    suspect.

    Args:
        chosen: the pronunciation of each word as far as it has been found out.
        places: where each word was heard when all had their most usual pronunciation.
    """
    place = places[index]
    if place.end - place.start > LONGEST_HEARD:
        return chosen[index]
    first = _reach(chosen, range(index - 1, -1, -1))
    last = _reach(chosen, range(index + 1, len(words)))
    first, last = index - first, index + 1 + last
    begin = max(places[first - 1].end if first else 0, place.start - WINDOW_PHONEMES)
    end = min(places[last].start if last < len(words) else len(heard), place.end + WINDOW_PHONEMES)

    def distance(variant: bytes) -> tuple[int, int, int]:
        window = [*chosen[first:index], variant, *chosen[index + 1 : last]]
        shared = _share_out(words[first:last], window, heard[begin:end], aligner)
        return (
            sum(_errors(word.ops) for word in shared),
            sum(word.suspect for word in shared if word.expected),
            sum(len(word.ops) - word.ops.count(MATCH) for word in shared),
        )

    return min(words[index].pronunciations, key=distance)


def _reach(chosen: Sequence[bytes], neighbours: Sequence[int]) -> int:
    """How many of a word's neighbours to one side, nearest first, its window takes in."""
    phonemes = 0
    for count, index in enumerate(neighbours[:WINDOW_WORDS]):
        phonemes += len(chosen[index])
        if phonemes > WINDOW_PHONEMES:
            return count
    return min(len(neighbours), WINDOW_WORDS)


def _errors(ops: bytes) -> int:
    return ops.count(SUBSTITUTE) + ops.count(DELETE) + ops.count(INSERT)


def _share_out(
    words: Sequence[ExpectedWord], chosen: Sequence[bytes], heard: bytes, aligner: PhonemeAligner
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

    def add(expected: ExpectedWord | None, reference: bytes, word_ops: bytes) -> None:
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
