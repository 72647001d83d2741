"""The generate command of every family: `<family>_generate`."""

import dataclasses
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags, logging

from solferino.bin import command, render
from solferino.hparams import generation, overrides, words
from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import GenerateOptions
from solferino.hparams.spec import FamilySpec

if TYPE_CHECKING:
    from solferino.models.loading import Model


def run(spec: FamilySpec) -> None:
    """Runs the command of the family that `spec` describes."""
    doc = (
        f'Generates music with a trained {spec.name} model, and saves such a model as a bundle.\n\n'
        f'    {spec.name}_generate --bundle_file=model.mag --output_dir=generated --num_outputs=5\n\n'
        f'    {spec.name}_generate --run_dir=run --save_generator_bundle --bundle_file=model.mag'
    )
    command.run(doc, lambda flag_values: define(flag_values, spec), lambda flag_values: main(flag_values, spec))


def define(fv: flags.FlagValues, spec: FamilySpec) -> None:
    """Defines the flags; Magenta's names and defaults."""

    def text(name: str, default: str | None, help: str) -> None:
        flags.DEFINE_string(name, default, help, flag_values=fv)

    configs = ', '.join(spec.configs)
    text('config', spec.default_config, f'One of: {configs}. The model knows its own; a different one is an error.')
    text(
        'hparams', '', 'Hyperparameters, name=value with commas. The model knows its own; a different one is an error.'
    )
    text('generator_id', None, "The model's id in the bundle; its config's name if not given.")
    text('generator_description', None, "The model's description in the bundle; its config's if not given.")
    text('run_dir', None, 'Directory of a training run, ours or one of Magenta.')
    flags.DEFINE_enum(
        'checkpoint', None, ['newest', 'best'], 'Which checkpoint of --run_dir to use; if it is not given, the best '
        '(lowest held-out loss) where there is one, else the newest.', flag_values=fv,
    )  # fmt: skip
    text('checkpoint_file', None, 'A checkpoint of a training run, such as run/train/model.ckpt-1000.')
    text('bundle_file', None, 'A bundle (.mag): the model to use, or the file to save with --save_generator_bundle.')
    flags.DEFINE_bool(
        'save_generator_bundle', False, 'Save the model as --bundle_file instead of generating.', flag_values=fv
    )
    text('bundle_description', '', 'What to say about the model in the bundle: its training data, for example.')
    define_music(fv, spec)


def define_music(fv: flags.FlagValues, spec: FamilySpec) -> None:
    """Defines the flags of what `generate` does with a model."""

    def text(name: str, default: str | None, help: str) -> None:
        flags.DEFINE_string(name, default, help, flag_values=fv)

    flags.DEFINE_string(
        'output_dir', None, 'Directory for the MIDI files; if it is not given, "generated" in the run directory, or '
        'beside the bundle. They are called MODEL_DATE_TIME_NUMBER.mid.', flag_values=fv,
    )  # fmt: skip
    flags.DEFINE_integer('num_outputs', 10, 'How many MIDI files to generate.', flag_values=fv)
    flags.DEFINE_integer(
        'best', None, 'Write only so many of the --num_outputs, the best first: those that are likely under the '
        'model, and most like the music held out from its training. The ranking is printed.', lower_bound=1,
        flag_values=fv,
    )  # fmt: skip
    flags.DEFINE_bool(
        'draw', False, 'Draw all of them in one PNG beside them, primers and kept notes marked.', flag_values=fv
    )
    flags.DEFINE_list(
        'render', None, 'What to write beside each MIDI file, to listen to or to look at, with commas between them: '
        f'{", ".join(render.FORMATS)}.', flag_values=fv,
    )  # fmt: skip
    render.define(fv)
    flags.DEFINE_list(
        'originality', None, 'The training music (NoteSequences in TFRecord files, or music files, folders, patterns): '
        'tell the longest run of notes that each output has from it.', flag_values=fv,
    )  # fmt: skip
    for name, help in spec.primer_flags.items():
        flags.DEFINE_string(name, None, help, flag_values=fv)
    flags.DEFINE_string(
        'primer_midi', None, 'A file to begin with: MIDI, or what else datasets are made of, MusicXML and ABC; of many '
        'tunes the first.', flag_values=fv,
    )  # fmt: skip
    text('infill_midi', None, 'A file of which a stretch is made anew, while all around it stays.')
    text('infill_bars', None, 'Which bars of --infill_midi: 3-4, or 3.')
    text('infill_seconds', None, 'Or which seconds of it: 4-8.')
    flags.DEFINE_bool(
        'magenta_reading', False, 'Read music files bug for bug as Magenta does, not as they sound.', flag_values=fv
    )
    command.define_option_flags(fv, spec.generation)
    for name, meant in spec.aliases.items():
        flags.DEFINE_alias(name, meant, flag_values=fv)
    for name, help in spec.plots.items():
        flags.DEFINE_bool(name, False, help, flag_values=fv)
    flags.DEFINE_integer(
        'seed', None, 'The same seed gives the same music; chosen at random if not given.', flag_values=fv
    )


