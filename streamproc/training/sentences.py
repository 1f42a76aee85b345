"""Sentences such as young children read, made from word lists by templates, and the demo's own readings."""

from __future__ import annotations

import random

WORDS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "name": """Anna Ben Mia Tom Lucy Sam Emma Jack Lily Max Ruby Oscar Nina Peter Sara Daniel Grace Henry Ella
            Leo Hannah Felix Clara Hugo Rosie Toby Maya Jacob Molly Simon""",
        "person": """boy girl mother father brother sister baby farmer teacher baker doctor king queen princess prince
            wizard pirate giant grandmother grandfather uncle aunt neighbor friend driver sailor hunter painter singer
            dancer soldier cook captain gardener builder""",
        "animal": """dog cat fox bear rabbit mouse frog duck goose hen horse pony cow sheep goat pig lion tiger
            elephant monkey giraffe zebra snake turtle fish whale dolphin shark bird owl eagle robin crow squirrel
            hedgehog beaver wolf deer donkey camel kitten puppy lamb chicken spider bee ant butterfly caterpillar
            dragon dinosaur penguin seal kangaroo parrot""",
        "thing": """ball box hat coat shoe book map key lamp cup plate spoon basket bag rope ladder wagon kite drum
            bell clock candle blanket pillow chair table window door letter picture pencil paper ring necklace
            button mirror bucket shovel hammer feather shell stone rock stick leaf flower apple cake cookie sandwich
            egg carrot pumpkin balloon puzzle robot rocket boat train bicycle truck umbrella whistle guitar violin
            treasure jacket scarf mitten bottle jar""",
        "food": """bread butter cheese milk soup rice honey jam pie pudding chocolate water juice tea pasta pizza
            corn beans popcorn porridge toast fruit salad ice""",
        "place": """house garden forest river lake beach mountain hill village town city school park farm barn castle
            tower bridge cave island field meadow kitchen bedroom library shop market bakery station harbor jungle
            desert pond road path yard attic cellar museum zoo playground orchard valley ocean""",
        "adjective": """big little small tall short long old young new red blue green yellow brown black white happy sad
            angry brave shy kind clever silly lazy busy quiet loud hungry thirsty sleepy tired funny strange magic
            golden silver soft warm cold wet dry heavy light dark bright round shiny dirty clean broken empty huge
            tiny gentle friendly lonely lost secret special beautiful ugly fast slow wild smooth rough sweet sour
            curious careful purple orange wooden fluffy muddy""",
        "went": """ran walked jumped hopped climbed crawled flew swam rode drove sailed marched danced skipped hurried
            wandered raced rolled galloped tiptoed""",
        "did": """found saw liked wanted carried dropped pushed pulled opened washed painted lost broke fixed hid caught
            threw kicked brought took made bought sold watched touched followed grabbed lifted shared cleaned drew
            loved needed stole buried wrapped""",
        "do": """find see like want carry drop push pull open wash paint lose break fix hide catch throw kick bring take
            make buy sell watch touch follow grab lift share clean draw love need""",
        "said": "said asked shouted whispered cried answered laughed called thought wondered",
        "felt": "was felt looked seemed became",
        "ate": "ate cooked tasted smelled baked drank mixed",
        "where": "in into near behind under over past through across around beside above below outside inside",
        "when": """today yesterday tomorrow tonight later soon again once always never often sometimes suddenly finally
            quickly slowly quietly loudly carefully happily sadly together alone everywhere""",
        "time": "morning evening afternoon night day week summer winter spring autumn year moment hour birthday",
        "number": "one two three four five six seven eight nine ten eleven twelve twenty thirty hundred",
        "weather": "rainy sunny windy snowy cloudy stormy foggy chilly",
        "body": "hand foot head nose ear eye arm leg knee finger thumb toe mouth hair tail wing paw back",
        "sky": "sun moon stars clouds wind rain snow thunder lightning rainbow",
        "shone": "shone rose glowed vanished appeared moved changed returned waited",
        "possessive": "his her my our their your",
        "pronoun": "he she they we I you",
        "plural": """shoes socks boots gloves toys friends animals children flowers trees birds apples berries cookies
            pictures books stories games songs stones shells leaves feathers sheets windows houses boxes""",
        "plans": "play sleep read sing swim run climb dance cook paint help listen wait jump hide learn fly laugh",
    }.items()
}
"""Words by the place they take in a template."""

