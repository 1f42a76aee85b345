"""Corrected phrases as labelled clips, in the form that an evaluation reads."""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path

from streamproc.contracts.generated.events import Result, Verdict, WordResult
from streamproc.contracts.generated.events_correction import WordVerdict
from streamproc.contracts.upkeep.examples import CORRECTION, RESULT
from streamproc.training.corrected import Folder, LabelledPhrase, by_result, labelled
from streamproc.training.evaluate import MODEL, Recogniser
from streamproc.training.people.clips import read_folder
from streamproc.training.people.fitting import corrected_examples, people_readings, usual_of

SPEECH = Path(__file__).parents[2] / "golden" / "speech"
WORD = RESULT.phrases[0].words[0]


def word(text: str | None, verdict: Verdict) -> WordResult:
    return replace(WORD, text=text, verdict=verdict)


def result(*phrases: tuple[WordResult, ...]) -> Result:
    made = (
        replace(RESULT.phrases[0], index=index, words=words, expected_text=" ".join(one.text or "" for one in words))
        for index, words in enumerate(phrases)
    )
    return replace(RESULT, phrases=tuple(made))


def test_what_the_teacher_let_stand_is_marked_as_the_result_says() -> None:
    words = (word("the", Verdict.CORRECT), word(None, Verdict.INSERTED), word("cat", Verdict.MISPRONOUNCED))
    tally: Counter[str] = Counter()
    given = result(words, words)
    [phrase] = labelled(given, {(1, 2, "cat"): "CORRECT"}, tally)
    assert (phrase.index, phrase.words) == (1, (("the", 10.0), ("cat", 10.0)))
    [phrase] = labelled(given, {(0, 0, "the"): "OMITTED"}, tally)
    assert phrase.words == (("the", 0.0), ("cat", 0.0))
    assert tally == {}


def test_a_phrase_with_a_word_that_nobody_judged_is_left_out() -> None:
    words = (word("the", Verdict.UNKNOWN), word("cat", Verdict.CORRECT))
    tally: Counter[str] = Counter()
    assert list(labelled(result(words), {(0, 1, "cat"): "OMITTED"}, tally)) == []
    assert tally == {"unjudged": 1}
    [phrase] = labelled(result(words), {(0, 0, "the"): "ACCEPTED"}, tally)
    assert phrase.words == (("the", 10.0), ("cat", 10.0))


def test_a_correction_of_a_word_that_is_not_there_marks_no_other() -> None:
    words = (word("the", Verdict.CORRECT), word(None, Verdict.INSERTED), word("cat", Verdict.CORRECT))
    tally: Counter[str] = Counter()
    wrong = {(0, 0, "cat"): "OMITTED", (0, 1, ""): "OMITTED", (0, 3, "cat"): "OMITTED", (1, 0, "the"): "OMITTED"}
    assert list(labelled(result(words), wrong, tally)) == []
    assert tally == {"no_word": 4}
    [phrase] = labelled(result(words), {**wrong, (0, 2, "cat"): "OMITTED"}, tally)
    assert phrase.words == (("the", 10.0), ("cat", 0.0))


def test_of_several_corrections_of_a_word_the_last_counts() -> None:
    second = replace(CORRECTION, verdict=WordVerdict.OMITTED)
    assert by_result([CORRECTION, second]) == {CORRECTION.result_id: {(0, 2, CORRECTION.word): "OMITTED"}}


def test_an_evaluation_reads_what_is_written_and_nobody_s_identifier_is_in_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "new", b"secret")
    phrase = LabelledPhrase(0, "the cat", (("the", 10.0), ("cat", 0.0)))
    for learner in ("learner-1", "learner-1", "learner-2"):
        folder.add(replace(RESULT, learner_id=learner), phrase, b"RIFF....")
    assert folder.finish() == 3
    clips = read_folder(tmp_path / "new")
    assert [[(one.text, one.marks) for one in clip.words] for clip in clips] == [
        [("the", (10.0,)), ("cat", (0.0,))]
    ] * 3
    assert clips[0].speaker == clips[1].speaker != clips[2].speaker
    written = (tmp_path / "new" / "manifest.jsonl").read_text()
    assert "learner-" not in written
    assert RESULT.tenant not in written
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_the_fitting_of_the_word_classifier_learns_from_what_is_written(tmp_path: Path) -> None:
    clip = read_folder(SPEECH)[0]
    words = tuple((one.text, 0.0 if number == 0 else 10.0) for number, one in enumerate(clip.words))
    folder = Folder(tmp_path / "new", b"secret")
    folder.add(RESULT, LabelledPhrase(0, clip.text, words), (SPEECH / clip.name).read_bytes())
    folder.finish()
    model = Recogniser(MODEL)
    usual = usual_of(people_readings([clip], model))
    [learnt] = corrected_examples([tmp_path / "new"], model, usual)
    assert learnt.labels.tolist() == [1.0, *[0.0] * (len(words) - 1)]
    assert learnt.full.tolist() == [False, *[True] * (len(words) - 1)]
    assert corrected_examples([], model, usual) == []
