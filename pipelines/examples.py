"""From NoteSequences to the training and evaluation examples of a family."""

import dataclasses
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.hparams.reasons import NO_NOTES
from solferino.hparams.spec import Config
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.family import Family
from solferino.models.core.storage import files, provenance, records, sequence_examples
from solferino.models.music.pieces import dynamics, piece
from solferino.models.music.pieces.piece import Piece
from solferino.pipelines import parsing, reading, report, split
from solferino.pipelines.engine import filesystems, remote_staging, work
from solferino.pipelines.engine.record_files import RecordFiles
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.engine.staging import Staging
from solferino.pipelines.engine.task import Results

COMPACT, DENSE = 'compact', 'dense'

# Counters beside the reasons.
_SEQUENCES = 'NoteSequences read'
_EXAMPLES = {split.TRAINING: 'training examples', split.EVAL: 'evaluation examples'}
_STEPS = {split.TRAINING: 'steps in training examples', split.EVAL: 'steps in evaluation examples'}
# Prefixes of the counters of the family's traits.
_TRAIT = {split.TRAINING: 'trait of training: ', split.EVAL: 'trait of evaluation: '}
_ALIKE = 'near-duplicates, each on the side of those like it'
_VELOCITY = 'velocity: '  # the same of how loud notes are, in the music of the training side
_LEARNED = 'notes whose velocities are learned'
_DONE = (_SEQUENCES, *_EXAMPLES.values(), *_STEPS.values())

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Job:
    """Which examples to make.

    Attributes:
      family: name of the family.
      config: with the hparams and the extraction in force.
      input: pattern of the NoteSequence TFRecord files.
      output_dir: folder for {training,eval}_<records>.tfrecord and the sidecar <records>.json.
      eval_ratio: share of the pieces of music whose examples are for evaluation.
      seed: decides which.
      split: what decides the side of a piece, one of split.WAYS.
      form: COMPACT or DENSE (Magenta's).
      num_workers: processes on this machine.
      beam_args: Beam's own flags.
    """

    family: str
    config: Config
    input: str
    output_dir: str
    eval_ratio: float = 0.1
    seed: int = 0
    split: str = split.BY_CONTENT
    form: str = COMPACT
    num_workers: int = 1
    beam_args: tuple[str, ...] = ()


def create(job: Job) -> str:
    """Writes the examples; returns a table of what was made and what was left out.

    Raises:
      SolferinoError: nothing to read, or no training example; then nothing has been written.
    """
    family = registry.get(job.family)
    if not 0 <= job.eval_ratio <= 1:
        raise SolferinoError(f'--eval_ratio={job.eval_ratio} must be from 0 to 1.')
    _refuse_music(job.input)
    source = RecordFiles(job.input)
    filesystems.prepare([*(('input', part) for part in source.parts), ('output_dir', job.output_dir)], job.beam_args)
    folder = filesystems.absolute(job.output_dir)
    outputs = {side: filesystems.join(folder, f'{side}_{family.spec.records}.tfrecord') for side in _EXAMPLES}
    sidecar = settings.sidecar_path(outputs[split.TRAINING])
    _require_apart(source, [*outputs.values(), sidecar])
    with remote_staging.at(outputs[split.TRAINING]) as staging:
        for path in outputs.values():
            staging.output(path, _EXAMPLES_KIND)
        description = staging.output(sidecar, _SIDECAR_KIND)
        leaders, alike = _near_duplicates(job, source, staging)
        task = _MakeExamples(job, leaders)
        shards = dict.fromkeys(outputs, 1)
        made = work.run(task, source, staging, 'NoteSequences', job.beam_args, job.num_workers, shards)
        tallies = made.tallies
        done = {name: tallies.get(name, report.Tally()).count for name in _DONE} | alike
        traits = {side: _with_prefix(tallies, prefix) for side, prefix in _TRAIT.items()}
        left_out = {
            name: tally
            for name, tally in tallies.items()
            if name not in _DONE and not name.startswith((*_TRAIT.values(), _VELOCITY))
        }
        if not done[_EXAMPLES[split.TRAINING]]:
            raise SolferinoError(_why_none(family, job, done, left_out))
        for side, path in outputs.items():
            made.assemble(side, path)
        config, learned = family.learn(job.config, traits[split.TRAINING], traits[split.EVAL])
        velocities = _with_prefix(tallies, _VELOCITY)
        config = dataclasses.replace(config, dynamics=dynamics.learn(velocities))
        if config.dynamics.curves:
            learned = {**learned, _LEARNED: sum(velocities.values())}
        about = _sidecar(family, config, job, {**done, **learned}, left_out)
        about |= _made_by(job, sidecar, staging, outputs.values(), source.is_remote)
        with files.named(description, description), filesystems.create(description) as file:
            file.write(json.dumps(about, indent=1).encode())
        staging.commit()
    if job.eval_ratio and not done[_EXAMPLES[split.EVAL]]:
        _log.warning('There is no evaluation example: %s', _too_few(done[_SEQUENCES], job, 'training'))
    bytes_written = sum(filesystems.size(path) or 0 for path in outputs.values())
    others = 'evaluation examples beside them'
    if not done[_EXAMPLES[split.EVAL]]:
        others = 'and there are none for evaluation: train without --eval_file'
    return '\n'.join(
        [
            report.table({**done, **learned, 'bytes written': bytes_written}, left_out, family.spec.remedies),
            '',
            f'Training examples are in {outputs[split.TRAINING]}, {others}.',
        ]
    )


