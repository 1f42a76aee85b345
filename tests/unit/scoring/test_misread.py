"""The word classifier: what it weighs, and how its probability becomes a verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from streamproc.contracts.generated.events import Verdict, WordResult
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring import misread as module
from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.misread import Hidden, Strictness, WordClassifier, from_json, shipped, strictness_of
from streamproc.scoring.score import blur, hear, phrase_evidence, score_phrase
from streamproc.scoring.usual import Usual

from .sounds import Sound, audio
from .test_score import ALIGNER, words

COLUMN = {name: place for place, name in enumerate(EVIDENCE)}
CAT_SAT = ("DH", "AX", "K", "AE", "T", "S", "AE", "T")


def classifier(least_fit: float = -8.0, **weights: float) -> WordClassifier:
    """One that weighs only what is named."""
    given = np.zeros(len(EVIDENCE))
    for name, weight in weights.items():
        given[COLUMN[name]] = weight
    size = len(EVIDENCE)
    points = {"lenient": 0.9, "balanced": 0.5, "strict": 0.2}
    return WordClassifier("sha", np.zeros(size), np.ones(size), given, 0.0, points, least_fit)


def score(text: str, *sounds: Sound | str, by: WordClassifier, above: float = 0.5) -> list[WordResult]:
    return score_phrase(audio(*sounds), words(text), ALIGNER, 6.0, strictness=Strictness(by, above))


def test_evidence_is_against_the_word_that_was_read_otherwise() -> None:
    log_probs = audio("DH", "AX", "K", "AO", "T", "S", "AE", "T")
    evidence = phrase_evidence(hear(log_probs, words("the cat sat"), ALIGNER), log_probs, Usual.unknown())
    assert evidence is not None
    the, cat, sat = evidence.table
    assert cat[COLUMN["margin"]] > 3 > the[COLUMN["margin"]]
    assert cat[COLUMN["worst_goodness"]] < sat[COLUMN["worst_goodness"]]
    assert cat[COLUMN["worst_rivalry"]] < 0 < sat[COLUMN["worst_rivalry"]]
    assert cat[COLUMN["substituted"]] == pytest.approx(1 / 3)
    assert sat[COLUMN["neighbours_goodness"]] == pytest.approx(cat[COLUMN["goodness"]])


def test_a_words_neighbours_are_those_beside_it() -> None:
    log_probs = audio("DH", "AX", "K", "AO", "T", Sound("S", "Z", 0.3), "AE", "T")
    for text in ("the cat sat", "the"):
        evidence = phrase_evidence(hear(log_probs, words(text), ALIGNER), log_probs, Usual.unknown())
        assert evidence is not None
        column = {name: evidence.table[:, place].tolist() for place, name in enumerate(EVIDENCE)}
        goodness, margins = column["goodness"], column["margin"]
        places = range(len(goodness))
        beside = [[other for other in (place - 1, place + 1) if other in places] for place in places]
        assert column["neighbours_goodness"] == pytest.approx(
            [fmean(goodness[other] for other in others) if others else goodness[0] for others in beside]
        )
        assert column["neighbours_margin"] == pytest.approx(
            [fmean(margins[other] for other in others) if others else 0.0 for others in beside]
        )


def test_a_text_that_was_not_read_fits_badly() -> None:
    log_probs = audio(*CAT_SAT)
    own, other = (
        phrase_evidence(hear(log_probs, words(text), ALIGNER), log_probs, Usual.unknown())
        for text in ("the cat sat", "go my home")
    )
    assert own is not None
    assert other is not None
    assert own.fit > -1 > other.fit


def test_a_reference_too_long_for_the_audio_has_no_evidence() -> None:
    log_probs = audio("K")
    assert phrase_evidence(hear(log_probs, words("cat " * 30), ALIGNER), log_probs, Usual.unknown()) is None


def test_the_probability_decides_and_is_the_confidence() -> None:
    read = ("DH", "AX", "K", "AO", "T", "S", "AE", "T")
    _, cat, _ = score("the cat sat", *read, by=classifier(substituted=6.0))
    assert cat.verdict is Verdict.MISPRONOUNCED
    assert cat.confidence == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3)
    _, cat, _ = score("the cat sat", *read, by=classifier(substituted=-1.5))
    assert cat.verdict is Verdict.ACCEPTED  # near the threshold: an accent
    assert cat.confidence == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-3)
    _, cat, _ = score("the cat sat", *read, by=classifier(substituted=-12.0))
    assert cat.verdict is Verdict.CORRECT


def test_what_was_heard_exactly_is_correct_whatever_the_classifier_says() -> None:
    found = score("the cat sat", *CAT_SAT, by=classifier(matched=4.0))
    assert {word.verdict for word in found} == {Verdict.CORRECT}


def test_the_confidence_in_what_was_heard_exactly_is_the_classifier_s_too() -> None:
    sure, doubted = (
        score("the cat sat", *CAT_SAT, by=classifier(matched=weight))[1].confidence for weight in (-4.0, 4.0)
    )
    assert sure > 0.9
    assert doubted == pytest.approx(0.5)  # it stays correct: no surer to be wrong than the threshold


def test_a_word_left_out_is_omitted_and_extra_speech_stays() -> None:
    omitted = score("the cat sat", "DH", "AX", "S", "AE", "T", by=classifier(unheard=4.0, margin=-0.1))
    assert [word.verdict for word in omitted] == [Verdict.CORRECT, Verdict.OMITTED, Verdict.CORRECT]
    extra = score("the sat", *CAT_SAT, by=classifier())
    assert [word.verdict for word in extra] == [Verdict.CORRECT, Verdict.INSERTED, Verdict.CORRECT]


def test_odd_evidence_counts_no_further_than_four_deviations() -> None:
    table = np.zeros((2, len(EVIDENCE)))
    table[:, COLUMN["margin"]] = 4, 4000
    one, other = classifier(margin=1.0).probabilities(table)
    assert one == other


def test_json_gives_the_same_classifier_and_other_evidence_is_refused() -> None:
    written = json.loads(json.dumps(classifier(margin=1.0).to_json()))
    table = np.ones((1, len(EVIDENCE)))
    assert from_json(written).probabilities(table) == classifier(margin=1.0).probabilities(table)
    del written["evidence"]["margin"]
    with pytest.raises(ValueError, match="other evidence"):
        from_json(written)


def test_hidden_units_weigh_what_counts_only_together() -> None:
    size, places = len(EVIDENCE), [COLUMN["margin"], COLUMN["slowness"]]
    weights = np.zeros((size, 2))
    weights[places] = [[1.0, -1.0], [1.0, -1.0]]
    both = replace(classifier(), hidden=Hidden(weights, np.array([-1.5, -1.5]), np.array([3.0, 3.0])))
    table = np.zeros((4, size))
    table[:, places] = [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    same, apart, other, too = both.probabilities(table)
    assert same == pytest.approx(too)
    assert apart == pytest.approx(other)
    assert same > 10 * apart
    again = from_json(json.loads(json.dumps(both.to_json())))
    assert again.probabilities(table) == pytest.approx(both.probabilities(table))


def test_a_file_whose_hidden_units_have_no_share_is_refused() -> None:
    written = classifier().to_json()
    written["hidden"]["out"] = [1.0]
    with pytest.raises(ValueError, match="hidden units"):
        from_json(written)


def test_a_model_has_the_classifier_of_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "shipped", lambda: (classifier(),))
    found = strictness_of("sha", "strict")
    assert found is not None
    assert found.above == 0.2
    assert strictness_of("other", "strict") is None


def test_shipped_classifiers_have_all_points_in_order() -> None:
    for one in shipped():
        assert one.points["lenient"] > one.points["balanced"] > one.points["strict"]


def test_where_something_else_was_read_no_word_is_judged() -> None:
    with pytest.raises(StreamprocError) as told:
        score("go my home", *CAT_SAT, by=classifier(least_fit=-1.0))
    assert told.value.code is ErrorCode.TEXT_NOT_HEARD


def test_where_nobody_speaks_no_word_is_judged() -> None:
    silence = audio("K").repeat(10, axis=0)
    silence[:] = silence[-1]  # blank
    with pytest.raises(StreamprocError) as told:
        score_phrase(silence, words("the cat sat"), ALIGNER, 6.0, strictness=Strictness(classifier(), 0.5))
    assert told.value.code is ErrorCode.NOTHING_HEARD


def test_a_text_that_was_begun_and_left_off_is_judged() -> None:
    found = score("the cat sat on a mat in the house", *CAT_SAT, by=classifier(least_fit=-1.0))
    assert [word.verdict for word in found][:3] == [Verdict.CORRECT] * 3
    assert found[-1].verdict is Verdict.OMITTED


DOUBTED = tuple(Sound(sound, doubt="NG", doubts=0.45) for sound in CAT_SAT)


def test_of_a_crowd_of_whose_sounds_hardly_one_is_clear_no_word_is_judged() -> None:
    crowd = replace(classifier(least_fit=-50.0), most_blur=0.3)
    assert 0.3 < blur(audio(*DOUBTED)) < 0.6
    assert blur(audio(*CAT_SAT)) < 0.1
    with pytest.raises(StreamprocError) as told:
        score("the dog runs", *DOUBTED, by=crowd)
    assert told.value.code is ErrorCode.TEXT_NOT_HEARD


def test_in_a_hall_that_blurs_sounds_what_is_mostly_from_the_text_is_judged() -> None:
    crowd = replace(classifier(least_fit=-50.0), most_blur=0.3)
    assert {word.verdict for word in score("the cat sat", *DOUBTED, by=crowd)} == {Verdict.CORRECT}


def test_a_text_of_which_little_was_read_clearly_is_judged() -> None:
    crowd = replace(classifier(least_fit=-50.0), most_blur=0.3)
    assert score("the dog ran", *CAT_SAT, by=crowd)
    assert from_json(json.loads(json.dumps(crowd.to_json()))).most_blur == 0.3
    assert from_json(json.loads(json.dumps(classifier().to_json()))).most_blur == np.inf
