"""What the studio's worker processes do: load models, generate, read and render music.

Each task is a function of its arguments, as JSON, and answers with something that JSON can hold. Large things go into
files of the work folder.
"""

import functools
import inspect
import time
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
from note_seq.protobuf import music_pb2

from solferino.hparams import bounds, generation
from solferino.hparams.errors import SolferinoError
from solferino.models import infilling, loading
from solferino.models.core.generation import midi_files
from solferino.models.core.generation.midi_bytes import midi_bytes
from solferino.pipelines import parsing
from solferino.pipelines.studio import catalogue, wording
from solferino.pipelines.studio.computing import converting, requests, verdict
from solferino.pipelines.studio.computing.instruments import instruments
from solferino.pipelines.studio.messages import Generate, Infill, Model, Music, Option, Piece

_KEPT_MODELS = 4  # in the memory of a worker
_SAMPLE_BARS = 8
_TRIED_STEPS = 32  # of music by which a model is known to play drums


def describe(path: str, id: str) -> Model:
    """Tells of the model in a file or run directory what the page must know."""
    model = _load(path, _stamp(path))
    family, config = model.family, model.config
    (tried,) = model.generate(num_steps=_TRIED_STEPS, seed=0)
    one = music_pb2.NoteSequence()
    one.CopyFrom(tried)
    return Model(
        id=id,
        name=model.name,
        family=family.spec.name,
        config=config.name,
        description=model.description or model.generator_description,
        is_drums=bool(tried.notes) and all(note.is_drum for note in tried.notes),
        takes_primer=_takes_primer(model, one),
        can_infill=bool(one.notes) and infilling.can_infill(model, one),
        steps_per_quarter=float(config.steps_per_quarter or 4),
        temperature=model.recommended_temperature,
        options=_options(family.spec.generation),
    )


def generate(path: str, request: dict[str, Any], seed: int, folder: str) -> list[Piece]:
    """Generates music; `<number>.mid` in `folder`, which is made, is the file of each piece."""
    asked = msgspec.convert(request, Generate)
    model = _load(path, _stamp(path))
    primer = None if asked.primer is None or not asked.primer.notes else converting.sequence_of(asked.primer)
    given = _given(model, asked)
    options = model.options(primer, **given | {'seed': seed})
    made = model.generate_with(options, primer, asked.num_outputs)
    beginning = 0.0
    if primer is not None:
        beginning = model.family.marks(made[0], primer, model.config, options).primer_end
    copied = requests.generating(model, primer is not None, asked.num_outputs, seed, given)
    told = {'seed': seed, 'primer': asked.primer, 'primer_seconds': beginning, **copied}
    return _written(model, asked, made, Path(folder), told)


def infill(path: str, request: dict[str, Any], seed: int, folder: str) -> list[Piece]:
    """Makes a stretch of music anew, and writes as `generate`."""
    asked = msgspec.convert(request, Infill)
    model = _load(path, _stamp(path))
    given = {name: value for name, value in _given(model, asked).items() if name not in infilling.LENGTHS}
    music = converting.sequence_of(asked.music)
    options = {**given, 'seed': seed}
    made = infilling.infill(model, music, asked.start, asked.end, asked.num_outputs, options)
    copied = requests.infilling(model, asked.start, asked.end, asked.num_outputs, seed, given)
    told = {'seed': seed, 'primer': asked.music, 'stretch': (asked.start, asked.end), **copied}
    return _written(model, asked, made, Path(folder), told)


def _given(model: loading.Model, asked: Generate | Infill) -> dict[str, Any]:
    """The options that are asked for. Raises SolferinoError for what is no option of the page, or of another kind."""
    options = {option.name: option for option in _options(model.family.spec.generation)}
    given = {}
    for name, value in asked.options.items():
        if name not in options:
            raise SolferinoError(f'This model has no option {name!r}. There are: {", ".join(options)}.')
        option = options[name]
        if value is None or (option.auto and value == generation.AUTO):
            pass
        elif not isinstance(value, _TAKEN[option.kind]) or (isinstance(value, bool) and option.kind != 'bool'):
            raise SolferinoError(f'--{name} must be {_IN_WORDS[option.kind]}, and not {value!r}.')
        if value is not None:
            given[name] = value
    return given


