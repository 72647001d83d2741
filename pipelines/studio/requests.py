"""Requests of the page as a command line and as Python, to copy."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from solferino.models.loading import Model


def generating(model: Model, primed: bool, num_outputs: int, seed: int, options: Mapping[str, Any]) -> dict[str, str]:
    """Of music, with a primer or without: 'command' and 'python'."""
    first = ["midi_io.midi_file_to_note_sequence('primer.mid')"] if primed else []
    flags = {'primer_midi': 'primer.mid'} if primed else {}
    return _copied(model, 'generate', flags, first, {'num_outputs': num_outputs, 'seed': seed, **options})


def infilling(
    model: Model, start: float, end: float, num_outputs: int, seed: int, options: Mapping[str, Any]
) -> dict[str, str]:
    """Of a stretch that is made anew."""
    first = ["midi_io.midi_file_to_note_sequence('music.mid')", f'{start:g}', f'{end:g}']
    flags = {'infill_midi': 'music.mid', 'infill_seconds': f'{start:g}-{end:g}'}
    return _copied(model, 'infill', flags, first, {'num_outputs': num_outputs, 'seed': seed, **options})


def _copied(
    model: Model, method: str, flags: Mapping[str, Any], first: list[str], options: Mapping[str, Any]
) -> dict[str, str]:
    name = Path(model.source).name
    source = {'bundle_file' if model.step is None else 'run_dir': name}
    words = [f'{model.family.spec.name}_generate']
    for flag, value in (*source.items(), *flags.items(), *options.items(), ('output_dir', 'generated')):
        words.append(f'--{flag}={str(value).lower() if isinstance(value, bool) else value}')
    arguments = ', '.join([*first, *(f'{name}={value!r}' for name, value in options.items())])
    imports = 'from note_seq import midi_io\n' if first else ''
    return {
        'command': shlex.join(words),  # what was typed on the page stays one word
        'python': f'{imports}from solferino.models import load\n\npieces = load({name!r}).{method}({arguments})',
    }
