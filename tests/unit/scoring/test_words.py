"""Sharing out what was heard among the expected words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligner_mypyc import DELETE, INSERT, MATCH, SUBSTITUTE, Aligner, CostModel, Inventory, lengths
from streamproc.scoring.lexicon import encode
from streamproc.scoring.phonemes import PHONEMES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.words import HeardWord, hear_words

ALIGNER = Aligner(CostModel(Inventory(PHONEMES)))


def codes(phonemes: str) -> bytes:
    return encode(phonemes.split())


def word(text: str, *pronunciations: str) -> ExpectedWord:
    return ExpectedWord(text, tuple(codes(one) for one in pronunciations))


CAT, SAT, DOG = word("cat", "K AE T"), word("sat", "S AE T"), word("dog", "D AO G")
READ = word("read", "R EH D", "R IY D")
UNKNOWN = word("猫")


def heard(words: list[ExpectedWord], phonemes: str) -> list[tuple[str | None, str, bytes]]:
    """(text, phonemes heard, operations) of every word; text is None for extra speech."""
    said = codes(phonemes)
    return [
        (one.expected.text if one.expected else None, spell(said[one.start : one.end]), one.ops)
        for one in hear_words(words, said, ALIGNER)
    ]


def spell(said: bytes) -> str:
    return " ".join(PHONEMES[code] for code in said)


HIT, SWAP, MORE, LESS = (bytes([op]) for op in (MATCH, SUBSTITUTE, INSERT, DELETE))


def test_a_perfect_reading() -> None:
    assert heard([CAT, SAT], "K AE T S AE T") == [("cat", "K AE T", HIT * 3), ("sat", "S AE T", HIT * 3)]


def test_nothing_heard() -> None:
    assert heard([CAT, SAT], "") == [("cat", "", LESS * 3), ("sat", "", LESS * 3)]


def test_an_omitted_word_in_the_middle() -> None:
    assert heard([CAT, DOG, SAT], "K AE T S AE T") == [
        ("cat", "K AE T", HIT * 3),
        ("dog", "", LESS * 3),
        ("sat", "S AE T", HIT * 3),
    ]


def test_a_wrong_ending_belongs_to_the_word_before() -> None:
    assert heard([CAT, DOG], "K AE T S D AO G") == [("cat", "K AE T S", HIT * 3 + MORE), ("dog", "D AO G", HIT * 3)]


def test_a_slip_before_the_first_word_belongs_to_it() -> None:
    assert heard([DOG, CAT], "AX D AO G K AE T")[0] == ("dog", "AX D AO G", MORE + HIT * 3)


def test_phonemes_within_a_word_belong_to_it_however_many() -> None:
    found = heard([CAT], "K AE Z IY N IY T")
    assert found == [("cat", "K AE Z IY N IY T", HIT * 2 + MORE * 4 + HIT)]


@pytest.mark.parametrize(
    ("said", "place"), [("F AO K S K AE T D AO G", 0), ("K AE T F AO K S D AO G", 1), ("K AE T D AO G F AO K S", 2)]
)
def test_an_extra_word_stands_where_it_was_heard(said: str, place: int) -> None:
    found = heard([CAT, DOG], said)
    assert [text for text, _, _ in found].index(None) == place
    assert found[place] == (None, "F AO K S", MORE * 4)
    assert [ops for text, _, ops in found if text] == [HIT * 3, HIT * 3]


def test_speech_for_words_without_reference_is_theirs_and_no_extra_word() -> None:
    assert heard([CAT, UNKNOWN, DOG], "K AE T N EH K OW D AO G") == [
        ("cat", "K AE T", HIT * 3),
        ("猫", "N EH K OW", MORE * 4),
        ("dog", "D AO G", HIT * 3),
    ]


@pytest.mark.parametrize("words", [[UNKNOWN, CAT], [CAT, UNKNOWN]])
def test_words_without_reference_at_either_end(words: list[ExpectedWord]) -> None:
    said = "N EH K OW K AE T" if words[0] is UNKNOWN else "K AE T N EH K OW"
    assert {text: phonemes for text, phonemes, _ in heard(words, said)} == {"猫": "N EH K OW", "cat": "K AE T"}


@pytest.mark.parametrize("vowel", ["EH", "IY"])
def test_every_known_pronunciation_is_right(vowel: str) -> None:
    found = hear_words([CAT, READ, DOG], codes(f"K AE T R {vowel} D D AO G"), ALIGNER)
    assert not any(one.suspect for one in found)
    assert spell(found[1].reference) == f"R {vowel} D"


def test_one_word_twice_may_be_said_in_two_ways() -> None:
    found = hear_words([READ, CAT, READ], codes("R EH D K AE T R IY D"), ALIGNER)
    assert [spell(one.reference) for one in found] == ["R EH D", "K AE T", "R IY D"]
    assert not any(one.suspect for one in found)


vocabulary = st.sampled_from([CAT, SAT, DOG, READ, UNKNOWN, word("a", "AX", "EY")])
phonemes = st.lists(st.integers(0, len(PHONEMES) - 1), max_size=20).map(bytes)


@given(st.lists(vocabulary, min_size=1, max_size=6), phonemes)
def test_nothing_is_lost_repeated_or_reordered(words: list[ExpectedWord], said: bytes) -> None:
    found = hear_words(words, said, ALIGNER)
    assert [one.expected for one in found if one.expected] == words
    position = 0
    for one in found:
        assert one.start == position
        position = one.end
        assert lengths(one.ops) == (len(one.reference), one.end - one.start)
        if one.expected:
            assert one.reference in (one.expected.pronunciations or (b"",))
        else:
            assert one.end - one.start >= 3
    assert position == len(said)


@given(st.lists(st.sampled_from([CAT, SAT, DOG, READ]), min_size=1, max_size=6))
def test_what_is_read_well_is_no_suspect(words: list[ExpectedWord]) -> None:
    said = b"".join(one.pronunciations[-1] for one in words)
    assert not any(one.suspect for one in hear_words(words, said, ALIGNER))


def test_the_steps_of_a_heard_word_rebuild_it() -> None:
    (only,) = hear_words([CAT], codes("K IH T S"), ALIGNER)
    assert only == HeardWord(CAT, codes("K AE T"), HIT + SWAP + HIT + MORE, 0, 4)