def _made_by(
    job: Job, sidecar: str, staging: Staging | RemoteStaging, outputs: Iterable[str], is_remote: bool
) -> dict[str, Any]:
    """What the description says of how the examples were made; of files on other machines there are no digests."""
    if isinstance(staging, RemoteStaging):  # from there no path leads to a file here, either
        return provenance.of(sidecar, seed=job.seed)
    written = {path: staging.output(path) for path in outputs}
    return provenance.of(sidecar, [] if is_remote else records.expand(job.input), written, job.seed)


def _require_apart(source: RecordFiles, outputs: list[str]) -> None:
    """Raises SolferinoError if an output is one of the files that are read."""
    read = [path for path, _ in source.begin()]
    if not source.is_remote:
        files.require_apart(outputs, read)
        return
    for path in set(outputs) & set(read):  # no file there has two names
        raise SolferinoError(f'{path} is read here, and writing it would destroy it. Name another file to write.')


def _near_duplicates(
    job: Job, source: RecordFiles, staging: Staging | RemoteStaging
) -> tuple[dict[str, str], dict[str, int]]:
    """Returns the keys that stand for those of near-duplicates, and how many pieces these are, if the split asks."""
    if job.split != split.BY_CONTENT or job.eval_ratio in (0, 1):
        return {}, {}
    task = split.Sign(job.input)
    shards = {split.SIGNATURES: 1}
    signed = work.run(task, source, staging, 'NoteSequences compared', job.beam_args, job.num_workers, shards)
    leaders, number = split.leaders(signed.read(split.SIGNATURES))
    return leaders, {_ALIKE: number}


class _MakeExamples:
    """The task: NoteSequences to SequenceExamples, whose destination is the side of the split."""

    def __init__(self, job: Job, leaders: Mapping[str, str]) -> None:
        self._job, self._leaders = job, leaders

    def setup(self) -> None:
        """See work.Task."""
        self._family = registry.get(self._job.family)

    def teardown(self) -> None:
        """See work.Task."""

    def process(self, payloads: Iterator[bytes], results: Results) -> None:
        """See work.Task."""
        for payload in payloads:
            self._make(reading.note_sequence(payload, self._job.input), results)
            results.step()

    def _make(self, music: Piece, results: Results) -> None:
        job = self._job
        name = music.filename or music.id
        key = split.key_of_name(music) if job.split == split.BY_NAME else split.key(music)
        side = split.side(self._leaders.get(key, key), job.eval_ratio, job.seed)
        config = job.config if side == split.TRAINING else job.config.for_evaluation()
        # A family's reason, and its advice, would not help silent music.
        flaw = piece.flaw(music)
        reasons = [flaw] if flaw else [] if len(music.notes) else [NO_NOTES]
        results.count(_SEQUENCES, 1)
        examples = self._family.examples(music, config, reasons.append) if not reasons else ()
        number = -1
        for number, example in enumerate(examples):
            if job.form == DENSE:
                inputs, labels = self._family.to_dense(example, job.config)
                payload = sequence_examples.serialize_dense(sequence_examples.DenseExample(inputs, labels))
            else:
                payload = sequence_examples.serialize(example)
            results.write(side, f'{music.id}/{number:06d}', payload)
            results.count(_EXAMPLES[side], 1)
            results.count(_STEPS[side], self._family.num_steps(example, config))
            for trait, times in self._family.traits(example, config).items():
                results.count(_TRAIT[side] + trait, times)
        if number >= 0 and side == split.TRAINING:
            self._count_velocities(self._family.chosen(music, config), config, results)
        for reason in reasons:
            results.count(reason, 1, name)

    def _count_velocities(self, music: Piece, config: Config, results: Results) -> None:
        kinds = self._family.loudness_kinds(music.notes, config)
        if kinds is not None:
            for place, times in dynamics.count(music, np.arange(len(music.notes)), kinds).items():
                results.count(_VELOCITY + place, times)


