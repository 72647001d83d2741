"""Each kind of file, with how it is damaged and all that reads it."""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from unittest import mock

import cases
import mutations
from cases import Case
from small_files import CONFIGS, SmallFiles

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.storage import records
from solferino.models.music.listening import transcription
from solferino.models.music.reading import (
    abc_tunes,
    midi_events,
    midi_notes,
    midi_walk,
    musicxml,
    musicxml_document,
    voice_tables,
)
from solferino.models.music.reading.remarks import Refused
from solferino.pipelines import parsing

Reader = Callable[[Path, Path], object]  # takes a file, and the name of a folder for what is made of it

_SEEDS = Path(__file__).parent / 'seeds'
# Readers whose work is as long as the music, or the music set beside it, may be: names begin with one of these.
LONG = 'primer', 'render', 'report', 'evaluate'
# What may refuse whole files too: not every one suits every model.
CHOOSY = 'primer', 'evaluate'
_MOST_BYTES = 100_000  # of a file that is damaged
_MOST_DAMAGED_BYTES = 1 << 23  # repetitions of repetitions come to hundreds of megabytes


@dataclasses.dataclass(frozen=True)
class Files:
    """Files of one kind: a cases.Subject.

    Attributes:
      name: of the kind.
      seeds: valid ones.
      damage: makes another one of the bytes of one.
      readers: what reads such a file, by name; the first must read all of the seeds.
      around: what such a file lies in: a folder that is copied, in which it has its place.
    """

    name: str
    seeds: Sequence[Path]
    damage: Callable[[bytes, Random], bytes]
    readers: dict[str, Reader]
    around: Path | None = None

    def whole(self) -> int:
        """See cases.Subject: each file is read, and each reader reads a file."""
        return len(self.seeds) + len(self.readers) - 1

    def case(self, rng: Random | None, folder: Path, number: int = 0) -> Case:
        """See cases.Subject."""
        seed, name = (rng.choice(self.seeds), rng.choice([*self.readers])) if rng else self._pairs()[number]
        content = seed.read_bytes()
        path = folder / seed.name
        if self.around:
            shutil.copytree(self.around, folder / 'in', symlinks=True)
            path = folder / 'in' / seed.relative_to(self.around)
        path.write_bytes(self._damaged(content, rng) if rng else content)
        return Case(f'{name} {seed.name}', lambda: self.readers[name](path, folder / 'out'))

    def _damaged(self, content: bytes, rng: Random) -> bytes:
        """Another file, so small that reading it does not take the memory of a case: protobuf crashes without any."""
        while len(made := self.damage(content, rng)) > _MOST_DAMAGED_BYTES:
            pass
        return made

    def _pairs(self) -> list[tuple[Path, str]]:
        first, *others = self.readers
        return [*((seed, first) for seed in self.seeds), *((self.seeds[0], other) for other in others)]


def typed(name: str, *arguments: str) -> Reader:
    """A reader that types a command; in the arguments {file} is the file, {folder} its folder, {run} the one above."""

    def read(path: Path, out: Path) -> None:
        places = {'file': path, 'folder': path.parent, 'run': path.parent.parent, 'out': out}
        cases.typed(name, *(argument.format(**places) for argument in arguments), folder=out.parent)

    return read


_INSPECT = typed('solferino_inspect', '{file}')


def all_kinds(made: SmallFiles, shared: Path | None) -> list[Files]:
    """All kinds; those of music with the files of the folder `shared` too, if it is there."""
    music = [*_music(made, shared), _recordings(), _soundfonts(made)]
    return [*music, *_datasets(made), *_models(made, shared), *_beside_models(made)]


# Music.


def _music(made: SmallFiles, shared: Path | None) -> list[Files]:
    seeds = {
        'midi': sorted(made.midi.glob('*.mid')),
        'musicxml': [_SEEDS / 'score.musicxml'],
        'abc': [_SEEDS / 'tunes.abc'],
        'voices': [_SEEDS / 'chorales.json'],
    }
    for path in sorted((shared / 'field').rglob('*')) if shared else ():
        kind = parsing.KINDS.get(path.suffix.lower())
        if kind and path.is_file() and path.stat().st_size < _MOST_BYTES and _is_read(path):
            seeds[kind].append(path)
    damage = {
        'midi': mutations.bytes_of,
        'musicxml': mutations.xml_of,
        'abc': mutations.text_of,
        'voices': mutations.text_of,
    }
    read = {'midi': _read_midi, 'musicxml': _read_score, 'abc': _read_tunes, 'voices': _read_voices}
    others: dict[str, Reader] = {'examples': _examples_of_music, 'inspect': _INSPECT, **_looks_at_music(made.short)}
    others |= {
        f'primer of {config}': typed(
            f'{CONFIGS[config][0]}_generate', f'--bundle_file={made.bundle(config)}', '--output_dir={out}',
            '--num_outputs=1', '--primer_midi={file}', *short(config, 140),
        )
        for config in made.configs
    }  # fmt: skip
    others |= {
        f'evaluate by {config}': typed('solferino_evaluate', '{file}', f'--bundle_file={made.bundle(config)}')
        for config in made.configs
    }
    return [Files(kind, seeds[kind], damage[kind], {'read': read[kind], **others}) for kind in seeds]


