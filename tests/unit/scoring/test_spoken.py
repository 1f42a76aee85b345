"""Numbers, signs and what nobody sees or can say, in a text that is read aloud."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.contracts.generated.events import Verdict
from streamproc.scoring import lexicon, spoken
from streamproc.scoring.phonemes import PHONEMES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.spelling import folded, split_words
from streamproc.scoring.variants import VariantAligner
from unit.scoring.sounds import audio

pytestmark = hole("E")

PAGE = Path(__file__).parents[3] / "docs/reference/words.md"
ALIGNER = VariantAligner()


def expected(text: str) -> list[ExpectedWord]:
    return [ExpectedWord(word, lexicon.pronunciations(word)) for word in split_words(text)]


def verdicts(text: str, said: str) -> list[tuple[str | None, Verdict]]:
    """What is judged of a text when these words, as in the dictionary, were said clearly."""
    phonemes = [PHONEMES[code] for word in said.split() for code in lexicon.pronunciations(word)[0]]
    return [(word.text, word.verdict) for word in score_phrase(audio(*phonemes), expected(text), ALIGNER, 6.0)]


INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u2060\ufeff\u202a\u034f\u3164\ufe0f\x00\x07\U000e0041"


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_nobody_sees_parts_no_words(character: str) -> None:
    text = f"{character}The ele{character}phant's{character} house, 1,{character}000 {character} at ${character}5."
    words = [word.replace(character, "") for word in split_words(text)]
    assert words == ["The", "elephant's", "house", "1,000", "at", "$5"]
    # The result shows the word as it is printed, with what nobody sees inside.
    assert list(split_words(text))[1] == f"ele{character}phant's"
    assert lexicon.pronunciations(f"ele{character}phant") == lexicon.pronunciations("elephant")


@given(st.text(alphabet=st.sampled_from("ab1,.$%' -" + INVISIBLE), max_size=40))
def test_words_are_the_same_with_and_without_what_nobody_sees(text: str) -> None:
    plain = "".join(character for character in text if character not in INVISIBLE)
    seen = ["".join(character for character in word if character not in INVISIBLE) for word in split_words(text)]
    assert seen == list(split_words(plain))


@pytest.mark.parametrize(
    ("printed", "same"),
    [("ﬁsh", "fish"), ("Ｃａｔ", "cat"), ("don`t", "don't"), ("donʼt", "don't"), ("naı\u0308ve", "naı̈ve")],
)
def test_letters_have_one_form(printed: str, same: str) -> None:
    assert folded(printed) == folded(same)
    assert lexicon.pronunciations(printed) == lexicon.pronunciations(same)


def documented() -> list[tuple[str, str]]:
    """(print, one way to read it) of every row of the page."""
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [(printed, way.strip()) for printed, ways in rows for way in ways.split(";")]


@pytest.mark.parametrize(("printed", "way"), documented())
def test_what_the_page_says_is_read_so_and_right(printed: str, way: str) -> None:
    said = verdicts(f"they saw {printed} there", f"they saw {way} there")
    assert {verdict for _, verdict in said} == {Verdict.CORRECT}
    assert next(word for word, _ in said) == "they"
    assert "".join(word or "" for word, _ in said) == f"theysaw{printed}there"


def test_the_page_has_every_sign() -> None:
    assert {sign for sign in spoken.SIGNS if not any(sign in printed for printed, _ in documented())} == set()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tom & Ann", ["Tom", "&", "Ann"]),
        ("$5, 50% and £3.50.", ["$5", "50", "%", "and", "£3.50"]),
        ("$5 million dollars", ["$5 million", "dollars"]),
        ("at 3:30. 1/2 or 24/7", ["at", "3:30", "1/2", "or", "24/7"]),
        ("3½ cups; it was 3.5.", ["3", "½", "cups", "it", "was", "3.5"]),
        ("1.2.3 1:2:3 1/2/2024", ["1", "2.3", "1", "2", "3", "1", "2", "2024"]),
        ("1,0000 1,000,00 1,000th", ["1", "0000", "1,000", "00", "1,000th"]),
        ("#1 #fun # Title", ["#", "1", "#", "fun", "Title"]),
        ("ask a.b@c.org, see www.x.com/y or z.com.", ["ask", "a.b@c.org", "see", "www.x.com/y", "or", "z.com"]),
        ("end.Then a.m.", ["end", "Then", "a", "m"]),
        ("C++ == ++x", ["C", "++", "==", "++", "x"]),
        ("* _ ~ | / \\ ^ - – …", []),
    ],
)
def test_signs_and_numbers_are_words(text: str, words: list[str]) -> None:
    assert list(split_words(text)) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see §", "see section"),
        ("write C++ now", "write see plus plus now"),
        ("see www.cat.com now", "see double you cat dot now"),
        ("mail tom@cat.org now", "mail tom at cat dot now"),
        ("Cat™ food", "cat trade mark food"),
        ("the 猫 sat", "the elephant sat"),
    ],
)
def test_what_has_no_reading_is_not_judged(text: str, said: str) -> None:
    """Neither what is said for it, as extra speech, nor that nothing is."""
    for spoken_words in (said, " ".join(word for word in split_words(text) if lexicon.pronunciations(word))):
        found = [verdict for _, verdict in verdicts(text, spoken_words)]
        assert Verdict.UNKNOWN in found
        assert set(found) <= {Verdict.CORRECT, Verdict.UNKNOWN}


@pytest.mark.parametrize("text", ["paid $5 now", "took 50% off", "Tom & Ann", "at 3:30 then"])
def test_a_number_or_sign_that_is_left_out_is_an_omitted_word(text: str) -> None:
    first, *_, last = text.split()
    assert Verdict.OMITTED in dict(verdicts(text, f"{first} {last}")).values()


@given(st.integers(0, 10**12 - 1))
def test_every_number_can_be_said(number: int) -> None:
    for printed in (str(number), f"{number:,}", f"${number}", f"{number}.5", f"{number:,}th"):
        ways = spoken.readings(printed)
        assert ways or len(printed.split(".")[0].rstrip("th")) > spoken.MOST_DIGITS + 3
        assert len(lexicon.pronunciations(printed)) <= lexicon.MOST_WAYS
        for way in ways:
            assert all(lexicon.pronunciations(word) for word in way if word != "zeroth")


@given(st.text(alphabet="0123456789.,:/$£€%thsndr", max_size=24))
def test_no_print_is_too_odd(printed: str) -> None:
    for way in spoken.readings(printed):
        assert way
        assert all(word.replace("'", "").isalpha() for word in way)


def test_giant_words_are_not_kept() -> None:
    before = lexicon._spelt.cache_info().currsize
    assert lexicon.pronunciations("x" * 100_000) == ()
    assert lexicon._spelt.cache_info().currsize == before