def _written(
    model: loading.Model, asked: Generate | Infill, made: list[Any], folder: Path, told: dict[str, Any]
) -> list[Piece]:
    pieces, now = [], time.time()
    folder.mkdir(exist_ok=True)
    for number, sequence in enumerate(made, start=1):
        if not sequence.notes:
            continue
        piece = Piece(
            id=f'{folder.name}-{number}', name=f'{model.name} {number}', model=asked.model,
            music=converting.music_of(sequence), number=number, made=now, **told,
        )  # fmt: skip
        midi_files.write_midi(sequence, folder / f'{number}.mid')
        pieces.append(piece)
    if not pieces:
        folder.rmdir()
        raise SolferinoError(f'None of the {len(made)} variations has notes. {model.family.spec.silence_remedy}')
    return pieces


def read_music(path: str) -> Music:
    """Reads a music file that was dropped on the page, as datasets are read."""
    with parsing.Parser(parsing.Limits(megabytes=8, memory_megabytes=1024, seconds=20)) as parser:
        answer = parser.parse_file(path)[0]
    if isinstance(answer, parsing.LeftOut):
        raise SolferinoError(f'{answer.reason}{f" ({answer.detail})" if answer.detail else ""}.')
    sequence = music_pb2.NoteSequence.FromString(answer.data)
    if not sequence.notes:
        raise SolferinoError(f'{answer.silence}.')
    return converting.music_of(sequence)


def render(music: dict[str, Any], format: str, path: str) -> None:
    """Writes music as a file of a format: mid, wav, mp3, flac or ogg."""
    from solferino.models.core.storage.files import atomic_write
    from solferino.models.music.sound import rendering, sound_files

    sequence = converting.sequence_of(msgspec.convert(music, Music))
    if format == 'mid':
        atomic_write(path, midi_bytes(sequence))
        return
    atomic_write(path, sound_files.encode(rendering.render(sequence).frames, format))


def sample(path: str, seed: int) -> Music:
    """Lets a checkpoint of a training make music, which may be silent."""
    model = loading.load(path)
    return converting.music_of(model.generate(num_bars=_SAMPLE_BARS, seed=seed)[0])


def save_bundle(path: str, target: str, description: str) -> None:
    """Writes the best checkpoint of a run directory as a bundle."""
    loading.load(path).save_bundle(target, description)


_ALL = (describe, generate, infill, read_music, render, instruments, sample, save_bundle, verdict.judge)
TASKS: dict[str, Callable[..., Any]] = {task.__name__: task for task in _ALL}


def _stamp(path: str) -> catalogue.Stamp:
    try:
        return catalogue.stamp(Path(path))
    except OSError as error:
        raise SolferinoError(f'{path}: {error.strerror}.') from None


@functools.lru_cache(_KEPT_MODELS)
def _load(path: str, stamp: catalogue.Stamp) -> loading.Model:
    return loading.load(path)


def _takes_primer(model: loading.Model, music: music_pb2.NoteSequence) -> bool:
    """Whether what the model makes begins with music that it is given."""
    if not music.notes:
        return False
    try:
        return model.family.primer_steps(music, model.config, model.options(music)) > 0
    except SolferinoError:
        return False


_HIDDEN = ('seed',)  # the page has a place of its own for it
_TAKEN: dict[str, Any] = {'bool': bool, 'int': int, 'float': (int, float), 'str': str}
_IN_WORDS = {'bool': 'true or false', 'int': 'a whole number', 'float': 'a number', 'str': 'text'}
_KINDS = {bool: 'bool', int: 'int', float: 'float', str: 'str'}


def _options(defaults: Any) -> list[Option]:
    """The fields of a family's options that a page can ask for."""
    types = typing.get_type_hints(type(defaults))
    found = []
    for field in fields(defaults):
        kinds = [kind for kind in typing.get_args(types[field.name]) or (types[field.name],) if kind in _KINDS]
        if 'help' in field.metadata and field.name not in _HIDDEN and kinds:
            found.append(
                Option(
                    field.name, wording.label(field.name), _KINDS[kinds[0]],
                    wording.for_the_page(inspect.cleandoc(field.metadata['help'])),
                    getattr(defaults, field.name), bool(field.metadata.get('auto')), bounds.AT_MOST.get(field.name),
                )
            )  # fmt: skip
    return found
