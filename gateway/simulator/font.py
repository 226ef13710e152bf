"""A 5x7 bitmap font for what is burnt into the picture: upper case, digits and the punctuation of a clock.

Only letter shapes and how to set a line of them belong here; where text goes in a picture is the scene's business.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

ROWS = 7
COLUMNS = 5

# Seven rows from the top, five bits each, the leftmost pixel first.
_GLYPHS = {
    " ": "00000 00000 00000 00000 00000 00000 00000",
    "-": "00000 00000 00000 01110 00000 00000 00000",
    ".": "00000 00000 00000 00000 00000 01100 01100",
    ":": "00000 01100 01100 00000 01100 01100 00000",
    "/": "00001 00010 00010 00100 01000 01000 10000",
    "?": "01110 10001 00001 00110 00100 00000 00100",
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11110 00001 00001 01110 00001 00001 11110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "C": "01110 10001 10000 10000 10000 10001 01110",
    "D": "11100 10010 10001 10001 10001 10010 11100",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "F": "11111 10000 10000 11110 10000 10000 10000",
    "G": "01110 10001 10000 10111 10001 10001 01111",
    "H": "10001 10001 10001 11111 10001 10001 10001",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "J": "00111 00010 00010 00010 00010 10010 01100",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "N": "10001 11001 10101 10011 10001 10001 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "Q": "01110 10001 10001 10001 10101 10010 01101",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "V": "10001 10001 10001 10001 10001 01010 00100",
    "W": "10001 10001 10001 10101 10101 11011 10001",
    "X": "10001 10001 01010 00100 01010 10001 10001",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "Z": "11111 00001 00010 00100 01000 10000 11111",
}


@lru_cache(maxsize=256)
def glyph(character: str, scale: int) -> npt.NDArray[np.bool_]:
    """The pixels of one character with a column of space after it: (7 * scale) rows, (6 * scale) columns.

    Lower case is shown as upper case; a character the font lacks is shown as `?`.
    """
    rows = _GLYPHS.get(character.upper(), _GLYPHS["?"]).split()
    pixels = np.array([[bit == "1" for bit in row] + [False] for row in rows])
    return np.kron(pixels, np.ones((scale, scale), dtype=np.bool_)).astype(np.bool_)


def line(text: str, scale: int) -> npt.NDArray[np.bool_]:
    """The pixels of `text` in one line: (7 * scale) rows, (6 * scale * len(text)) columns."""
    if not text:
        return np.zeros((ROWS * scale, 0), dtype=np.bool_)
    return np.concatenate([glyph(character, scale) for character in text], axis=1)