def main(fv: flags.FlagValues, spec: FamilySpec) -> None:
    """Saves a bundle or generates."""
    _check_source(fv)
    renderer = render.of_flags(fv)
    given = command.given_options(fv, spec.generation)
    stands = {name: value for name, value in given.items() if value != generation.AUTO}  # the model fills in the others
    generation.replace(spec.generation, **stands)  # raises for what cannot be
    from solferino.models import loading

    config = fv.config if fv['config'].present else None
    if fv.run_dir or fv.checkpoint_file:
        model = loading.load_checkpoint(fv.run_dir or fv.checkpoint_file, config, fv.checkpoint)
    else:
        model = loading.load_bundle(fv.bundle_file, config)
    if model.checkpoint:
        print(f'Using {model.checkpoint}.')
    _check_model(model, fv, spec)
    if fv.save_generator_bundle:
        _save_bundle(model, fv)
    else:
        generate(model, fv, spec, renderer)


def _check_source(fv: flags.FlagValues) -> None:
    sources = [name for name in ('run_dir', 'checkpoint_file', 'bundle_file') if fv[name].value]
    given = ' and '.join('--' + s for s in sources) or 'none'
    if fv.save_generator_bundle:
        if not fv.bundle_file or len(sources) != 2:
            raise SolferinoError(
                '--save_generator_bundle needs --bundle_file=name.mag to write, and either --run_dir or '
                f'--checkpoint_file to take the model from (given: {given}).'
            )
    elif len(sources) != 1:
        raise SolferinoError(
            f'Name one model to generate with: --bundle_file, --run_dir or --checkpoint_file (given: {given}).'
        )
    if fv.checkpoint and not fv.run_dir:
        raise SolferinoError(f'--checkpoint={fv.checkpoint} chooses one of those of a --run_dir. Leave it out.')


def _check_model(model: 'Model', fv: flags.FlagValues, spec: FamilySpec) -> None:
    """Settings that are given again must be those of the model."""
    if model.family.spec.name != spec.name:
        raise SolferinoError(
            f'{model.source} holds a model of {model.family.spec.name}; use {model.family.spec.name}_generate.'
        )
    if fv['config'].present and fv.config != model.config.name:
        spec.config(fv.config)
        raise SolferinoError(
            f'--config={fv.config}, but {model.source} holds a model of config {model.config.name}. Leave --config out.'
        )
    given = overrides.parse(model.config.hparams, fv.hparams)
    for name in spec.plots:
        if fv[name].value and name not in model.family.plots(model.config):
            raise SolferinoError(f'--{name}: a model of {model.config.name} has nothing to show there. Leave it out.')
    overrides.require_equal(given, model.config.hparams, '--hparams', model.source, overrides.names_in(fv.hparams))


def _save_bundle(model: 'Model', fv: flags.FlagValues) -> None:
    named = dataclasses.replace(
        model,
        generator_id=fv.generator_id or model.generator_id,
        generator_description=fv.generator_description or model.generator_description,
    )
    if not fv['bundle_description'].present:
        logging.info('The bundle has no description; --bundle_description="..." gives it one.')
    path = Path(os.path.expanduser(fv.bundle_file))
    named.save_bundle(path, fv.bundle_description)
    print(f'Saved {model.source} as the bundle {path}.')