TEMPLATES: tuple[str, ...] = (
    "the {adjective} {animal} {went} {where} the {place}",
    "{name} {did} a {adjective} {thing} {where} the {place}",
    "the {person} {said} where is {possessive} {thing}",
    "one {time} the {animal} {did} the {thing}",
    "{pronoun} {did} the {adjective} {thing} {when}",
    "there was a {adjective} {animal} that lived {where} the {place}",
    "{name} and {name} {went} to the {place} {when}",
    "the {animal} {ate} the {adjective} {food}",
    "on a {weather} {time} the {person} {went} {where} the {place}",
    "{name} has {number} {adjective} {plural}",
    "can you {do} the {thing} {where} the {place}",
    "the {adjective} {person} {felt} very {adjective}",
    "{possessive} {animal} can {plans} and {plans}",
    "please {do} the {thing} before you {plans}",
    "{pronoun} {felt} {adjective} because the {thing} was {adjective}",
    "the {sky} {shone} over the {adjective} {place}",
    "{name} put {number} {plural} {where} the {thing}",
    "i like to {plans} with my {animal} in the {time}",
    "why did the {animal} {do} {possessive} {thing}",
    "the {person} gave the {animal} some {food} and a {thing}",
    "a {animal} with a {adjective} {body} {went} past the {person}",
    "{when} the {person} {did} {number} {plural}",
    "do not {do} that {thing} {said} the {person}",
    "we {ate} {food} and {food} at the {place}",
    "{name} could not {do} the {adjective} {thing}",
    "look at the {animal} {where} the {place}",
    "the {animal} hurt its {body} and could not {plans}",
    "if we {plans} now the {person} will {do} the {plural}",
    "{name} wants to be a {person} and {plans} every {time}",
    "all the {plural} were {adjective} and {adjective}",
    "after the {sky} {shone} {name} {went} home",
    "the {thing} fell {where} the {place} and broke",
    "they {went} {where} the {place} until {time}",
    "my {person} {said} that {plural} are {adjective}",
    "then the {animal} and the {animal} became friends",
    "{number} {adjective} {plural} were {where} the {thing}",
    "what a {adjective} {thing} {said} {name}",
    "she {did} {possessive} {body} and {said}",
    "every {time} the {person} {ate} {food} with {name}",
    "it was too {adjective} to {plans} {where} the {place}",
)

LITTLE_WORDS = frozenset((
    "a", "all", "after", "and", "are", "at", "be", "became", "because", "before", "broke", "can",
    "could", "did", "do", "every", "fell", "friends", "gave", "has", "home", "hurt", "i", "if", "in",
    "is", "it", "its", "like", "lived", "look", "my", "not", "now", "of", "on", "one", "past", "please",
    "put", "she", "some", "that", "the", "then", "there", "they", "this", "to", "too", "until", "very",
    "was", "we", "wants", "were", "what", "where", "why", "will", "with", "you",
))  # fmt: skip
"""Words of the templates themselves: not worth a mistake of their own."""

DEMO_READINGS: tuple[tuple[str, str], ...] = (
    ("Milo the mole had a lantern.", "He dug a tunnel to see the moon."),
    ("Grandpa plants tomatoes behind the shed.", "I water them before breakfast."),
    ("Our class has a hamster called Peanut.", "He sleeps in an old teapot."),
    ("The lighthouse blinked in the fog.", "A tugboat came safely home."),
    ("Zoe lost a tooth on Tuesday.", "She kept it in a matchbox."),
    ("A snail left a silver trail.", "It crossed the whole garden before lunch."),
    ("Dad burned the pancakes again.", "We had cereal and laughed."),
    ("The pilot waved from the airplane.", "I waved back with both arms."),
    ("Snow covered every roof in the village.", "Nobody could find the mailbox."),
    ("My cousin collects bottle caps.", "He has more than ninety of them."),
    ("The raccoon opened our garbage can.", "It stole a slice of pizza."),
    ("Polly planted a sunflower seed.", "By August it was taller than she was."),
    ("The circus came to our town.", "A clown juggled seven oranges."),
    ("Tim built a spaceship out of cardboard.", "He flew it to the planet Mars."),
    ("A heron stood still in the shallow water.", "It was waiting for a fish."),
    ("We camped beside a waterfall.", "The noise kept me awake all night."),
    ("The baker forgot to add sugar.", "The muffins tasted like paper."),
    ("Nora is afraid of the dark.", "Her brother lent her his flashlight."),
    ("The old bus rattled up the hill.", "Everyone clapped at the top."),
    ("A beetle landed on my sleeve.", "Its back was shiny and green."),
    ("The knight had never met a dragon.", "He hoped that it liked lemonade."),
    ("Grandma knitted me a striped sweater.", "The sleeves are much too long."),
    ("The elevator stopped between two floors.", "We told jokes until help came."),
    ("Eli found a message in a bottle.", "It was written in blue ink."),
    ("The octopus has eight arms.", "It can squeeze through a tiny crack."),
    ("Our neighbor plays the trumpet badly.", "The dogs on the street sing along."),
    ("A meteor flashed across the sky.", "I made a wish and kept it secret."),
    ("The library smells of dust and adventure.", "I borrow three books each week."),
    ("Two otters floated on their backs.", "They were holding hands."),
    ("Jasper wrote a letter to the mayor.", "He asked for a longer playground slide."),
)
"""Thirty readings of two phrases each; neither a training nor a test sentence is among them."""


def sentence(rng: random.Random) -> list[str]:
    """The words, in lower case, of one made sentence of 5 to 13 words."""
    return [
        rng.choice(WORDS[slot[1:-1]]).lower() if slot.startswith("{") else slot
        for slot in rng.choice(TEMPLATES).split()
    ]


def normalise(text: str) -> list[str]:
    """The words of a sentence, in lower case without punctuation."""
    return [word.strip('.,!?;:"').lower() for word in text.split()]


def vocabulary() -> list[str]:
    """Every word that a made sentence or a demo reading can hold, sorted."""
    listed = {word.lower() for words in WORDS.values() for word in words}
    templates = {word for template in TEMPLATES for word in template.split() if not word.startswith("{")}
    demo = {word for reading in DEMO_READINGS for phrase in reading for word in normalise(phrase)}
    return sorted(listed | templates | demo)
