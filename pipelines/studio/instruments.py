"""The names of instruments, for the page."""

from typing import Any

from solferino.models.music.pictures.drum_names import KIT_NAMES, drum_height


def instruments() -> dict[str, Any]:
    """Returns the kinds of drums, from the floor up, and the programs of General MIDI.

    Of a kind of drums: its name, and the MIDI pitches that belong to it; the first stands for the kind where music is
    drawn.
    """
    import pretty_midi  # type: ignore[import-untyped]  # it ships no types
    from note_seq.drums_encoder_decoder import DEFAULT_DRUM_TYPE_PITCHES

    kinds = [
        {'name': name, 'pitches': list(pitches)}
        for name, pitches in zip(KIT_NAMES, DEFAULT_DRUM_TYPE_PITCHES, strict=True)
    ]
    return {
        'drums': sorted(kinds, key=lambda kind: drum_height(kind['pitches'][0])),
        'programs': [pretty_midi.program_to_instrument_name(program) for program in range(128)],
    }
