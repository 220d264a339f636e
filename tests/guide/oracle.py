"""What the example service must answer, by Vowpal Wabbit itself, for many varied texts.

Writes two files: a CSV table with the texts in Col2, and JSON with the texts and their counts. The
texts come from a fixed seed: the same each time.
"""

import csv
import json
import random
import sys

import vowpalwabbit

BUCKETS = 8
SEED = 20140812
TEXTS = 1500

WORDS = "This is a good day the book was not bad I read it twice and liked none".split()
# Letters of many scripts, digits of three of them, marks that combine, spaces that do not split,
# emoji beyond the first plane, and a private character.
RANGES = [
    (0x21, 0x7E), (0x30, 0x39), (0xA0, 0xFF), (0x100, 0x17F), (0x300, 0x330), (0x370, 0x3FF),
    (0x400, 0x4FF), (0x5D0, 0x5EA), (0x621, 0x64A), (0x660, 0x669), (0x905, 0x939), (0xE01, 0xE30),
    (0x2000, 0x206F), (0x3041, 0x3096), (0x4E00, 0x4FFF), (0xAC00, 0xAD00), (0xE000, 0xE010),
    (0xFEFF, 0xFEFF), (0xFF10, 0xFF19), (0x1F600, 0x1F64F), (0x10FFFD, 0x10FFFD),
]  # fmt: skip
FIXED = [
    "This is a good day",
    "",
    " ",
    "0",
    "007",
    "18446744073709551616",
    '"',
    '""quoted"", and, commas',
    "line\nbreaks\r\nof\rall kinds\n",
    "|pipes| and:colons :1 a:b",
    "tab\tseparated",
    "=1+1",
    "x" * 100_000,
    "many words " * 5_000,
    "9" * 10_000,
]


def main():
    table, answers = sys.argv[1:]
    chance = random.Random(SEED)
    texts = FIXED + [text(chance) for _ in range(TEXTS - len(FIXED))]
    with open(table, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Col1", "Col2"])
        rows.writerows(enumerate(texts))
    workspace = vowpalwabbit.Workspace("--ngram 2 -b 3 --noconstant --quiet")
    counts = [count(workspace, text) for text in texts]
    with open(answers, "w", encoding="utf-8") as file:
        json.dump({"texts": texts, "counts": counts}, file)


def text(chance):
    make = chance.choice([sentence, digits, characters])
    return make(chance)


def sentence(chance):
    words = [chance.choice(WORDS) for _ in range(chance.randint(1, 60))]
    mark = chance.choice(["", ".", "!", "?", "...", ",", ";"])
    return chance.choice([" ", "  ", ", ", " - "]).join(words) + mark


def digits(chance):
    numbers = range(chance.randint(1, 20))
    return " ".join(str(chance.getrandbits(chance.randint(1, 90))) for _ in numbers)


def characters(chance):
    def word():
        first, last = chance.choice(RANGES)
        return "".join(chr(chance.randint(first, last)) for _ in range(chance.randint(1, 12)))

    return " ".join(word() for _ in range(chance.randint(0, 15)))


def count(workspace, text):
    """The features by bucket. What cannot stand in a line of Vowpal Wabbit's own format is pushed in
    already split, with the hash that Vowpal Wabbit gives to each token."""
    if any(character in text for character in "|:\n\r"):
        example = workspace.example(None)
        split = text.replace("\t", " ").replace("\n", " ").replace("\r", " ").split(" ")
        tokens = [(workspace.hash_feature(token, 0), 1.0) for token in split if token]
        example.push_features(" ", tokens)
        example.setup_example()
    else:
        example = workspace.example("| " + text)
    counts = [0] * BUCKETS
    for index, value in example.iter_features():
        counts[index % BUCKETS] += int(value)
    workspace.finish_example(example)
    return counts


if __name__ == "__main__":
    main()
