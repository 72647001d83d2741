"""NoteSequences in whole records that no music can be made of: left out with a reason, and counted."""

import math
from pathlib import Path
from typing import Any

import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams import reasons
from solferino.models import registry
from solferino.models.core.storage import records
from solferino.pipelines import examples
from solferino.pipelines.inspection import kinds
from solferino.pipelines.report import Counts


def _song(**note: Any) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(id='/id/x', filename='x.mid', total_time=2)
    sequence.tempos.add(qpm=120)
    for k in range(8):
        sequence.notes.add(pitch=60 + k, velocity=80, start_time=k / 4, end_time=(k + 1) / 4)
    for name, value in note.items():
        setattr(sequence.notes[3], name, value)
    return sequence


class _Results:
    def __init__(self) -> None:
        self.counts = Counts()
        self.count, self.step = self.counts.add, lambda: None

    def write(self, *record: Any) -> None:
        raise AssertionError('an example was made')


def _fast() -> music_pb2.NoteSequence:
    sequence = _song()
    sequence.tempos[0].qpm = 1e18
    return sequence


@pytest.mark.parametrize('family', registry.FAMILIES)
@pytest.mark.parametrize(
    'sequence, reason',
    [
        (_fast(), reasons.BAD_TEMPO),
        (_song(end_time=1e300), reasons.TOO_LONG),
        (_song(start_time=math.nan), reasons.BAD_TIME),
        (_song(pitch=-(2**31)), reasons.BAD_PITCH),
    ],
)
def test_it_is_left_out_and_counted(family: str, sequence: music_pb2.NoteSequence, reason: str) -> None:
    spec = registry.get(family).spec
    config = spec.configs[spec.default_config or next(iter(spec.configs))]
    task = examples._MakeExamples(examples.Job(family=family, config=config, input='x', output_dir='y'), {})
    task.setup()
    results = _Results()
    task.process(iter([sequence.SerializeToString()]), results)
    assert results.counts.plain()[reason] == (1, ['x.mid'])


def test_inspection_counts_pitches_that_there_are_not(tmp_path: Path) -> None:
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        writer.write(_song(pitch=-(2**31)).SerializeToString())
    finding = kinds.inspect(str(path))
    assert finding.facts['notes at pitches beyond 0 to 127'] == 1
    assert finding.facts['pitches'] == 'C4 to G4'
