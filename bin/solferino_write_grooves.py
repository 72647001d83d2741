"""Writes drum MIDI files from the styles that the project carries, as music to train on at once.

    solferino_write_grooves --output_dir=midi --num_files=200

Each file is a song of its style of 8 to 24 bars, with its own tempo, variations and fills, and is called
<style>_<number>.mid. The same seed writes the same files, byte for byte.
"""

import collections
import io
import os
from pathlib import Path

from absl import flags

from solferino.bin import command
from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.music.grooves.groove_library import style, style_names
from solferino.models.music.grooves.groove_text import Style


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string(
        'output_dir', None, 'Folder for the MIDI files; made if missing.', required=True, flag_values=flag_values
    )
    flags.DEFINE_integer(
        'num_files', 200, 'How many files to write, the styles in turn.', lower_bound=1, flag_values=flag_values
    )
    flags.DEFINE_integer('seed', 0, 'Another seed writes other songs.', flag_values=flag_values)
    flags.DEFINE_list(
        'styles', None, f'Styles to write, with commas between them; all if left out: {", ".join(style_names())}.',
        flag_values=flag_values,
    )  # fmt: skip


def main(flag_values: flags.FlagValues) -> None:
    """Writes the files."""
    styles = [style(name.strip()) for name in flag_values.styles or style_names()]
    from note_seq import midi_io  # only now, as it takes a second

    from solferino.models.core.storage.files import MIDI, atomic_write
    from solferino.models.music.grooves.groove_songs import song

    folder = Path(os.path.expanduser(flag_values.output_dir))
    digits = max(2, len(str(-(-flag_values.num_files // len(styles)))))
    counts: collections.Counter[Style] = collections.Counter()
    seconds = 0.0
    for number in range(flag_values.num_files):
        chosen = styles[number % len(styles)]
        sequence = song(chosen, counts[chosen], flag_values.seed)
        counts[chosen] += 1
        midi = io.BytesIO()
        midi_io.note_sequence_to_pretty_midi(sequence).write(midi)
        try:
            atomic_write(str(folder / f'{chosen.name}_{counts[chosen]:0{digits}}.mid'), midi.getvalue(), MIDI)
        except OSError as error:
            raise SolferinoError(f'--output_dir={folder}: cannot be written: {error.strerror}.') from None
        seconds += sequence.total_time
    for chosen, count in counts.items():
        print(f'{count:5}  {chosen.title}')
    minutes = words.counted(round(seconds / 60), 'minutes')
    print(f'{counts.total():5}  {words.agreeing(counts.total(), "MIDI files")}, {minutes} of drums, in {folder}')


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main)


if __name__ == '__main__':
    console_entry_point()
