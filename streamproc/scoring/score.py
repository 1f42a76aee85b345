"""The verdict on every word of a phrase.

What was decoded, aligned with the reference, finds most misread words, but every second word that it suspects was read
well: the recogniser errs too. A suspect word is therefore weighed by its CTC margin: log P(audio | what was heard)
minus log P(audio | the reference), over the stretch of audio around the word. Only a clear margin makes it wrong.

The margin asks whether the reference *could* have been spoken, so it needs evidence that something was: in silence
and in noise every short word could. A phrase of which hardly anything was heard, and a word of which nothing was, get
no benefit of the doubt.

With a classifier that was fitted for the model, the probability that a suspect word was misread decides instead. What
was heard exactly is correct either way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from aligner_mypyc import ACCEPTED, ACCEPTED_DELETE, ACCEPTED_INSERT, DELETE, INSERT, MATCH, SUBSTITUTE
from streamproc.contracts.generated.events import Operation, Verdict, WordResult
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring.ctc import OF_BUILT_IN, Decode, Floats, FrameTimes, Token, greedy_decode, log_likelihoods
from streamproc.scoring.evidence import weigh_evidence
from streamproc.scoring.misread import Strictness
from streamproc.scoring.parts import lay_out_reading
from streamproc.scoring.phonemes import BLANK, PHONEMES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.restored import RESTORED_TIMES, restored_words
from streamproc.scoring.skipped import hear_without, likeliest_skipped, skipped_words
from streamproc.scoring.unscorable import FAR, unscorable
from streamproc.scoring.usual import Usual
from streamproc.scoring.variants import PhonemeAligner
from streamproc.scoring.words import HeardWord, hear_words

CONTEXT_PHONEMES = 6
"""Heard phonemes on either side of a suspect word that are weighed with it: what surrounds a word is heard as it was,
so that one misread word does not weigh on its neighbours, and the cost of a word does not grow with the phrase."""

BENEFIT_OF_DOUBT = 1 / 3
"""Share of a phrase's phonemes that must be heard as expected before any suspect word in it can count as correct.
Of readings, even at 8 kHz or in noise, nearly all reach it; of silence and noise read against a text, none or few."""

MOST_WEIGHED = 64
"""Different words left out at one place that are weighed; more are left out as surely as the least sure of these."""

LONGEST_WEIGHED = 256
"""Phonemes that are weighed at once, context included. What is longer is no word but a stretch of speech: there is no
doubt that something else was said, or nothing."""

MOST_FRAMES = 1024
"""Frames that are weighed at once (20 s): of more, those in which the model is surest of silence are left out. They
weigh the same whatever was said, as in phone-synchronous decoding (Chen, Zhuang, Qian, Yu, "Phone Synchronous Speech
Recognition With CTC Lattices", IEEE/ACM TASLP 25(1), 2017)."""

_NEVER = -100.0
"""A logarithm of a probability that counts as 0: that of none is infinite."""

ACCENT = 1 / 3
"""A word that differs from its reference is ACCEPTED rather than CORRECT from this part of the threshold on."""

LONGEST_UNHEARD = 1
"""A word of this many phonemes ("a") can be correct though the decode has nothing for it."""

_OPERATIONS = {
    MATCH: Operation.MATCH,
    ACCEPTED: Operation.ACCEPT,
    SUBSTITUTE: Operation.SUBSTITUTE,
    DELETE: Operation.DELETE,
    INSERT: Operation.INSERT,
    # The word's verdict ACCEPTED tells them from real slips.
    ACCEPTED_DELETE: Operation.DELETE,
    ACCEPTED_INSERT: Operation.INSERT,
}


def score_phrase(
    log_probs: Floats,
    words: Sequence[ExpectedWord],
    aligner: PhonemeAligner,
    margin: float,
    decode: Decode = greedy_decode,
    strictness: Strictness | None = None,
    times: FrameTimes = OF_BUILT_IN,
) -> list[WordResult]:
    """Judge every expected word of a phrase, and the extra speech in it.

    Args:
        log_probs: frames × 41 log-probabilities of the phrase's audio, the blank last.
        words: the expected words in order.
        aligner: aligns reference and heard phoneme codes.
        margin: a suspect word is wrong when its CTC margin (natural logarithm) is above this.
        decode: finds the phonemes that were heard.
        strictness: the model's classifier and its threshold, in place of the margin for expected words.
        times: when the frames are.

    Returns:
        One result a word, in order, with an INSERTED one wherever extra speech was heard.

    Raises:
        StreamprocError: NOTHING_HEARD or TEXT_NOT_HEARD, with ``strictness`` alone: a margin cannot tell.
    """
    heard, misread = hear(log_probs, words, aligner, decode), dict[int, float]()
    if strictness:
        heard, misread = _weigh_words(heard, words, log_probs, aligner, strictness)
    doubtful = not misread and _share_heard(heard.words) < BENEFIT_OF_DOUBT
    results: list[WordResult] = []
    for index, (word, found) in enumerate(zip(heard.words, heard.margins, strict=True)):
        tokens = heard.tokens[word.start : word.end]
        if strictness and index in misread:
            results.append(_judge_by_probability(word, tokens, misread[index], strictness.above, times))
            continue
        benefit = not doubtful and not _is_unheard(word)
        result = _judge(word, tokens, found - margin if _is_weighed(word) else 0.0, benefit, times)
        if result is not None:
            results.append(result)
    return results


@dataclass(frozen=True, slots=True)
class HeardPhrase:
    """What was decoded, how it is shared out among the words and extra speech, and the CTC margin of each of these."""

    tokens: Sequence[Token]
    words: Sequence[HeardWord]
    margins: Sequence[float]
    skipped: frozenset[int] = frozenset()
    """Places of words that were not read."""


def hear(
    log_probs: Floats, words: Sequence[ExpectedWord], aligner: PhonemeAligner, decode: Decode = greedy_decode
) -> HeardPhrase:
    """What was heard of a phrase; arguments as for `score_phrase`. The margin of what was heard exactly is 0."""
    tokens = decode(log_probs)
    found = hear_words(words, bytes(token.code for token in tokens), aligner)
    return HeardPhrase(tokens, found, _margins(found, tokens, log_probs))


def hear_what_was_read(
    heard: HeardPhrase, words: Sequence[ExpectedWord], log_probs: Floats, aligner: PhonemeAligner
) -> HeardPhrase:
    """The same phrase with the words that were not read set apart, `skipped`; the same where there are none."""
    skipped = likeliest_skipped(words, skipped_words(heard.words), log_probs)
    if not skipped:
        return heard
    if all(place in skipped for place, word in enumerate(words) if word.pronunciations):
        whole = frozenset(place for place, word in enumerate(heard.words) if word.expected)
        return replace(heard, skipped=whole)
    codes = bytes(token.code for token in heard.tokens)
    found = hear_without(words, skipped, codes, aligner)
    for _ in range(RESTORED_TIMES):
        restored = restored_words(words, skipped, found, codes, aligner)
        if not restored:
            break
        skipped -= restored
        found = hear_without(words, skipped, codes, aligner)
    places = [place for place, word in enumerate(found) if word.expected]
    margins = _margins(found, heard.tokens, log_probs)
    return HeardPhrase(heard.tokens, found, margins, frozenset(places[number] for number in skipped))


def _margins(words: Sequence[HeardWord], tokens: Sequence[Token], log_probs: Floats) -> list[float]:
    weighed: list[float] = []
    # Omitted words in a row have the same place in the audio: they are weighed together, or a silent clip of a long
    # text would be gone through once for every word.
    for _, run in groupby(words, key=lambda word: (word.start, word.end)):
        same_place = list(run)
        margins = ctc_margins([word for word in same_place if _is_weighed(word)], tokens, log_probs)
        weighed += [margins[_spoken_as(word)] if _is_weighed(word) else 0.0 for word in same_place]
    return weighed


@dataclass(frozen=True, slots=True)
class PhraseEvidence:
    """``table``: the evidence on the words at ``places`` of a `HeardPhrase`. ``fit``: log P(audio | the text) less that
    of the likeliest path, a phoneme; far below 0 where something else was read."""

    places: Sequence[int]
    table: NDArray[np.float64]
    fit: float


def phrase_evidence(heard: HeardPhrase, log_probs: Floats, usual: Usual) -> PhraseEvidence | None:
    """The evidence on the words that were read; None where they cannot be laid over the audio, or are too long for
    it."""
    places = [
        index for index, word in enumerate(heard.words)
        if word.expected and word.reference and index not in heard.skipped
    ]  # fmt: skip
    found = lay_out_reading(heard.words, places, heard.tokens, log_probs)
    if found is None:
        return None
    words, margins = [heard.words[index] for index in places], [heard.margins[index] for index in places]
    table = weigh_evidence(words, margins, heard.tokens, found.laid, usual)
    return PhraseEvidence(places, table, found.fit)


def blur(log_probs: Floats) -> float:
    """How badly the model tells sounds from one another: the mean entropy of its frames, in nats; 0 of none."""
    total = 0.0
    for begin in range(0, len(log_probs), MOST_FRAMES):  # a long reading must not be there a second time
        frames = log_probs[begin : begin + MOST_FRAMES]
        total -= float((np.exp(frames) * np.maximum(frames, _NEVER)).sum())
    return total / max(len(log_probs), 1)


def _weigh_words(
    heard: HeardPhrase,
    words: Sequence[ExpectedWord],
    log_probs: Floats,
    aligner: PhonemeAligner,
    strictness: Strictness,
) -> tuple[HeardPhrase, dict[int, float]]:
    """What was heard, and that each word was misread by its place therein: of words that were read alone, and of none
    where they do not fit the audio, which says nothing about single words."""
    expected = sum(len(word.reference) for word in heard.words)
    least_fit = strictness.classifier.least_fit
    evidence = phrase_evidence(heard, log_probs, strictness.classifier.usual)
    blurred = evidence is not None and blur(log_probs) > strictness.classifier.most_blur
    if evidence is None or evidence.fit < least_fit or blurred:
        if evidence is None or evidence.fit < least_fit:
            whole, heard = heard, hear_what_was_read(heard, words, log_probs, aligner)
            if heard is not whole:
                evidence = phrase_evidence(heard, log_probs, strictness.classifier.usual)
        # Words that cannot be laid over the audio do not fit it, but nobody knows by how much.
        lacking = least_fit - evidence.fit if evidence is not None else FAR
        read = [word for place, word in enumerate(heard.words) if place not in heard.skipped]
        matched = sum(word.matched for word in read)
        code = unscorable(expected=expected, heard=len(heard.tokens), matched=matched, lacking=lacking, blurred=blurred)
        if code is not None:
            raise StreamprocError(code)
        if evidence is None or lacking > 0:
            return heard, {}
    return heard, dict(zip(evidence.places, strictness.classifier.probabilities(evidence.table).tolist(), strict=True))


def _share_heard(words: Sequence[HeardWord]) -> float:
    """The share of the phrase's reference phonemes that were heard as expected, or as an accepted variant."""
    expected = sum(len(word.reference) for word in words)
    return sum(word.matched for word in words) / expected if expected else 0.0


def _is_unheard(word: HeardWord) -> bool:
    return word.start == word.end and len(word.reference) > LONGEST_UNHEARD


def _is_weighed(word: HeardWord) -> bool:
    return not word.exact and (word.expected is None or bool(word.reference))


def _judge(
    word: HeardWord, heard: Sequence[Token], excess: float, benefit: bool, times: FrameTimes
) -> WordResult | None:
    """The verdict on one heard word, of a suspect by what its margin exceeds the limit; None for extra speech that the
    audio does not bear out.

    A word with accepted variants alone is ACCEPTED rather than wrong. ``benefit``: the margin may make a suspect word
    correct.
    """
    if word.expected is not None and not word.reference:
        return _result(word, heard, times, Verdict.UNKNOWN, 0.0, ErrorCode.REFERENCE_MISSING.name)
    if word.exact:
        certainty = math.exp(sum(math.log(max(token.probability, 1e-9)) for token in heard) / max(len(heard), 1))
        return _result(word, heard, times, Verdict.CORRECT, certainty)
    certainty = 1.0 / (1.0 + math.exp(-min(abs(excess), 50.0)))
    if word.expected is None:
        return _result(word, heard, times, Verdict.INSERTED, certainty) if excess > 0 else None
    if excess <= 0 and benefit:
        return _result(word, heard, times, Verdict.CORRECT, certainty)
    if not word.suspect:
        return _result(word, heard, times, Verdict.ACCEPTED, certainty)
    return _result(word, heard, times, Verdict.MISPRONOUNCED if heard else Verdict.OMITTED, certainty)


def _judge_by_probability(
    word: HeardWord, heard: Sequence[Token], misread: float, above: float, times: FrameTimes
) -> WordResult:
    """The verdict on an expected word; its certainty is the probability that the word was misread, or that it was not.

    Below the threshold what differs is an accent: ACCEPTED, unless the word is clearly right. A word that was heard
    exactly is right at any threshold.
    """
    if word.exact:
        return _result(word, heard, times, Verdict.CORRECT, 1 - min(misread, above))
    if misread > above:
        return _result(word, heard, times, Verdict.MISPRONOUNCED if heard else Verdict.OMITTED, misread)
    accented = not word.suspect or misread > above * ACCENT
    return _result(word, heard, times, Verdict.ACCEPTED if accented else Verdict.CORRECT, 1 - misread)


def _spoken_as(word: HeardWord) -> tuple[bytes, ...]:
    """How a word may be spoken; extra speech that the audio does not bear out is no speech."""
    return word.expected.pronunciations if word.expected else (b"",)


def ctc_margins(
    words: Sequence[HeardWord], tokens: Sequence[Token], log_probs: Floats
) -> dict[tuple[bytes, ...], float]:
    """log P(audio | as heard) - log P(audio | as any pronunciation of the reference), around words of one place.

    At least about 0, and infinite where the reference cannot be spoken in so few frames.

    Args:
        words: words that share ``start`` and ``end``.
        tokens: what was decoded of ``log_probs``.

    Returns:
        The margin of each of the words' pronunciations. The work is bounded by MOST_WEIGHED words, of what nobody
        heard, times MOST_FRAMES frames.
    """
    if not words:
        return {}
    word = words[0]
    first = max(0, word.start - CONTEXT_PHONEMES)
    last = min(len(tokens), word.end + CONTEXT_PHONEMES)
    before = bytes(token.code for token in tokens[first : word.start])
    after = bytes(token.code for token in tokens[word.end : last])
    heard = bytes(token.code for token in tokens[word.start : word.end])

    unheard = list(dict.fromkeys(_spoken_as(word) for word in words if _is_unheard(word)))
    others = {_spoken_as(word) for word in words if not _is_unheard(word)}
    weighed = [*others, *unheard[:MOST_WEIGHED]]
    hypotheses = [before + spoken + after for spoken in dict.fromkeys((heard, *chain.from_iterable(weighed)))]
    fitting = [hypothesis for hypothesis in hypotheses if len(hypothesis) <= LONGEST_WEIGHED]
    likelihoods = dict.fromkeys(hypotheses, -math.inf)
    if fitting:
        found = log_likelihoods(_speech(tokens, first, last, log_probs), fitting)
        likelihoods |= zip(fitting, found, strict=True)
    as_heard = likelihoods[before + heard + after]

    margins = {
        spoken: as_heard - max(likelihoods[before + variant + after] for variant in spoken)
        if len(before + heard + after) <= LONGEST_WEIGHED
        else math.inf
        for spoken in weighed
    }
    least = min((margins[spoken] for spoken in unheard[:MOST_WEIGHED]), default=math.inf)
    return margins | dict.fromkeys(unheard[MOST_WEIGHED:], least)


def _speech(tokens: Sequence[Token], first: int, last: int, log_probs: Floats) -> Floats:
    """The frames from the end of the token before ``first`` to the start of token ``last``, MOST_FRAMES at most."""
    begin = tokens[first - 1].end if first else 0
    end = tokens[last].start if last < len(tokens) else len(log_probs)
    frames = log_probs[begin:end]
    if len(frames) <= MOST_FRAMES:
        return frames
    silence = frames[:, BLANK].copy()
    # What parts two sounds that are alike must stay.
    silence[[token.end - begin for token in tokens[first:last] if token.end < end]] = -np.inf
    return frames[np.sort(np.argpartition(silence, MOST_FRAMES)[:MOST_FRAMES])]


def _result(
    word: HeardWord,
    heard: Sequence[Token],
    times: FrameTimes,
    verdict: Verdict,
    confidence: float,
    error_code: str | None = None,
) -> WordResult:
    return WordResult(
        text=word.expected.text if word.expected else None,
        verdict=verdict,
        error_code=error_code,
        confidence=round(confidence, 4),
        start_ms=times.ms(heard[0].start) if heard else None,
        end_ms=times.ms(heard[-1].end) if heard else None,
        reference=tuple(PHONEMES[code] for code in word.reference),
        heard=tuple(PHONEMES[token.code] for token in heard),
        operations=tuple(_OPERATIONS[op] for op in word.ops),
    )
