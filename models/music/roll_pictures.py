"""Pictures of music: piano rolls."""

from typing import TYPE_CHECKING

from note_seq.protobuf import music_pb2

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_notes(sequence: music_pb2.NoteSequence, steps_per_quarter: int = 4) -> 'Figure':
    """Draws notes as bars over time: pitch upwards, seconds to the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for note in sequence.notes:
        axes.barh(note.pitch, note.end_time - note.start_time, left=note.start_time, height=0.8)
    return figure
