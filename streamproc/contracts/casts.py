"""Results between major versions: the one place that knows what became of each field.

Minor versions need no code: Avro's schema resolution turns what any of them wrote into the newest. Every field of one
major version has its place in the other, so that ``downcast(upcast(result)) == result`` for every result that follows
the contract (an INSERTED word has neither text nor reference nor error code, and INSERT operations alone).
"""

from __future__ import annotations

from streamproc.contracts.generated import events as v1
from streamproc.contracts.generated import events_v2 as v2


def upcast(result: v1.Result) -> v2.Result:
    """Version 1 as version 2."""
    counts = result.counts
    return v2.Result(
        activity=v2.Reading(
            activity_id=result.activity_id,
            learner_id=result.learner_id,
            tenant_id=result.tenant,
            started_at=result.started_at,
            submitted_at=result.submitted_at,
            locale=result.locale,
            story_id=result.story_id,
            passage_id=result.passage_id,
            assignment_id=result.assignment_id,
            attempt=result.attempt,
        ),
        source=v2.SourcePosition(
            topic=result.source.topic, partition=result.source.partition, offset=result.source.offset
        ),
        scored_at=result.scored_at,
        status=v2.ResultStatus(result.status.value),
        scores=v2.Scores(
            accuracy=result.accuracy,
            words_correct_per_minute=result.words_correct_per_minute,
            audio_ms=result.audio_ms,
            expected=counts.expected,
            correct=counts.correct,
            accepted=counts.accepted,
            mispronounced=counts.mispronounced,
            omitted=counts.omitted,
            inserted=counts.inserted,
            unjudged=counts.unjudged,
        ),
        phrases=tuple([_phrase_up(phrase) for phrase in result.phrases]),
        provenance=v2.Provenance(
            model_name=result.model.name,
            model_version=result.model.version,
            model_sha256=result.model.sha256,
            judged_by=v2.JudgedBy(result.judged_by.value),
            engine=result.engine,
            aligner_version=result.aligner_version,
        ),
        timings=v2.StageTimings(
            decode_ms=result.timings.decode_ms,
            audio_ms=result.timings.audio_ms,
            wait_ms=result.timings.wait_ms,
            inference_ms=result.timings.inference_ms,
            score_ms=result.timings.score_ms,
            total_ms=result.timings.total_ms,
        ),
    )


def downcast(result: v2.Result) -> v1.Result:
    """Version 2 as version 1."""
    activity, scores, provenance = result.activity, result.scores, result.provenance
    return v1.Result(
        activity_id=activity.activity_id,
        learner_id=activity.learner_id,
        tenant=activity.tenant_id,
        started_at=activity.started_at,
        submitted_at=activity.submitted_at,
        scored_at=result.scored_at,
        locale=activity.locale,
        story_id=activity.story_id,
        passage_id=activity.passage_id,
        assignment_id=activity.assignment_id,
        attempt=activity.attempt,
        source=v1.SourcePosition(
            topic=result.source.topic, partition=result.source.partition, offset=result.source.offset
        ),
        status=v1.ResultStatus(result.status.value),
        accuracy=scores.accuracy,
        words_correct_per_minute=scores.words_correct_per_minute,
        audio_ms=scores.audio_ms,
        counts=v1.Counts(
            expected=scores.expected,
            correct=scores.correct,
            accepted=scores.accepted,
            mispronounced=scores.mispronounced,
            omitted=scores.omitted,
            inserted=scores.inserted,
            unjudged=scores.unjudged,
        ),
        phrases=tuple([_phrase_down(phrase) for phrase in result.phrases]),
        model=v1.Model(name=provenance.model_name, version=provenance.model_version, sha256=provenance.model_sha256),
        judged_by=v1.JudgedBy(provenance.judged_by.value),
        engine=provenance.engine,
        aligner_version=provenance.aligner_version,
        timings=v1.StageTimings(
            decode_ms=result.timings.decode_ms,
            audio_ms=result.timings.audio_ms,
            wait_ms=result.timings.wait_ms,
            inference_ms=result.timings.inference_ms,
            score_ms=result.timings.score_ms,
            total_ms=result.timings.total_ms,
        ),
    )


def _phrase_up(phrase: v1.PhraseResult) -> v2.PhraseResult:
    words: list[v2.WordResult] = []
    insertions: list[v2.Insertion] = []
    for word in phrase.words:
        if word.verdict is v1.Verdict.INSERTED:
            insertions.append(
                v2.Insertion(
                    before_word=len(words),
                    confidence=word.confidence,
                    start_ms=word.start_ms,
                    end_ms=word.end_ms,
                    heard=word.heard,
                )
            )
        else:
            words.append(
                v2.WordResult(
                    text=word.text or "",
                    verdict=v2.Verdict(word.verdict.value),
                    error_code=word.error_code,
                    confidence=word.confidence,
                    start_ms=word.start_ms,
                    end_ms=word.end_ms,
                    reference=word.reference,
                    heard=word.heard,
                    operations=tuple([v2.Operation(operation.value) for operation in word.operations]),
                )
            )
    error = None
    if phrase.error_code is not None:
        error = v2.PhraseError(code=phrase.error_code, message=phrase.error_message)
    return v2.PhraseResult(
        index=phrase.index,
        status=v2.PhraseStatus(phrase.status.value),
        error=error,
        expected_text=phrase.expected_text,
        audio_ms=phrase.audio_ms,
        words=tuple(words),
        insertions=tuple(insertions),
    )


def _phrase_down(phrase: v2.PhraseResult) -> v1.PhraseResult:
    words: list[v1.WordResult] = []
    insertions = list(phrase.insertions)
    for position in range(len(phrase.words) + 1):
        while insertions and insertions[0].before_word <= position:
            words.append(_insertion_down(insertions.pop(0)))
        if position < len(phrase.words):
            words.append(_word_down(phrase.words[position]))
    # Nothing is lost even where before_word is beyond the last word.
    words += [_insertion_down(insertion) for insertion in insertions]
    return v1.PhraseResult(
        index=phrase.index,
        status=v1.PhraseStatus(phrase.status.value),
        error_code=phrase.error.code if phrase.error else None,
        error_message=phrase.error.message if phrase.error else None,
        expected_text=phrase.expected_text,
        audio_ms=phrase.audio_ms,
        words=tuple(words),
    )


def _word_down(word: v2.WordResult) -> v1.WordResult:
    return v1.WordResult(
        text=word.text,
        verdict=v1.Verdict(word.verdict.value),
        error_code=word.error_code,
        confidence=word.confidence,
        start_ms=word.start_ms,
        end_ms=word.end_ms,
        reference=word.reference,
        heard=word.heard,
        operations=tuple([v1.Operation(operation.value) for operation in word.operations]),
    )


def _insertion_down(insertion: v2.Insertion) -> v1.WordResult:
    return v1.WordResult(
        verdict=v1.Verdict.INSERTED,
        confidence=insertion.confidence,
        start_ms=insertion.start_ms,
        end_ms=insertion.end_ms,
        reference=(),
        heard=insertion.heard,
        operations=(v1.Operation.INSERT,) * len(insertion.heard),
    )