def _looks_at_music(other: Path) -> dict[str, Reader]:
    """The commands that render, measure and compare any music, beside `other`."""
    render = '{file}', '--output_dir={out}'
    return {
        'render as sound': typed('solferino_render', *render, '--format=wav,ogg'),
        'render as pictures': typed('solferino_render', *render, '--format=png,svg'),
        'render as score': typed('solferino_render', *render, '--format=musicxml,score.svg'),
        'metrics': typed('solferino_metrics', '{file}', str(other), '--structure', '--output={out}.json'),
        'originality': typed('solferino_originality', '{file}', f'--training={other}'),
        'trained on': typed('solferino_originality', str(other), '--training={file}'),
        'report': typed('solferino_report', '{file}', str(other), '--num_shown=1', '--output={out}.html'),
    }


def _soundfonts(made: SmallFiles) -> Files:
    render = typed('solferino_render', str(made.short), '--output_dir={out}', '--format=wav', '--soundfont={file}')
    return Files('soundfonts', [cases.SOUNDFONT], mutations.bytes_of, {'render': render})


def _recordings() -> Files:
    return Files('recordings', sorted(_SEEDS.glob('tone.*')), mutations.bytes_of, {'read': _read_recording})


def _read_recording(path: Path, out: Path) -> None:
    try:
        transcription.read(path.read_bytes())
    except Refused as refused:
        raise SolferinoError(f'{refused.reason} {refused.detail}') from refused


def _is_read(path: Path) -> bool:
    return all(isinstance(answer, parsing.Converted) for answer in cases.read_music(path))


def _read_midi(path: Path, out: Path) -> None:
    content = path.read_bytes()
    try:
        try:
            events = midi_events.read(content)
        except midi_events.InDoubt:
            events = midi_walk.read(content)
        midi_notes.pieces(events)
    except Refused as refused:
        raise SolferinoError(f'{refused.reason} {refused.detail}') from refused


def _read_voices(path: Path, out: Path) -> None:
    try:
        voice_tables.read(path.read_bytes())
    except Refused as refused:
        raise SolferinoError(f'{refused.reason} {refused.detail}') from refused


def _read_score(path: Path, out: Path) -> None:
    try:
        musicxml.read(path.read_bytes())
    except (Refused, *musicxml_document.DAMAGE) as error:  # nothing else, which the commands would call not understood
        raise SolferinoError(f'{type(error).__name__} {error}') from error


def _read_tunes(path: Path, out: Path) -> None:
    for tune in abc_tunes.read(path.read_bytes()):
        if tune.music is None and tune.error is not None and not tune.error.detail:
            raise AssertionError(f'tune {tune.number} is refused without a word')


def _examples_of_music(path: Path, out: Path) -> None:
    music = [answer for answer in cases.read_music(path) if isinstance(answer, parsing.Converted)]
    for piece in music:
        _make_examples(piece.data)
    if not music:
        raise SolferinoError('no music')


def _make_examples(notes: bytes) -> None:
    """What create_dataset makes of a NoteSequence, for each config."""
    from solferino.pipelines import examples
    from solferino.pipelines.report import Counts

    for config, (family, _) in CONFIGS.items():
        task = examples._MakeExamples(
            examples.Job(family, registry.get(family).spec.configs[config], 'notes', 'out'), {}
        )
        task.setup()
        task.process(iter([notes]), mock.Mock(write=lambda *_: None, count=Counts().add, step=lambda: None))


# Datasets.


def _datasets(made: SmallFiles) -> list[Files]:
    def make_examples(path: Path, out: Path) -> None:
        for payload in records.read(str(path)):
            _make_examples(payload)

    protos = mutations.records_of(mutations.proto_of)
    found = [
        Files('NoteSequences', [made.notes], protos, {'create_dataset': make_examples, 'inspect': _INSPECT}),
        Files('one NoteSequence', [made.one], protos, _looks_at_music(made.short)),
        Files('manifest', [made.notes.with_suffix('.manifest.json')], mutations.json_text, {'inspect': _INSPECT}),
    ]
    for config in made.configs:
        path, family = made.examples(config), CONFIGS[config][0]
        train = typed(
            f'{family}_train', f'--sequence_example_file={{folder}}/{path.name}', '--run_dir={out}',
            '--num_training_steps=1',
        )  # fmt: skip
        readers: dict[str, Reader] = {'train': train, 'inspect': _INSPECT}
        sidecar = Path(settings.sidecar_path(str(path)))
        found += [
            Files(f'examples of {config}', [path], protos, readers, around=path.parent),
            Files(f'description of {config}', [sidecar], mutations.json_text, readers, around=path.parent),
        ]
    return found


