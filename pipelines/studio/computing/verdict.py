"""What was made held against what was learned from, for the view Know: see `judge`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.music.metrics import all_metrics
from solferino.models.music.metrics.bootstrap import Estimate
from solferino.models.music.originality import copies
from solferino.models.music.originality.copies import Copying
from solferino.models.music.pieces import score
from solferino.models.music.pieces.piece import Piece
from solferino.pipelines import music_files
from solferino.pipelines.inspection import copying
from solferino.pipelines.judging import set_metrics
from solferino.pipelines.music_files import Music
from solferino.pipelines.studio import pieces as stored
from solferino.pipelines.studio.computing import converting
from solferino.pipelines.studio.messages import Copied, Judged, Mean, Measured

_MOST_PIECES = 2000  # of the training music that are compared
_HEARD = 20  # runs that can be heard where they are from, the longest


def judge(pieces: Sequence[str], reference: str) -> Judged:
    """Measures music and finds what it copies.

    Args:
      pieces: their JSON files.
      reference: a file or folder of the training music.

    Raises SolferinoError if there is nothing to compare.
    """
    read = [stored.read(Path(path)) for path in pieces]
    made = [Music(Path(one.id), converting.sequence_of(one.music)) for one in read]
    known = _spread(list(music_files.read(music_files.find([reference], None))))
    if not known:
        raise SolferinoError('The music to compare with has no notes.')
    compared = set_metrics.compare([set_metrics.measure('made', made), set_metrics.measure('known', known)])
    first, second = compared.sets
    rows = [
        Measured(title, _mean(first.mean(metric)), _mean(second.mean(metric)), *_apart(compared.comparisons[metric][0]))
        for metric, title in all_metrics.TITLES.items()
        if not (math.isnan(first.mean(metric).value) and math.isnan(second.mean(metric).value))
    ]
    made_ids, made_pieces = copying.usable(made)
    known_names, known_pieces = copying.usable(known)
    found = copies.compare(made_pieces, known_pieces)
    heard = sorted(range(len(made_pieces)), key=lambda number: -found.generated[number].notes)[:_HEARD]
    sequences = {one.path.name: one.sequence for one in known}
    return Judged(
        pieces=len(made), known=len(known), metrics=rows, usual=found.usual,
        copied=[
            _copied(made_ids[number], found.generated[number], known_names, known_pieces, sequences, number in heard)
            for number in range(len(made_pieces))
        ],
    )  # fmt: skip


def _spread(found: list[Music]) -> list[Music]:
    """Of very many pieces some, spread over all."""
    found = [one for one in found if one.sequence.notes]
    most = min(_MOST_PIECES, len(found))
    return [found[k * len(found) // most] for k in range(most)]


def _copied(
    id: str, one: Copying, names: Sequence[str], known: Sequence[Piece], sequences: dict[str, Any], heard: bool
) -> Copied:
    run = one.longest
    if run is None:
        return Copied(id, share=one.share)
    there = None
    if heard:
        there = converting.music_of(_from_bar(sequences[names[run.other]], known[run.other], run.other_bar, run.bars))
    return Copied(
        id,
        run.notes,
        run.bars,
        run.seconds,
        one.share,
        run.bar,
        names[run.other],
        run.other_bar,
        run.semitones,
        there,
    )


def _from_bar(sequence: music_pb2.NoteSequence, music: Piece, bar: int, bars: float) -> music_pb2.NoteSequence:
    """The bars of a piece in which a run stands."""
    seconds = score.read(music, bool(music.notes['is_drum'].all())).seconds
    last = min(bar - 1 + math.ceil(bars) + 1, len(seconds) - 1)
    begin, end = (float(seconds[min(k, len(seconds) - 1)]) for k in (bar - 1, last))
    cut = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=end - begin)
    qpm = [tempo.qpm for tempo in sequence.tempos if tempo.time <= begin] or [120.0]
    cut.tempos.add(qpm=qpm[-1])
    for note in sequence.notes:
        if begin - 1e-6 <= note.start_time < end:
            new = cut.notes.add()
            new.CopyFrom(note)
            new.start_time, new.end_time = max(note.start_time - begin, 0.0), min(note.end_time, end) - begin
    return cut


def _mean(estimate: Estimate) -> Mean | None:
    if math.isnan(estimate.value):
        return None
    known = not math.isnan(estimate.low)
    return Mean(estimate.value, estimate.low if known else None, estimate.high if known else None)


def _apart(comparison: Any) -> tuple[float | None, float | None]:
    if comparison is None or math.isnan(comparison.overlap.value):
        return None, None
    return comparison.overlap.value, comparison.divergence.value
