"""Text as model inputs: words of alphabets, characters and pairs of characters of Chinese, hashed into a fixed space.

Chinese is written without spaces. On 17,363 distinct Chinese reviews, characters and pairs of them rank sentiment
better than the words of a segmenter (docs/learning.md), and need no dictionary.
"""

import re
from itertools import pairwise
from math import sqrt
from typing import Final
from zlib import crc32

from online_models.contract import Inputs

BUCKETS: Final = 2**18
"""Where inputs are hashed to; at some 100,000 distinct ones two in three have a bucket of their own."""

_HAN = "\u3400-\u9fff\uf900-\ufaff"
_PIECES = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:'[^\W_{_HAN}]+)*|[!?\uff01\uff1f]")
_IS_HAN = re.compile(f"[{_HAN}]")

# Beyond this a text says the same again, and an input costs a microsecond.
_MAX_TOKENS = 600


def tokens_of(text: str) -> list[str]:
    """Words and pairs of words; of Chinese, characters and pairs of characters.

    Example:
        >>> tokens_of("Very good!"), tokens_of("很好")
        (['very', 'good', '!', 'very good', 'good !'], ['很', '好', '很好'])
    """
    pieces = _PIECES.findall(text.lower())
    tokens: list[str] = []
    words: list[str] = []
    for piece in pieces[:_MAX_TOKENS]:
        if _IS_HAN.match(piece):
            tokens.extend(piece)
            tokens.extend(first + second for first, second in pairwise(piece))
        else:
            words.append(piece)
    tokens.extend(words)
    tokens.extend(f"{first} {second}" for first, second in pairwise(words))
    return tokens[:_MAX_TOKENS]


def word_inputs(text: str) -> Inputs:
    """Which tokens a text has, by bucket, scaled to length 1, so that long texts do not shout; `one` beside them.

    Example:
        >>> sorted(round(value, 3) for value in word_inputs("good good").values())
        [0.707, 0.707, 1.0]
    """
    return inputs_of_tokens(tokens_of(text))


def inputs_of_tokens(tokens: list[str]) -> Inputs:
    """The same for tokens that somebody else has found."""
    buckets = dict.fromkeys([f"{crc32(token.encode()) % BUCKETS:x}" for token in tokens])
    share = 1.0 / sqrt(len(buckets)) if buckets else 0.0
    inputs = dict.fromkeys(buckets, share)
    inputs["one"] = 1.0
    return inputs


def form_inputs(text: str) -> Inputs:
    """How a text is written, whatever it says: length, variety, figures, exclamations; each about 0 to 2."""
    pieces = _PIECES.findall(text.lower())
    length = len(text)
    return {
        "length": min(2.0, sqrt(length) / 20.0),
        "pieces": min(2.0, sqrt(len(pieces)) / 10.0),
        "variety": len(set(pieces)) / len(pieces) if pieces else 0.0,
        "figures": min(1.0, 10.0 * sum(map(str.isdigit, text)) / (length + 1)),
        "exclaims": min(1.0, (text.count("!") + text.count("\uff01")) / 5.0),
        "empty": float(not pieces),
    }
