"""What is drawn on the page arrives in the MIDI file that its command line needs."""

from pathlib import Path

import pytest
from note_seq import midi_io

from solferino.pipelines.studio import tasks


@pytest.mark.parametrize('qpm, metre', [(120.0, (4, 4)), (93.5, (6, 8)), (61.0, (7, 8))])
def test_a_drawn_primer_as_midi(tmp_path: Path, qpm: float, metre: tuple[int, int]) -> None:
    step = 60 / qpm / 4
    notes = [
        [36, 0.0, step, 100, 0, True, 0],
        [42, 3 * step, 4 * step, 80, 0, True, 0],
        [60, 0.0, 2 * step, 90, 40, False, 1],
    ]
    path = tmp_path / 'primer.mid'
    tasks.render({'notes': notes, 'qpm': qpm, 'metre': metre, 'seconds': 4.0}, 'mid', str(path))
    read = midi_io.midi_file_to_note_sequence(str(path))
    found = sorted((n.pitch, n.start_time, n.end_time, n.velocity, n.program, n.is_drum) for n in read.notes)
    for got, drawn in zip(found, sorted(notes), strict=True):
        assert got[:1] + got[3:] == (drawn[0], *drawn[3:6])
        assert got[1:3] == pytest.approx(drawn[1:3], abs=step / 50)  # MIDI has 220 ticks a quarter
    assert read.tempos[0].qpm == pytest.approx(qpm, rel=1e-3)
    sign = read.time_signatures[0]
    assert (sign.numerator, sign.denominator) == metre
