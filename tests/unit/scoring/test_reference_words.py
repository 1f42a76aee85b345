"""From an expected text to words, and from words to pronunciations."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.contracts.generated.events import Audio, Phrase
from streamproc.contracts.generated.events import ReferenceWord as GivenWord
from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.scoring import lexicon
from streamproc.scoring.phonemes import PHONEMES
from streamproc.scoring.reference import PhonemeBudget, reference_words
from streamproc.scoring.spelling import MAX_CHARACTERS, split_words


def phrase(text: str, *reference: GivenWord) -> Phrase:
    return Phrase(index=0, expected_text=text, reference=reference or None, audio=Audio(data=b"", sample_rate=16_000))


def spoken(word: str) -> list[str]:
    """A word's pronunciations, written with spaces."""
    return [" ".join(PHONEMES[code] for code in variant) for variant in lexicon.pronunciations(word)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat sat.", ["The", "cat", "sat"]),
        ("  ¿The\tcat\n—sat…?! ", ["The", "cat", "sat"]),
        ("don't can’t dogs' 'quoted'", ["don't", "can’t", "dogs'", "quoted'"]),
        ("mother-in-law well - known –dash—dash", ["mother-in-law", "well", "known", "dash", "dash"]),
        ("3 dogs, 1,000 cats and 3.5 mice.", ["3", "dogs", "1,000", "cats", "and", "3.5", "mice"]),
        ("1,2,3 10th 2nd 1000", ["1", "2", "3", "10th", "2nd", "1000"]),
        ("cat 🐈 sat👍🏽 down ❤️ 👨‍👩‍👧", ["cat", "sat", "down"]),
        ("press 1️⃣ or #️⃣", ["press", "or"]),
        ("snake_case __init__", ["snake", "case", "init"]),
        ("naïve nai\u0308ve café", ["naïve", "nai\u0308ve", "café"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("Привет, мир! 你好 مرحبا שָׁלוֹם", ["Привет", "мир", "你好", "مرحبا", "שָׁלוֹם"]),
        ("", []),
        ("🦊 … — !", []),
        ("'’-_", []),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert list(split_words(text)) == words


@given(st.text(max_size=60))
def test_words_are_pieces_of_the_text_in_order(text: str) -> None:
    rest = text
    for word in split_words(text):
        _, found, rest = rest.partition(word)
        assert found == word


@given(st.text(alphabet=string.ascii_letters + string.digits + " .!?🦊", max_size=60))
def test_no_letter_or_digit_is_lost(text: str) -> None:
    assert "".join(split_words(text)).replace(".", "") == "".join(c for c in text if c.isascii() and c.isalnum())


def test_pronunciations_of_the_dictionary() -> None:
    assert spoken("cat") == ["K AE T"]
    assert spoken("CAT") == spoken("cat")
    assert set(spoken("read")) == {"R EH D", "R IY D"}
    assert "DH AX" in spoken("the")


def test_apostrophes() -> None:
    assert spoken("don’t") == spoken("don't")
    assert spoken("'tis'") == spoken("tis")
    # The sound of the possessive follows the stem's last sound.
    assert spoken("aardvark's") == [spoken("aardvark")[0] + " S"]
    assert spoken("porcupine's") == [spoken("porcupine")[0] + " Z"]
    assert spoken("ostrich's") == [spoken("ostrich")[0] + " AX Z"]


def test_hyphens_join_what_the_parts_say() -> None:
    (joined,) = spoken("cat-dog-fox")
    assert joined == " ".join([spoken("cat")[0], spoken("dog")[0], spoken("fox")[0]])
    assert spoken("cat--dog") == [spoken("cat")[0] + " " + spoken("dog")[0]]


@pytest.mark.parametrize("word", ["", "-", "''", "猫", "नमस्ते", "привет", "x" * (MAX_CHARACTERS + 1), "a" + "'s" * 5000])
def test_words_that_nobody_can_say_in_english_have_no_pronunciation(word: str) -> None:
    assert lexicon.pronunciations(word) == ()


@given(st.text(max_size=MAX_CHARACTERS + 2))
def test_every_pronunciation_is_made_of_documented_symbols(word: str) -> None:
    for variant in lexicon.pronunciations(word):
        assert variant
        assert max(variant) < len(PHONEMES)


def test_given_pronunciations_win_and_empty_ones_are_looked_up() -> None:
    words = reference_words(
        phrase("ignored", GivenWord(text="Zog", phonemes=("Z", "AO", "G")), GivenWord(text="cat", phonemes=())),
        PhonemeBudget(100, 100),
    )
    assert [word.text for word in words] == ["Zog", "cat"]
    assert words[0].pronunciations == (lexicon.encode(["Z", "AO", "G"]),)
    assert words[1].pronunciations == lexicon.pronunciations("cat")


@hole("E")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("box.", ["box"]),
        ("\N{LEFT DOUBLE QUOTATION MARK}Stop!\N{RIGHT DOUBLE QUOTATION MARK}", ["stop"]),
        ("ice cream", ["ice", "cream"]),
        ("$5,", ["$5"]),
    ],
)
def test_a_given_word_is_looked_up_without_what_stands_around_it(given: str, said: list[str]) -> None:
    (word,) = reference_words(phrase("ignored", GivenWord(text=given, phonemes=())), PhonemeBudget(100, 100))
    assert word.text == given
    ways = [lexicon.pronunciations(one) for one in said]
    assert word.pronunciations == (ways[0] if len(ways) == 1 else (b"".join(way[0] for way in ways),))


@hole("C1", "C3")
@pytest.mark.parametrize("given", ["blark " * 100_000, "—", "猫 cat"])
def test_a_given_text_that_is_no_word_has_no_pronunciation(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    known = lexicon.pronunciations

    def pronunciations(word: str) -> tuple[bytes, ...]:
        asked.append(word)
        return known(word)

    monkeypatch.setattr(lexicon, "pronunciations", pronunciations)
    with pytest.raises(StreamprocError) as caught:
        reference_words(phrase("ignored", GivenWord(text=given, phonemes=())), PhonemeBudget(100, 100))
    assert caught.value.code is ErrorCode.REFERENCE_MISSING
    assert len(asked) <= 2


def test_a_word_without_pronunciation_is_kept_among_others() -> None:
    words = reference_words(phrase("the 猫 sat"), PhonemeBudget(100, 100))
    assert [bool(word.pronunciations) for word in words] == [True, False, True]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (phrase(""), ErrorCode.REFERENCE_EMPTY),
        (phrase("🦊 ?!"), ErrorCode.REFERENCE_EMPTY),
        (phrase("猫 犬"), ErrorCode.REFERENCE_MISSING),
        (phrase("cat " * 34), ErrorCode.REFERENCE_TOO_LONG),
        (phrase("Zog", GivenWord(text="Zog", phonemes=("Z", "ZOG"))), ErrorCode.REFERENCE_INVALID),
        (phrase("Zog", GivenWord(text="Zog", phonemes=("AH1",))), ErrorCode.REFERENCE_INVALID),
        (phrase("Zog", GivenWord(text="Zog", phonemes=("",))), ErrorCode.REFERENCE_INVALID),
    ],
)
def test_texts_that_cannot_be_judged(given: Phrase, code: ErrorCode) -> None:
    with pytest.raises(StreamprocError) as caught:
        reference_words(given, PhonemeBudget(100, 1000))
    assert caught.value.code is code
    assert caught.value.code.error_class is ErrorClass.POISON
    for secret in ("cat", "Zog", "猫"):
        assert secret not in caught.value.message


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("AH1", "symbol 2 of word 2 is not one of the documented phonemes, written like AH: in capitals"),
        ("zh ", "symbol 2 of word 2 is not one of the documented phonemes, written like ZH: in capitals"),
        ("", "symbol 2 of word 2 is empty"),
        (" ", "symbol 2 of word 2 is empty"),
        ("|", "symbol 2 of word 2 is not one of the documented phonemes"),
        ("Anna", "symbol 2 of word 2 is not one of the documented phonemes"),
    ],
)
def test_an_unknown_symbol_is_named_by_its_place(symbol: str, message: str) -> None:
    given = phrase("x", GivenWord(text="cat", phonemes=()), GivenWord(text="Zog", phonemes=("Z", symbol)))
    with pytest.raises(StreamprocError) as caught:
        reference_words(given, PhonemeBudget(100, 100))
    assert caught.value.message.startswith(message)
    assert "Anna" not in caught.value.message


def test_unknown_symbols_may_be_passed_over() -> None:
    """Separators in a row, empty segments, symbols of another alphabet: what is left counts."""
    told: list[tuple[int, int]] = []
    words = reference_words(
        phrase(
            "ignored",
            GivenWord(text="Zog", phonemes=("Z", "|", "|", "AO", "", "AH1", "G")),
            GivenWord(text="cat", phonemes=("", "æ")),
            GivenWord(text="—", phonemes=("?",)),
        ),
        PhonemeBudget(100, 100),
        lambda word, symbol: told.append((word, symbol)),
    )
    assert told == [(1, 2), (1, 3), (1, 5), (1, 6), (2, 1), (2, 2), (3, 1)]
    assert [word.pronunciations for word in words] == [
        (lexicon.encode(["Z", "AO", "G"]),),
        lexicon.pronunciations("cat"),
        (),
    ]


def test_just_the_limit_is_allowed() -> None:
    assert len(reference_words(phrase("cat " * 33), PhonemeBudget(99, 99))) == 33