def generate(model: 'Model', fv: flags.FlagValues, spec: FamilySpec, renderer: render.Renderer | None = None) -> None:
    """Writes music of a model, as the flags of `define_music` say, and says what was written."""
    from solferino.models.core.generation import midi_files

    if fv.best and fv.best > fv.num_outputs:
        raise SolferinoError(f'--best={fv.best} of --num_outputs={fv.num_outputs}: there are not so many.')
    primer = _primer(model, fv, spec)
    known = _training_music(fv)
    given = _given_options(fv, spec)
    if _infilled(fv, spec):
        _infill(model, fv, given, known, renderer)
        return
    options = model.options(primer, **given)
    if not _primer_flags(fv, spec):
        logging.info('No primer was given: beginning with %s.', options.beginning or spec.default_primer)
    own = model.family.beat(primer, model.config).qpm
    if own and fv['qpm'].present and abs(own - fv.qpm) > 0.01:
        logging.warning('--qpm=%g is not used: %s has its own tempo, %.4g.', fv.qpm, fv.primer_midi, own)
    began = time.monotonic()
    sequences = model.generate_with(options, primer, fv.num_outputs)
    seconds = time.monotonic() - began
    plots = [name for name in spec.plots if fv[name].value]
    shown, plotted = sequences, options
    if plots and options.exclude_primer:  # what the model saw begins with it; the same seed makes the same music
        plotted = dataclasses.replace(options, exclude_primer=False)
        shown = model.generate_with(plotted, primer, fv.num_outputs)
    silent = sum(not sequence.notes for sequence in sequences)
    if silent and not spec.keeps_silence:
        shown = [whole for whole, sequence in zip(shown, sequences, strict=True) if sequence.notes]
        sequences = [sequence for sequence in sequences if sequence.notes]
    if not sequences:
        raise SolferinoError(f'None of the {silent} outputs has notes, so nothing was written. {spec.silence_remedy}')
    ranked = _ranked(model, fv, sequences)
    if ranked:
        kept = [one.number for one in ranked[: fv.best]]
        sequences, shown = [sequences[k] for k in kept], [shown[k] for k in kept]
    paths = midi_files.write_all(sequences, _output_dir(model, fv), model.name)
    if silent:
        told = 'have no notes' if spec.keeps_silence else 'have no notes and were not written'
        logging.warning('%d of the %d outputs %s. %s', silent, fv.num_outputs, told, spec.silence_remedy)
    if options.num_steps:
        length = f'{options.num_steps} steps ({model.seconds(options, primer):.3g} s)'
        taken = 0 if primer is None else model.family.primer_steps(primer, model.config, options)
        length += f', {taken} of them the primer,' if taken else ''
    else:  # as many as it took
        length = f'up to {max(sequence.total_time for sequence in sequences):.3g} s'
    print(f'Generated {len(paths)} MIDI file{"s" * (len(paths) > 1)} of {length} in {seconds:.1f} s:')
    music = dict(zip(paths, sequences, strict=True))

    def marks(sequence: Any) -> Any:
        return model.family.marks(sequence, primer, model.config, options)

    _tell(model, fv, music, ranked, marks, renderer)
    for path in _plot(model, plots, dict(zip(paths, shown, strict=True)), plotted):
        print(path)
    if known:
        print(f'\n{_originality(model, music, known)}\n')
    print(f'--seed={options.seed} --temperature={options.temperature} makes the same music again.')


def _ranked(model: 'Model', fv: flags.FlagValues, sequences: list[Any]) -> list[Any]:
    """The music in the order in which --best takes it; nothing if all is to be written."""
    if not fv.best:
        return []
    from solferino.models import choosing

    return choosing.rank(model, sequences)


def _tell(
    model: 'Model',
    fv: flags.FlagValues,
    music: dict[Path, Any],
    ranked: list[Any],
    marks: Callable[[Any], Any],
    renderer: render.Renderer | None,
) -> None:
    """Says where music is written, and how it was ranked; makes the sounds and pictures that are asked for."""
    paths = list(music)
    print(f'{paths[0]} to {paths[-1].name}' if len(paths) > 1 else paths[0])
    if ranked:
        from solferino.models import choosing

        print(choosing.table(ranked, [path.name for path in paths]))
    if renderer:
        _render(model, music, marks, renderer)
    if fv.draw:
        print(_draw(model, music, marks))


_RANGE = re.compile(r'(\d{1,6}(?:\.\d{1,9})?)(?:-(\d{1,6}(?:\.\d{1,9})?))?')


def _infilled(fv: flags.FlagValues, spec: FamilySpec) -> bool:
    """Whether a stretch of a file is to be made anew. Raises SolferinoError for flags that do not go with that."""
    where = [name for name in ('infill_bars', 'infill_seconds') if fv[name].value]
    if not fv.infill_midi and not where:
        return False
    if not fv.infill_midi or len(where) != 1:
        raise SolferinoError('Give --infill_midi with one of --infill_bars=3-4 and --infill_seconds=4-8.')
    whys = {
        'whose length stays': ['num_steps', 'num_bars', 'seconds'],
        'which is what the music begins with': [*_primer_flags(fv, spec), 'exclude_primer'],
        'as it shows what is made from the beginning on': spec.plots,
    }
    for why, names in whys.items():
        for name in names:
            if name in fv and fv[name].present and fv[name].value:
                raise SolferinoError(f'--{name} does not go with --infill_midi, {why}. Leave it out.')
    return True


