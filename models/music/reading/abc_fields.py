"""ABC's information fields: metre, unit length, tempo, key, the order of parts.

Standard: https://abcnotation.com/wiki/abc:standard:v2.1.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from solferino.models.music.reading.remarks import NOT_UNDERSTOOD, Refused

_SHARPS = 'FCGDAEB'
_TONICS = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}
# Modes by three letters: fifths from the major key of the same tonic, and NoteSequence's number.
_MODES = {
    '': (0, 0), 'maj': (0, 0), 'ion': (0, 0), 'm': (-3, 1), 'min': (-3, 1), 'aeo': (-3, 1), 'dor': (-2, 4),
    'phr': (-4, 5), 'lyd': (1, 6), 'mix': (-1, 3), 'loc': (-5, 7), 'exp': (0, 2),
}  # fmt: skip
ALTERATIONS = {'^^': 2, '^': 1, '=': 0, '_': -1, '__': -2}
_MOST_PARTS = 1000
_TONIC = re.compile(r'([A-G])([#b]?)\s*([A-Za-z]*)')
_SMALL_TONIC = re.compile(r'[a-g][#b]?\s*((maj|min|ion|aeo|dor|phr|lyd|mix|loc)[a-z]*|m)?(?=\s|$)', re.IGNORECASE)
_ACCIDENTAL = re.compile(r'(?:^|\s)(\^\^|__|\^|_|=)([a-gA-G])(?=\s|$|[\^_=])')
_PARTS = re.compile(r'([A-Za-z])|(\()|(\))|(\d{1,4})')


class Key(NamedTuple):
    """A key: how notes are altered, by their letters; and pitch class and mode, None where there is no tonic."""

    alterations: dict[str, int]
    signature: tuple[int, int] | None


def fraction(text: str, otherwise: Fraction) -> Fraction:
    """A length as notes have it after them: '', '3', '/', '//', '3/2'. Raises Refused."""
    if not text:
        return otherwise
    numerator, slash, denominator = text.partition('/')
    below = denominator.strip('/')
    if len(text) > 12 or (below and not int(below)):
        raise Refused(NOT_UNDERSTOOD, f'a note of length {text[:40]}')
    value = Fraction(int(numerator) if numerator else 1)
    if slash:
        value /= int(below) if below else 2 ** (1 + denominator.count('/'))
    return value


def metre(text: str) -> tuple[int, int] | None:
    """'6/8', 'C', '(2+3)/8' as one fraction; (0, 0) of free metre; None of what says nothing."""
    text = text.strip()
    if text.startswith('C|'):
        return 2, 2
    if text.startswith('C'):
        return 4, 4
    if text.lower().startswith('none') or not text:
        return 0, 0
    total, largest, pending = Fraction(0), 1, 0
    for beats, unit in re.findall(r'(\d{1,3})\s*\)?\s*(?:/\s*(\d{1,3}))?', text):
        pending += int(beats)
        if unit and int(unit):
            total += Fraction(pending, int(unit))
            largest, pending = max(largest, int(unit)), 0
    if not total:
        return None
    return int(total * largest), largest


def unit_length(text: str) -> Fraction | None:
    """'1/8' in whole notes."""
    found = re.match(r'\s*(\d{1,4})\s*(?:/\s*(\d{1,4}))?', text)
    if not found or not int(found[1]) or not int(found[2] or 1):
        return None
    return Fraction(int(found[1]), int(found[2] or 1))


def tempo(text: str, unit: Fraction) -> Fraction | None:
    """Quarters per minute of '1/4=120', '"Allegro" 3/8=100', '120', which counts unit lengths; None of words alone."""
    text = re.sub(r'"[^"]*"', ' ', text)
    beats, equals, rate = text.rpartition('=')
    found = re.search(r'\d{1,6}(\.\d{1,6})?', rate)
    if not found or not Fraction(found[0]):
        return None
    lengths = [Fraction(int(n), int(d)) for n, d in re.findall(r'(\d{1,4})\s*/\s*(\d{1,4})', beats) if int(d)]
    beat = sum(lengths, Fraction(0))
    if not beat:  # as before version 2: C3=40, or no beat at all
        times = re.search(r'C\s*(\d{1,4})', beats) if equals else None
        beat = unit * int(times[1] if times else 1)
    return Fraction(found[0]) * beat * 4 or None


def key(text: str) -> Key | None:
    """'Ador', 'D exp _b ^f', 'HP', 'none'; None of what names no key, a clef say."""
    text = text.strip()
    words = re.sub(r'\S+=\S*', lambda m: m[0] if m[0].startswith('=') else ' ', text)
    if text[:2] in ('HP', 'Hp'):  # the bagpipe's: its F and C are sharp, whether that is printed or not
        return Key({'F': 1, 'C': 1}, (9, 3))
    explicit = {letter.upper(): ALTERATIONS[sign] for sign, letter in _ACCIDENTAL.findall(words)}
    if re.match(r'none\b', text, re.IGNORECASE) or not text:
        return Key(explicit, None)
    found = _TONIC.match(text) or _TONIC.match(text[:1].upper() + text[1:] if _SMALL_TONIC.match(text) else '')
    if not found:
        return Key(explicit, None) if explicit else None
    mode = found[3].lower()[:3]
    if mode not in _MODES:
        mode = 'm' if found[3] == 'm' else ''
    fifths = _SHARPS.index(found[1]) - 1 + {'#': 7, 'b': -7, '': 0}[found[2]]
    shift, number = _MODES[mode]
    fifths += shift
    altered = dict.fromkeys(_SHARPS[: max(fifths, 0)], 1) | dict.fromkeys(_SHARPS[7 + min(fifths, 0) :], -1)
    tonic = (_TONICS[found[1]] + {'#': 1, 'b': -1, '': 0}[found[2]]) % 12
    if mode == 'exp' or re.search(r'\bexp\b', words):
        altered, number = {}, 2
    return Key(altered | explicit, (tonic, number))


def part_order(text: str) -> str:
    """'A(BC)2' as the letters in their order. '' if there is none. Raises Refused if they are too many."""
    stack: list[list[str]] = [[]]
    for letter, opens, closes, times in _PARTS.findall(text):
        if letter:
            stack[-1].append(letter)
        elif opens:
            stack.append([])
        elif closes and len(stack) > 1:
            group = ''.join(stack.pop())
            stack[-1].append(group)
        elif times and stack[-1]:
            if int(times) * len(stack[-1][-1]) > _MOST_PARTS:
                raise Refused(NOT_UNDERSTOOD, f'P:{text[:40]}, more than {_MOST_PARTS} parts')
            stack[-1][-1] *= int(times)
    return ''.join(''.join(group) for group in stack)