# Models and runs.


def _models(made: SmallFiles, shared: Path | None) -> list[Files]:
    bundles, checkpoints = [], []
    for config in made.configs:
        family, examples = CONFIGS[config][0], f'--sequence_example_file={made.examples(config)}'
        brief = ('--num_outputs=1', '--seed=1', *short(config))
        readers: dict[str, Reader] = {
            'generate': typed(f'{family}_generate', '--bundle_file={file}', '--output_dir={out}', *brief),
            'inspect': _INSPECT,
            'warm start': typed(f'{family}_train', '--warm_start_bundle_file={file}', '--run_dir={out}', examples),
            'copy': typed('solferino_convert_bundle', '{file}', '{out}.mag'),
            'evaluate': typed('solferino_evaluate', str(made.notes), '--bundle_file={file}', '--output={out}.json'),
        }
        if config == 'drum_kit':
            readers['export'] = typed(
                'solferino_export', '--format=magentajs', '--bundle_file={file}', '--output_dir={out}'
            )
        bundles.append(Files(f'bundle of {config}', [made.bundle(config)], mutations.bundle_of, readers))
        readers = {
            'generate': typed(f'{family}_generate', '--checkpoint_file={file}', '--output_dir={out}', *brief),
            'inspect': _INSPECT,
            'save': typed(
                f'{family}_generate', '--save_generator_bundle', '--run_dir={run}', '--bundle_file={out}.mag'
            ),
            'go on': typed(f'{family}_train', '--run_dir={run}', '--num_training_steps=9', examples),
        }
        checkpoint = made.checkpoint(config)
        checkpoints.append(
            Files(f'checkpoint of {config}', [checkpoint], mutations.tensors_of, readers, around=made.run(config))
        )
    seeds = (
        sorted((shared / 'golden/bundles').glob('*_drum*.mag')) + sorted((shared / 'golden/bundles').glob('one*.mag'))
        if shared
        else []
    )
    if seeds:
        generate = typed('drums_rnn_generate', '--bundle_file={file}', '--output_dir={out}', *short('drum_kit'))
        bundles.append(
            Files('bundle of Magenta', seeds, mutations.proto_of, {'generate': generate, 'inspect': _INSPECT})
        )
    return [*bundles, *checkpoints]


def short(config: str, steps: int = 6) -> tuple[str, ...]:
    """Flags that make generating quick."""
    return ('--gibbs_steps=2',) if CONFIGS[config][0] == 'rbm' else (f'--num_steps={steps}',)


def _beside_models(made: SmallFiles) -> list[Files]:
    """The files of a run directory beside the checkpoints, and those of an export."""
    found = []
    for config in made.configs[:2]:
        family, run = CONFIGS[config][0], made.run(config)
        examples = f'--sequence_example_file={made.examples(config)}'
        brief = ('--num_outputs=1', *short(config))
        for path in (run / 'run.json', run / 'train/status.json'):
            place = '{folder}' if path.parent == run else '{run}'
            readers: dict[str, Reader] = {
                'inspect file': _INSPECT,
                'inspect': typed('solferino_inspect', place),
                'report': typed('solferino_report', str(made.short), f'--run_dir={place}', '--num_shown=1'),
                'evaluate': typed('solferino_evaluate', str(made.notes), f'--run_dir={place}'),
                'generate': typed(f'{family}_generate', f'--run_dir={place}', '--output_dir={out}', *brief),
                'train': typed(f'{family}_train', f'--run_dir={place}', '--num_training_steps=9', examples),
                'eval_once': typed(f'{family}_train', f'--run_dir={place}', '--eval_once', examples),
            }
            found.append(Files(f'{path.name} of {config}', [path], mutations.json_text, readers, around=run))
    events = sorted(made.run(made.configs[0]).rglob('events.out.tfevents*'))[:1]
    found.append(Files('events', events, mutations.records_of(mutations.proto_of), {'inspect': _INSPECT}))
    for path in sorted(made.exported.glob('*.json')):
        found.append(
            Files(f'magentajs {path.name}', [path], mutations.json_text, {'inspect': _INSPECT}, around=made.exported)
        )
    return found
