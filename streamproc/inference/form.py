"""The form of a model: what it takes, what it gives, and what its symbols are among ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.contracts.phonemes import PHONEMES

Name = Annotated[str, Field(min_length=1)]
Fault = tuple[tuple[str, ...], str]
"""The key that is wrong, below the model's table, and what is wrong with it."""

OF_BLANK = ""
"""What a symbol that stands for no sound is mapped to: it counts as the blank."""

LEAST_RATE, MOST_RATE = 8_000, 48_000
"""Hz."""


class TensorNames(BaseModel):
    """The model's inputs and outputs by their names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    audio: Name
    """Input, float32 [clips, samples]."""
    lengths: Name | None = None
    """Input, int64 [clips]: the samples of each clip."""
    mask: Name | None = None
    """Input, int64 [clips, samples]: 1 where the clip is, 0 where it is padded."""
    logits: Name
    """Output, float32 [clips, frames, symbols]."""
    frames: Name | None = None
    """Output, int64 [clips]: the frames of each clip."""


class ModelForm(BaseModel):
    """What is said of a model's inputs, outputs and symbols. Keys that nobody knows are refused: a word misspelt must
    not become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sample_rate: Annotated[int, Field(ge=LEAST_RATE, le=MOST_RATE)] = SAMPLE_RATE
    """Hz. Clips are decoded to 16,000 Hz and changed to another rate from there."""
    frame_step: Annotated[int, Field(gt=0)]
    """Samples from one frame to the next."""
    frame_window: Annotated[int, Field(ge=0)]
    """Samples that a clip must have for its first frame: 400 of a wav2vec2."""
    first_centre: Annotated[int, Field(ge=0)]
    """The sample on which the first frame is centred: 200 of a wav2vec2."""
    normalisation: Literal["none", "unit_variance"]
    """Of each clip before it is padded."""
    padding: Literal["lengths", "mask", "alone"]
    """How the model is told where a padded clip ends; "alone": it is not, and hears one clip at a time."""
    output: Literal["logits", "probabilities"]
    blank: Annotated[int, Field(ge=0)]
    """The place of the CTC blank in ``symbols``."""
    symbols: Annotated[tuple[str, ...], Field(strict=False)]
    """The model's symbols in the order of its output, the blank among them."""
    tensors: TensorNames
    """Of the ONNX file."""
    triton: TensorNames | None = None
    """As Triton names them, where that is not as the file does. Counts may be int32 there too."""
    mapping: dict[str, str] = {}
    """Symbol to phoneme of ours, or `OF_BLANK`; one that is not in it is ours of the same name."""
    sequences: dict[str, list[str]] = {}
    """Phoneme of ours to the several symbols that the model writes it with."""

    @property
    def served_tensors(self) -> TensorNames:
        """Their names in Triton."""
        return self.triton or self.tensors

    def frames_of(self, samples: int) -> int:
        """Frames that a clip of so many samples, at the model's rate, has."""
        return (samples - self.frame_window) // self.frame_step + 1 if samples >= self.frame_window else 0

    def centre(self, frame: int) -> float:
        """Seconds from the clip's first sample to the middle of a frame."""
        return (self.first_centre + frame * self.frame_step) / self.sample_rate

    def groups(self) -> tuple[int, ...]:
        """For each symbol the place of what it is among our 41, the blank last."""
        places = {OF_BLANK: len(PHONEMES), **{phoneme: place for place, phoneme in enumerate(PHONEMES)}}
        return tuple(
            len(PHONEMES) if place == self.blank else places[self.mapping.get(symbol, symbol)]
            for place, symbol in enumerate(self.symbols)
        )

    def spelling(self) -> Mapping[int, bytes]:
        """The codes that a phoneme of ours, by its code, is heard as, where that is not itself: of ``sequences``."""
        ours = dict(zip(self.symbols, self.groups(), strict=True))
        return {
            PHONEMES.index(phoneme): bytes(ours[symbol] for symbol in symbols if ours[symbol] != len(PHONEMES))
            for phoneme, symbols in self.sequences.items()
        }

    @property
    def takes_plain(self) -> bool:
        """Whether it takes clips as they are decoded."""
        return self.normalisation == "none" and self.sample_rate == SAMPLE_RATE

    @property
    def is_plain(self) -> bool:
        """Whether its output is what scoring takes: logits of our 41 symbols, in our order."""
        return self.output == "logits" and self.groups() == tuple(range(len(PHONEMES) + 1))

    def form_faults(self) -> Iterator[Fault]:
        """What no single key tells to be wrong."""
        for table in ("tensors", "triton"):
            names: TensorNames | None = getattr(self, table)
            for key in ("lengths", "mask") if names is not None else ():
                named = getattr(names, key)
                if (self.padding == key) != (named is not None):
                    which = "is missing, and padding" if named is None else f"is {named!r}, but padding"
                    yield (table, key), f"{which} is {self.padding!r}"
        alphabet = list(self._alphabet_faults())
        # A symbol that is mapped wrongly leaves its phoneme without one: that is told once.
        yield from alphabet or self._lost_phonemes()

    def _alphabet_faults(self) -> Iterator[Fault]:
        twice = sorted({symbol for symbol in self.symbols if self.symbols.count(symbol) > 1})
        if twice:
            yield ("symbols",), f"{', '.join(map(repr, twice))}: more than once"
        for symbol, phoneme in self.mapping.items():
            if symbol not in self.symbols:
                yield ("mapping", symbol), "no symbol of the model's"
            elif phoneme != OF_BLANK and phoneme not in PHONEMES:
                yield ("mapping", symbol), f"{phoneme!r} is no phoneme of ours, nor '' for the blank"
        if self.blank >= len(self.symbols):
            yield ("blank",), f"{self.blank} is no place among {len(self.symbols)} symbols"
            return
        sounds = [symbol for place, symbol in enumerate(self.symbols) if place != self.blank]
        blank = self.symbols[self.blank]
        if self.mapping.get(blank, OF_BLANK) != OF_BLANK or blank in PHONEMES:
            yield ("blank",), f"symbol {self.blank}, {blank!r}, is a phoneme: is the blank another?"
        for symbol in sounds:
            if symbol not in self.mapping and symbol not in PHONEMES and symbol not in twice:
                yield ("mapping",), f"symbol {symbol!r} is missing: map it to a phoneme of ours, or to '' for the blank"
        yield from self._sequence_faults(sounds)

    def _sequence_faults(self, sounds: list[str]) -> Iterator[Fault]:
        for phoneme, symbols in self.sequences.items():
            key = ("sequences", phoneme)
            strangers = [symbol for symbol in symbols if symbol not in sounds]
            if phoneme not in PHONEMES:
                yield key, "no phoneme of ours"
            elif strangers:
                yield key, f"{', '.join(map(repr, strangers))}: no symbol of the model's, or its blank"
            elif len(symbols) < 2:
                yield key, "a phoneme of one symbol belongs in mapping"
            elif all(self.mapping.get(symbol, symbol) == OF_BLANK for symbol in symbols):
                yield key, "none of its symbols has a sound: map one to a phoneme of ours"

    def _lost_phonemes(self) -> Iterator[Fault]:
        places = set(self.groups())
        if lost := [
            phoneme for place, phoneme in enumerate(PHONEMES) if place not in places and phoneme not in self.sequences
        ]:
            yield ("mapping",), f"no symbol is mapped to {', '.join(lost)}"


BUILT_IN = ModelForm(
    frame_step=320,
    frame_window=0,
    first_centre=0,
    normalisation="none",
    padding="lengths",
    output="logits",
    blank=len(PHONEMES),
    symbols=(*PHONEMES, "<blank>"),
    tensors=TensorNames(audio="audio", lengths="lengths", logits="logits", frames="frames"),
    triton=TensorNames(audio="AUDIO", lengths="LENGTHS", logits="LOGITS", frames="FRAMES"),
)
"""Of the shipped model, and of any that no models.toml names."""