_EXAMPLES_KIND = records.kind('a TFRecord file of examples', sequence_examples.is_example)
_SIDECAR_KIND = files.json_about('the description of a dataset', 'family')


def _refuse_music(pattern: str) -> None:
    """Raises SolferinoError for music, or a folder of it, that must be converted first."""
    path = os.path.expanduser(pattern)
    inside = os.listdir(path) if os.path.isdir(path) else []
    is_music = os.path.isfile(path) and parsing.ending(os.fsencode(path)) in parsing.KINDS
    if is_music or (inside and not any(name.endswith('.tfrecord') for name in inside)):
        folder = path if inside else os.path.dirname(path) or '.'
        raise SolferinoError(
            f'--input={pattern} is no TFRecord file of NoteSequences. If it is music, make one first: '
            f'convert_dir_to_note_sequences --input_dir={folder} --recursive --output_file=notes.tfrecord'
        )


def _why_none(family: Family, job: Job, done: dict[str, int], left_out: dict[str, report.Tally]) -> str:
    """The message for no training example, with what to change."""
    total = done[_SEQUENCES]
    if not total:
        return f'--input={job.input} is empty: there is nothing to make examples of.'
    if done[_EXAMPLES[split.EVAL]]:
        return f'There is no training example: {_too_few(total, job, "evaluation")}'
    rows = [
        f'  {words.counted(tally.count, "times")} in {words.counted(total, "pieces")} of music: {reason} '
        f'({", ".join(tally.examples)}). ' + family.spec.remedies.get(reason, '')
        for reason, tally in sorted(left_out.items(), key=lambda item: -item[1].count)
    ]
    if not rows:
        return f'There is no training example: {job.input} holds no music that lasts. Nothing was written.'
    return '\n'.join(['There is no training example. Nothing was written. What was left out:', *rows])


def _too_few(pieces: int, job: Job, side: str) -> str:
    """Why all examples are on one side of the split, and what to do."""
    if job.eval_ratio == 1:
        return '--eval_ratio=1 sets all music aside for evaluation. Lower --eval_ratio.'
    if pieces == 1:
        return (
            f'{job.input} holds one piece of music, which cannot be divided between training and evaluation, and is '
            f'for {side} with this --seed. Use --eval_ratio=0 to train on it.'
        )
    return (
        f'{job.input} holds {pieces} pieces of music, and with --eval_ratio={job.eval_ratio:g} and --seed={job.seed} '
        f'all that can be used are for {side}. Try another --seed or a {"larger" if side == "training" else "lower"} '
        '--eval_ratio, or use --eval_ratio=0 to train on all.'
    )


def _with_prefix(tallies: Mapping[str, report.Tally], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): tally.count for name, tally in tallies.items() if name.startswith(prefix)}


def _sidecar(
    family: Family, config: Config, job: Job, done: Mapping[str, float], left_out: dict[str, report.Tally]
) -> dict[str, Any]:
    return {
        **settings.record_of(family.spec, config),
        'steps_per_quarter': config.steps_per_quarter,
        'encoding': {name: dataclasses.asdict(f) for name, f in family.features(config).items()},
        'format': job.form,
        'seed': job.seed,
        'split': job.split,
        'eval_ratio': job.eval_ratio,
        'input': job.input,
        'counts': done,
        'left_out': {reason: dataclasses.asdict(tally) for reason, tally in left_out.items()},
    }
