"""What the experts wrote down becomes what the network learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamproc.scoring.phonemes import PHONEMES
from streamproc.training.labels import Sound, reading_sounds, word_sounds
from streamproc.training.pack import Pack, PackWriter, is_pack
from streamproc.training.speechocean import noted


def _shown(sounds: list[Sound]) -> list[str]:
    return [PHONEMES[sound.code] + "!" * sound.other + "?" * sound.optional for sound in sounds]


def test_marks_are_read() -> None:
    assert noted("K {AE0} (T) [ S ]") == [("K", "right"), ("AE", "accented"), ("T", "wrong"), ("S", "inserted")]
    assert noted("(AO0 R)") == [("AO", "wrong"), ("R", "wrong")]
    assert noted("TR EY0 D") == [("T", "right"), ("R", "right"), ("EY", "right"), ("D", "right")]


def test_an_accent_is_the_sound_and_a_wrong_sound_is_any_other_or_none() -> None:
    assert _shown(word_sounds("call", noted("K {AO0} L"))) == ["K", "AO", "L"]
    assert _shown(word_sounds("but", noted("B AX0 (T)"))) == ["B", "AH", "T!?"]


def test_the_dictionary_s_r_that_a_british_expert_does_not_expect_may_be_there_or_not() -> None:
    assert _shown(word_sounds("for", noted("F AO0"))) == ["F", "AO", "R?"]


def test_the_nearest_of_the_dictionary_s_pronunciations_is_taken() -> None:
    assert _shown(word_sounds("read", noted("R EH0 D"))) == ["R", "EH", "D"]
    assert _shown(word_sounds("read", noted("R IY0 D"))) == ["R", "IY", "D"]


def test_each_expert_has_a_say_and_a_word_not_said_has_no_sound() -> None:
    words = [{"text": "so", "accuracy": [10, 0], "phones": ["S OW0", "(S OW0)"]}]
    said = reading_sounds({"words": words})
    assert [_shown(sounds) for sounds in said] == [["S", "OW"], []]


def test_a_pack_gives_back_what_was_put_in(tmp_path: Path) -> None:
    with PackWriter(tmp_path / "pack") as pack:
        pack.add(np.array([1, -1], dtype=np.int16), text="a")
        pack.add(np.array([16384], dtype=np.int16), text="b")
        assert not is_pack(tmp_path / "pack")
    read = Pack(tmp_path / "pack")
    assert [row["text"] for row in read.rows] == ["a", "b"]
    assert read.audio(1).tolist() == [0.5]