def _infill(
    model: 'Model', fv: flags.FlagValues, given: dict[str, Any], known: Any, renderer: render.Renderer | None
) -> None:
    """Writes the music of --infill_midi with a stretch that is made anew, --num_outputs times."""
    from solferino.models import infilling
    from solferino.models.core.generation import midi_files
    from solferino.models.music.pictures.page import Marks

    music, name = _music_of('infill_midi', fv), 'infill_bars' if fv.infill_bars else 'infill_seconds'
    found = _RANGE.fullmatch(str(fv[name].value))
    first, last = (float(found[1]), float(found[2] or found[1])) if found else (0.0, 0.0)
    by_bars = 1 <= first <= last and first.is_integer() and last.is_integer()
    if not (by_bars if name == 'infill_bars' else first < last):
        raise SolferinoError(f'--{name}={fv[name].value} must be a range such as {"3-4" if fv.infill_bars else "4-8"}.')
    if name == 'infill_bars':
        first, last = infilling.seconds_of_bars(model, music, int(first), int(last))
    began = time.monotonic()
    sequences = model.infill(music, first, last, fv.num_outputs, **given)
    seconds = time.monotonic() - began
    ranked = _ranked(model, fv, sequences)
    if ranked:
        sequences = [sequences[one.number] for one in ranked[: fv.best]]
    paths = midi_files.write_all(sequences, _output_dir(model, fv), model.name)
    print(
        f'Made {first:.4g} to {last:.4g} s of {fv.infill_midi} anew, '
        f'{words.counted(fv.num_outputs, "times")} in {seconds:.1f} s:'
    )
    written = dict(zip(paths, sequences, strict=True))
    marks = Marks(kept=frozenset(range(infilling.num_kept(model, music, first, last, given))))
    _tell(model, fv, written, ranked, lambda sequence: marks, renderer)
    if known:
        print(f'\n{_originality(model, written, known)}\n')
    print(f'--seed={given["seed"]} makes the same music again.')


def _training_music(fv: flags.FlagValues) -> Any:
    """The names and the pieces of --originality, None without it: what cannot be read is said before generating."""
    if not fv.originality:
        return None
    from solferino.pipelines.inspection import copying

    return copying.read(fv.originality, 'originality')


def _originality(model: 'Model', music: dict[Path, Any], known: Any) -> str:
    from solferino.models.music.originality import copies
    from solferino.pipelines.inspection import copying

    names, pieces = copying.usable(music.items())
    training_names, training = known
    found = copies.compare(pieces, training, model.config.steps_per_quarter or 4)
    return copying.report(found, names, training_names)


def _output_dir(model: 'Model', fv: flags.FlagValues) -> Path:
    """The folder for the files: the one that is named, or `generated` in the run directory or beside the bundle."""
    if fv.output_dir:
        return Path(os.path.expanduser(fv.output_dir))
    folder = Path(model.source).parent
    return (folder.parent if folder.name == 'train' else folder) / 'generated'


def _given_options(fv: flags.FlagValues, spec: FamilySpec) -> dict[str, Any]:
    """Returns the fields of `spec.generation` that flags give: with the seed, and the music of files."""
    given = command.given_options(fv, spec.generation)
    midi = [field.name for field in dataclasses.fields(spec.generation) if field.metadata.get('midi')]
    read = {name: _music_of(name, fv) if given[name] else None for name in midi if name in given}
    seed = secrets.randbelow(1 << 31) if fv.seed is None else fv.seed
    return given | read | {'seed': seed}


def _render(model: 'Model', music: dict[Path, Any], marks: Callable[[Any], Any], renderer: render.Renderer) -> None:
    """Writes each piece as sound and as pictures beside its file, and prints the paths."""
    from solferino.models.music.scores.score_writing import NotWrittenError
    from solferino.models.music.sound.synthesis import NotHeardError

    for path, sequence in music.items():

        def draw(sequence: Any = sequence, title: str = path.stem) -> Any:
            named = type(sequence)()
            named.CopyFrom(sequence)
            named.sequence_metadata.title = title
            return model.family.draw(named, model.config, marks(sequence))

        try:
            for written in renderer.write(path.with_suffix(''), sequence, draw):
                print(written)
        except (NotHeardError, NotWrittenError) as error:
            logging.warning('%s is not rendered: %s', path.name, error)


