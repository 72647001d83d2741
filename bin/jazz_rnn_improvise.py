"""Learns from one song, or from a folder of songs, and improvises: data, training and music in one go.

    jazz_rnn_improvise song.mid --output_dir=out

It plays over the song's own chords, or over others:

    jazz_rnn_improvise song.mid --output_dir=out --backing_chords="Dm7 G7 Cmaj7 Cmaj7" --num_measures=16

The music is in the output directory, and the model in its folder `run`: given again, the command does not train anew,
and `jazz_rnn_generate --run_dir=out/run` goes on with it.
"""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from absl import flags

from solferino.bin import command, generate, render, surroundings
from solferino.hparams import generation, words
from solferino.hparams.errors import SolferinoError
from solferino.hparams.jazz_rnn import SPEC, JazzExtraction

_CONFIG = SPEC.configs['jazz_rnn']
_STEPS = 100  # of training: a song is then known by its ways, and not yet by heart
_SHOWN = 16  # chords


def define(fv: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_integer(
        'num_training_steps', _STEPS, 'Training ends at this step; a folder of songs needs more.', lower_bound=1,
        flag_values=fv,
    )  # fmt: skip
    flags.DEFINE_string('hparams', '', 'Hyperparameters that differ from those of the config.', flag_values=fv)
    command.define_option_flags(fv, _CONFIG.extraction)
    generate.define_music(fv, SPEC)
    fv.set_default('num_outputs', 5)


def main(fv: flags.FlagValues, song: str) -> None:
    """Makes the examples, trains and generates."""
    if not fv.output_dir:
        raise SolferinoError(f'--output_dir is missing. Example: jazz_rnn_improvise {song} --output_dir=out')
    renderer = render.of_flags(fv)
    given = command.given_options(fv, SPEC.generation)
    generation.replace(SPEC.generation, **{name: value for name, value in given.items() if value != generation.AUTO})
    extraction = command.options_from_flags(fv, _CONFIG.extraction)
    folder = Path(os.path.expanduser(fv.output_dir))
    source = Path(os.path.expanduser(song))
    if not source.exists():
        raise SolferinoError(f'There is no file or folder {song}. Check the path.')
    notes = folder / 'data' / 'notes.tfrecord'
    if source.is_dir():
        _convert_folder(source, notes)
    else:
        _convert_file(song, source, notes, extraction)
        if not any(fv[name].value for name in ('backing_chords', 'chords_midi', 'primer_midi')):
            fv['chords_midi'].parse(str(source))
    from solferino.models import loading, registry
    from solferino.models.core import settings
    from solferino.models.core.training import asked, jobs
    from solferino.pipelines import examples

    config = dataclasses.replace(_CONFIG, extraction=extraction)
    print(examples.create(examples.Job(SPEC.name, config, str(notes), str(notes.parent), eval_ratio=0)))
    learned = str(notes.with_name(f'training_{SPEC.records}.tfrecord'))
    run = folder / 'run'
    known = settings.dataset_config(SPEC, [learned])
    if known:
        known[0].learned.chosen(fv.label)  # raises for one that is not known, before the model is trained
    if (run / 'train').exists() and known and loading.load(run).config.learned != known[0].learned:
        raise SolferinoError(
            f'{run} learned from other music than {song}, or of it with other flags. Choose another --output_dir, or '
            'delete it.'
        )
    stopped = jobs.train(
        registry.get(SPEC.name),
        asked.Request(
            run_dir=str(run),
            given=settings.Given(None, fv.hparams),
            examples=learned,
            num_steps=fv.num_training_steps,
            summary_frequency=50,
            advises=False,  # a song has nothing to hold out, and its flags are few
        ),
    )
    if stopped:
        surroundings.stopped_by(stopped)
    generate.generate(loading.load(run), fv, SPEC, renderer)


def _convert_folder(source: Path, notes: Path) -> None:
    from solferino.pipelines import convert

    notes.parent.mkdir(parents=True, exist_ok=True)
    print(convert.convert(convert.Job(str(source), str(notes), recursive=True)))


def _convert_file(song: str, source: Path, notes: Path, extraction: JazzExtraction) -> None:
    from solferino.models.core.storage import records
    from solferino.models.music.jazz import lead_sheet
    from solferino.models.music.pieces import piece

    music = generate.read_music(song, str(source))
    piece.require(music)
    with contextlib.suppress(KeyError, ValueError):  # which is told when the examples are made
        sheet = lead_sheet.read(piece.of(music), extraction.melody_track, extraction.tracks)
        if sheet:
            names = {info.instrument: info.name for info in music.instrument_infos}
            print(f'Tracks: {", ".join(_track(number, names) for number in sheet.tracks)}.')
            print(f'Melody: {words.counted(len(sheet.notes), "notes")} of track {_track(sheet.track, names)}.')
            print(f'Chords: {" ".join(chord.name for chord in sheet.changes.chords[:_SHOWN])} ...')
    notes.parent.mkdir(parents=True, exist_ok=True)
    with records.Writer(str(notes)) as writer:
        writer.write(music.SerializeToString(deterministic=True))


def _track(number: int, names: Mapping[int, str]) -> str:
    name = ' '.join(names.get(number, '').split())
    return f'{number} ({name})' if name else str(number)


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=('song.mid',))


if __name__ == '__main__':
    console_entry_point()
