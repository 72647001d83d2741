"""`--instruments`: which programs of General MIDI to take, as text."""

import re

HELP = (
    'Whose notes to take: groups of General MIDI (piano, organ, strings, ...), program numbers from 0 on and ranges of '
    'them, with commas, such as "piano,40-43"; all for everything but drums.'
)
ALL = 'all'
# General MIDI level 1 sound set (MIDI Manufacturers Association, RP-003): groups of eight programs each.
_GROUPS = (
    'piano',
    'chromatic_percussion',
    'organ',
    'guitar',
    'bass',
    'strings',
    'ensemble',
    'brass',
    'reed',
    'pipe',
    'synth_lead',
    'synth_pad',
    'synth_effects',
    'ethnic',
    'percussive',
    'sound_effects',
)


def programs(text: str) -> tuple[int, ...]:
    """'piano,40' -> (0, ..., 7, 40), in order. Raises ValueError for a text that names something else."""
    chosen: set[int] = set()
    for part in text.split(','):
        name = part.strip().lower()
        numbers = re.fullmatch(r'(\d{1,3})(?:-(\d{1,3}))?', name)
        if name == ALL:
            chosen |= set(range(128))
        elif name in _GROUPS:
            first = 8 * _GROUPS.index(name)
            chosen |= set(range(first, first + 8))
        elif numbers and int(numbers[1]) <= int(numbers[2] or numbers[1]) < 128:
            chosen |= set(range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1))
        else:
            raise ValueError(
                f'instruments={text}: {part.strip() or "nothing"!r} is neither a program from 0 to 127, nor a range of '
                f'them, nor one of {ALL}, {", ".join(_GROUPS)}.'
            )
    return tuple(sorted(chosen))
