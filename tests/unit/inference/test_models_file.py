"""A models.toml: what is right is read, what is wrong is told once, with its line and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.tiny_wav2vec2 import ALPHABET, models_toml

from streamproc.contracts.phonemes import PHONEMES
from streamproc.errors import ErrorCode
from streamproc.inference.form import BUILT_IN, ModelForm
from streamproc.inference.models_file import FileProblem, ModelsFileError, read_models
from streamproc.inference.repository import read_model
from streamproc.inference.self_test import unlike_built_in
from streamproc.inference.served import built_in

ROOT = Path(__file__).parents[3]


def changed(folder: Path, old: str, new: str) -> tuple[list[FileProblem], int]:
    """The problems of a file in which one thing is another, and the line of that."""
    file = models_toml(folder)
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ModelsFileError) as raised:
        read_models(file)
    assert raised.value.code is ErrorCode.SETTINGS_INVALID
    assert raised.value.message.count("\n") + 1 == len(raised.value.problems)
    return raised.value.problems, text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ("frame_step =", "frame_stp = 320\nframe_step =", "tiny.frame_stp", "unknown key: did you mean frame_step?"),
        ("mask =", "maks = 'm'\nmask =", "tiny.tensors.maks", "unknown key: did you mean mask?"),
        ("blank = 0", "blank = [0, 3]", "tiny.blank", "a CTC model has one blank"),
        ("blank = 0", "blank = 99", "tiny.blank", "99 is no place among 47 symbols"),
        ("blank = 0", "blank = -1", "tiny.blank", "greater than or equal to 0"),
        ('sha256 = "', 'sha256 = "x', "tiny.sha256", "64 digits"),
        ("sample_rate = 16000", "sample_rate = 4000", "tiny.sample_rate", "greater than or equal to 8000"),
        ("frame_step = 320", "frame_step = 0", "tiny.frame_step", "greater than 0"),
        ('"logits"\nblank', '"logarithms"\nblank', "tiny.output", "'logits' or 'probabilities'"),
        ('"æ" = "AE"', '"æ" = "EA"', "tiny.mapping.æ", "'EA' is no phoneme of ours"),
        ('"æ" = "AE"', '"æ" = ["AE", "IH"]', "tiny.mapping.æ", "several phonemes of ours is not supported"),
        ('"æ" = "AE"', '"æ" = "AE"\n"å" = "AE"', "tiny.mapping.å", "no symbol of the model's"),
        ('mask = "attention_mask"', "", "tiny.tensors.mask", "is missing"),
        ('mask = "attention_mask"', 'mask = "attention_mask"\nlengths = "n"', "tiny.tensors.lengths", "is 'n', but"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_once_with_line_and_key(tmp_path: Path, old: str, new: str, key: str, told: str) -> None:
    (problem,), line = changed(tmp_path, old, new)
    assert problem.key == key
    assert told in problem.message
    at = models_toml(tmp_path).read_text("utf-8").replace(old, new, 1).splitlines()
    last = key.split(".")[-1]
    assert re.match(rf'"?{last}"? =|\[tiny.tensors\]', at[problem.line - 1]), (line, at[problem.line - 1])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("frame_step = 320", 'frame_step = "320"', r"tiny\.frame_step: no whole number"),
        ('version = "1"', "version = 1", r"tiny\.version: no text in quotes"),
        ('"æ" = "AE"', '"æ" = 3', r"tiny\.mapping\.æ: no text in quotes"),
        ('mask = "attention_mask"', "mask = true", r"tiny\.tensors\.mask: no text in quotes"),
        ("sample_rate =", 'margin = "3"\nsample_rate =', r"tiny\.margin: no number"),
        ("[tiny.tensors]", "[tiny.tensor]", r"tiny\.tensor: unknown key: did you mean tensors\?"),
        ("output =", "outptu =", r"tiny\.outptu: unknown key: did you mean output\?"),
        ('"æ", ', '"æ", "<pad>", ', r"tiny\.symbols: '<pad>': more than once"),
    ],
)
def test_a_wrong_type_a_misspelt_key_and_a_second_blank_are_one_message(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    (problem,), line = changed(tmp_path, old, new)
    assert re.fullmatch(f"line {line}, {told}", str(problem))


def test_a_missing_key_is_told_at_its_table(tmp_path: Path) -> None:
    (problem,), _ = changed(tmp_path, "frame_window = 400\n", "")
    assert str(problem) == "line 1, tiny.frame_window: is missing"


def test_a_symbol_of_no_meaning_is_told(tmp_path: Path) -> None:
    (problem,), line = changed(tmp_path, '"æ" = "AE"\n', "")
    assert problem.message == "symbol 'æ' is missing: map it to a phoneme of ours, or to '' for the blank"
    assert problem.line == line - 3, "the line of [tiny.mapping]"


def test_a_phoneme_that_nothing_gives_is_told(tmp_path: Path) -> None:
    (problem,), line = changed(tmp_path, '"æ" = "AE"\n', '"æ" = "AA"\n')
    assert problem.message == "no symbol is mapped to AE"
    assert problem.line == line - 3, "the line of [tiny.mapping]"


def test_a_phoneme_that_the_model_writes_with_two_symbols_needs_none_of_its_own(tmp_path: Path) -> None:
    file = models_toml(tmp_path)
    text = file.read_text("utf-8").replace('"tʃ" = "CH"', '"tʃ" = ""')
    file.write_text(text.replace("[tiny.mapping]", '[tiny.sequences]\nCH = ["t", "ʃ"]\n[tiny.mapping]'), "utf-8")
    tiny = read_models(file)["tiny"]
    assert tiny.spelling() == {PHONEMES.index("CH"): bytes([PHONEMES.index("T"), PHONEMES.index("SH")])}


@pytest.mark.parametrize(
    ("sequence", "told"),
    [
        ('CH = ["t", "å"]', "'å': no symbol of the model's, or its blank"),
        ('CH = ["t", "<pad>"]', "'<pad>': no symbol of the model's, or its blank"),
        ('CH = ["t"]', "a phoneme of one symbol belongs in mapping"),
        ('CH = ["|", "<unk>"]', "none of its symbols has a sound: map one to a phoneme of ours"),
        ('XX = ["t", "ʃ"]', "no phoneme of ours"),
    ],
)
def test_a_sequence_that_says_nothing_is_told(tmp_path: Path, sequence: str, told: str) -> None:
    (problem,), line = changed(tmp_path, "[tiny.mapping]", f"[tiny.sequences]\n{sequence}\n[tiny.mapping]")
    assert problem.message == told
    assert problem.line == line + 1


def test_two_keys_blank_are_no_toml(tmp_path: Path) -> None:
    (problem,), line = changed(tmp_path, "blank = 0", "blank = 0\nblank = 3")
    assert problem.line == line + 1
    assert problem.message.startswith("no TOML: ")


def test_a_phoneme_cannot_be_the_blank(tmp_path: Path) -> None:
    problems, line = changed(tmp_path, "blank = 0", "blank = 3")
    assert problems[0].line == line
    assert problems[0].message == "symbol 3, 'æ', is a phoneme: is the blank another?"


def test_a_symbol_may_be_there_once(tmp_path: Path) -> None:
    problems, line = changed(tmp_path, '"æ", ', '"æ", "æ", ')
    assert problems[0].message == "'æ': more than once"
    assert problems[0].line == line


def test_a_file_that_is_not_there_or_is_empty_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelsFileError, match="cannot be read: No such file"):
        read_models(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(ModelsFileError, match="names no model"):
        read_models(tmp_path / "empty.toml")


@pytest.mark.parametrize("text", ["tiny = 1\n", "[[tiny]]\nversion = '1'\n"])
def test_a_model_that_is_no_table_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "models.toml").write_text(text)
    with pytest.raises(ModelsFileError) as raised:
        read_models(tmp_path / "models.toml")
    assert [str(problem) for problem in raised.value.problems] == ["line 1, tiny: no table"]


def test_frames_are_those_of_a_wav2vec2(tmp_path: Path) -> None:
    tiny = read_models(models_toml(tmp_path))["tiny"]
    assert [tiny.frames_of(samples) for samples in (0, 399, 400, 719, 720, 16_000)] == [0, 0, 1, 1, 2, 49]
    assert tiny.centre(0) == 200 / 16_000
    assert tiny.centre(49) - tiny.centre(48) == pytest.approx(0.02)


def test_each_symbol_has_its_place_among_ours(tmp_path: Path) -> None:
    tiny = read_models(models_toml(tmp_path))["tiny"]
    assert tiny.groups() == (40, *(PHONEMES.index(one) if one else 40 for one in ALPHABET.values()))


def test_the_shipped_model_is_what_the_code_takes_it_for() -> None:
    declared = read_models(ROOT / "models.toml")["phonemes"]
    identity = read_model(ROOT / "models", built_in("phonemes", "")).identity
    assert (declared.version, declared.sha256) == (identity.version, identity.sha256)
    assert declared.sha256 in (ROOT / "models/phonemes/config.pbtxt").read_text("utf-8")
    assert {key: getattr(declared, key) for key in ModelForm.model_fields} == dict(BUILT_IN)
    assert unlike_built_in(declared) == []


def test_another_order_of_the_symbols_is_not_what_the_worker_serves() -> None:
    declared = read_models(ROOT / "models.toml")["phonemes"]
    turned = declared.model_copy(update={"symbols": (*PHONEMES[::-1], "<blank>")})
    assert unlike_built_in(turned) == ["symbols"]