def _draw(model: 'Model', music: dict[Path, Any], marks: Callable[[Any], Any]) -> Path:
    """Draws all of the music in one picture beside the files, the parts that were given marked; returns its path."""
    from solferino.models.core.storage.files import PNG, atomic_write
    from solferino.models.music.pictures import contact_sheet, page  # they import matplotlib

    names = {path: path.stem.rpartition('_') for path in music}  # the call, and the number of the output
    title = next(iter(names.values()))[0]
    if len(music) == 1:
        (sequence,) = music.values()
        sequence.sequence_metadata.title = title
        figure = model.family.draw(sequence, model.config, marks(sequence))
    else:
        items = [contact_sheet.Item(music[path], names[path][2], marks(music[path])) for path in music]
        # Among other music that is kept, what was made is to be seen.
        made = [note for item in items for k, note in enumerate(item.sequence.notes) if k not in item.marks.kept]
        style = 'drums' if any(note.is_drum for note in made) else 'notes'
        figure = contact_sheet.draw(items, title, model.config.steps_per_quarter or 4, style)
    picture = next(iter(music)).with_name(f'{title}.png')
    atomic_write(str(picture), page.to_png(figure), PNG)
    return picture


def _plot(model: 'Model', plots: list[str], music: dict[Path, Any], options: GenerateOptions) -> Iterator[Path]:
    """Writes the pictures of `music` that the flags `plots` ask for beside each MIDI file; yields their paths."""
    for name in plots:
        from solferino.models.core.storage.files import PNG, atomic_write
        from solferino.models.music.pictures.page import to_png  # imports matplotlib

        for path, sequence in music.items():
            for part, figure in model.family.plot(name, model.weights, model.config, sequence, options).items():
                picture = path.with_name(f'{path.stem}_{part}.png')
                atomic_write(str(picture), to_png(figure), PNG)
                yield picture


def _primer_flags(fv: flags.FlagValues, spec: FamilySpec) -> list[str]:
    return [name for name in (*spec.primer_flags, 'primer_midi') if fv[name].value]


def _primer(model: 'Model', fv: flags.FlagValues, spec: FamilySpec) -> Any:
    given = _primer_flags(fv, spec)
    if len(given) > 1:
        raise SolferinoError(f'Give one primer, not {" and ".join("--" + name for name in given)}.')
    if not given:
        return None
    if given[0] == 'primer_midi':
        return _music_of('primer_midi', fv)
    return model.family.parse_primer(given[0], str(fv[given[0]].value), model.config)


def _music_of(flag: str, fv: flags.FlagValues) -> Any:
    return read_music(f'--{flag}={fv[flag].value}', str(fv[flag].value), fv.magenta_reading)


def read_music(what: str, path: str, magenta_reading: bool = False) -> Any:
    """Returns the music of a file as a NoteSequence, read as the pipelines do: apart from this process.

    Raises SolferinoError, which begins with `what`, if there is none in it.
    """
    from note_seq.protobuf import music_pb2

    from solferino.pipelines import parsing

    with parsing.Parser(parsing.Limits(), magenta_reading) as parser:
        answers = parser.parse_file(Path(os.path.expanduser(path)))
    music = [answer for answer in answers if isinstance(answer, parsing.Converted)]
    if not music:
        reason, detail = next((a.reason, a.detail) for a in answers if isinstance(a, parsing.LeftOut))
        remedy = parsing.REMEDIES.get(reason, '')
        # These limits have no flags here.
        advice = f': {remedy}' if remedy and not remedy.startswith('--') else ''
        raise SolferinoError(f'{what}: {reason} ({detail}){advice}.')
    taken = next((piece for piece in music if piece.notes), None)
    if taken is None:
        raise SolferinoError(f'{what}: {music[0].silence}. Give a file with notes in it.')
    if len(answers) > 1:
        logging.warning('%s holds %d pieces: the first that has notes is taken.', Path(path).name, len(answers))
    sequence = music_pb2.NoteSequence.FromString(taken.data)
    if taken.remarks:
        noticed = ', '.join(words.counted(remark.times, remark.what) for remark in taken.remarks)
        logging.info('%s: %s.', Path(path).name, noticed)
    sequence.filename = path
    return sequence
