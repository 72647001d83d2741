"""Training examples: TFRecord files of SequenceExamples, ours and Magenta's, and what a dataset says of itself."""

import array
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import Config
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.family import Example, Family
from solferino.models.core.storage import records, sequence_examples
from solferino.models.core.storage.sequence_examples import DenseExample
from solferino.pipelines import convert
from solferino.pipelines.inspection.findings import Chart, Finding, binned, shares, spread
from solferino.pipelines.inspection.music import Music

_TRIED = 8  # examples that decide which configs they are for
_COUNTED = 2000  # examples whose notes are counted: turning them into notes takes a millisecond each


class _Shape:
    """What is common to all examples, and how they differ."""

    def __init__(self) -> None:
        self.count = 0
        self.steps = array.array('l')
        self.forms: Counter[str] = Counter()
        self.low, self.high = np.inf, -np.inf  # event classes or labels

    def add(self, example: Example | DenseExample) -> None:
        """Counts one."""
        self.count += 1
        if isinstance(example, DenseExample):
            self.steps.append(len(example.labels))
            self.forms[f"dense, as Magenta's: {example.inputs.shape[1]} inputs a step"] += 1
            numbers = example.labels
        else:
            self.steps.append(max((len(a) for a in example.values() if a.ndim), default=1))
            self.forms['compact, holding ' + ', '.join(sorted(example))] += 1
            numbers = example.get('events', np.zeros(0))
        if numbers.size and numbers.dtype.kind == 'i':
            self.low, self.high = min(self.low, int(numbers.min())), max(self.high, int(numbers.max()))


def inspect_records(path: str, paths: Iterable[str]) -> Finding:
    """Reads TFRecord files of SequenceExamples, one after the other.

    Raises:
      SolferinoError: a record is damaged or something else.
    """
    paths = list(paths)
    finding = Finding(path, 'training examples (SequenceExamples in a TFRecord file)')
    record = _sidecar(paths[0], finding)
    shape, first = _Shape(), list[Example | DenseExample]()
    for _, _, example in _examples(paths):
        shape.add(example)
        if len(first) < _TRIED:
            first.append(example)
    if not shape.count:
        raise SolferinoError(f'{path} is a TFRecord file without a record.')
    fitting = _fitting(first)
    finding.facts = {
        'examples': shape.count,
        'length': spread(shape.steps, 'steps'),
        'form': shares(shape.forms, one=len(shape.forms) == 1),
        'event classes': f'{shape.low:.0f} to {shape.high:.0f}' if shape.high >= shape.low else None,
        'fits': [f'{family.spec.name} {config.name}' for family, config in fitting] or 'no config of any family',
        **_of_sidecar(record),
    }
    chosen = _choose(record, fitting, finding)
    if chosen:
        finding.charts += _note_charts(paths, *chosen)
    finding.charts += [chart for chart in [binned('length in steps', shape.steps)] if chart]
    return finding


def inspect_sidecar(path: str, record: dict[str, Any]) -> Finding:
    """What the description of a dataset says."""
    settings.require(record, settings.Sidecar, path)
    config_of(record, path)  # it must be one that can be used
    return Finding(path, 'description of a dataset', _of_sidecar(record))


def inspect_manifest(path: str, record: dict[str, Any]) -> Finding:
    """What was converted to NoteSequences and what was not. Raises SolferinoError for a damaged one."""
    settings.require(record, convert.Manifest, path)
    left_out = {reason: _count(tally) for reason, tally in (record.get('left_out_by_reason') or {}).items()}
    facts = {
        'input_dir': record.get('input_dir'),
        'output_file': record.get('output_file'),
        'recursive': record.get('recursive'),
        'converted': record.get('converted') or {},
        'noticed': {what: _count(tally) for what, tally in (record.get('noticed') or {}).items()},
        'left out': left_out,
        'limits for one file': record.get('limits') or {},
    }
    chart = [Chart('left out', list(left_out.items()), [])] if left_out else []
    return Finding(path, 'manifest of convert_dir_to_note_sequences', facts, chart)


def config_of(record: dict[str, Any], source: str) -> tuple[Family, Config]:
    """The family and the config that a description names. Raises SolferinoError."""
    name = record.get('family')
    if not isinstance(name, str) or name not in registry.FAMILIES:
        known = ', '.join(registry.FAMILIES)
        raise SolferinoError(f'{source} belongs to the model family {name!r}; this version knows: {known}.')
    family = registry.get(name)
    return family, settings.config_of(family.spec, record, source)


def _examples(paths: Iterable[str]) -> Iterator[tuple[str, int, Example | DenseExample]]:
    for path in paths:
        for number, data in enumerate(records.read(path)):
            try:
                example = sequence_examples.parse(data)
            except ValueError as error:
                raise SolferinoError(f'{path}: record {number} is no example: {error}.') from None
            yield path, number, example


def _sidecar(path: str, finding: Finding) -> dict[str, Any]:
    sidecar = settings.sidecar_path(path)
    try:
        return settings.read_json(sidecar, settings.Sidecar) or {}
    except SolferinoError as error:
        finding.warnings.append(str(error))
        return {}


def _of_sidecar(record: dict[str, Any]) -> dict[str, Any]:
    if not record:
        return {}
    counts = record.get('counts') or {}
    left_out = {reason: _count(tally) for reason, tally in (record.get('left_out') or {}).items()}
    known = ('family', 'config', 'steps_per_quarter', 'format', 'seed', 'split', 'eval_ratio', 'input')
    facts = {name: record[name] for name in known if record.get(name) is not None}
    lists = {name: record.get(name) or {} for name in ('extraction', 'hparams')}
    return facts | lists | {'made': counts, 'left out': left_out}


def _count(tally: Mapping[str, Any]) -> int:
    return tally.get('count', 0)


def _fitting(examples: list[Example | DenseExample]) -> list[tuple[Family, Config]]:
    """The configs, of all families, that can be trained with these examples."""
    pairs = [(registry.get(name), config) for name in registry.FAMILIES for config in _configs(name)]
    return [pair for pair in pairs if all(_fits(example, *pair) for example in examples)]


def _configs(name: str) -> Iterable[Config]:
    return registry.get(name).spec.configs.values()


def _fits(example: Example | DenseExample, family: Family, config: Config) -> bool:
    try:
        if isinstance(example, DenseExample):
            family.from_dense(example.inputs, example.labels, config)
        else:
            sequence_examples.require_whole(example)
            family.encode(example, config)
    except (ValueError, KeyError):
        return False
    return True


def _choose(
    record: dict[str, Any], fitting: list[tuple[Family, Config]], finding: Finding
) -> tuple[Family, Config] | None:
    """The config whose notes are counted: the sidecar's, or the only one that fits."""
    if not record:
        if len(fitting) > 1:
            finding.warnings.append('nothing beside it says for which of these configs it was made')
        return fitting[0] if len(fitting) == 1 else None
    try:
        family, config = config_of(record, settings.sidecar_path(finding.path))
    except SolferinoError as error:
        finding.warnings.append(str(error))
        return None
    if not any(f.spec.name == family.spec.name and c.name == config.name for f, c in fitting):
        finding.warnings.append(f'it does not fit {config.name}, which the file beside it says that it was made for')
        return None
    return family, config


def music(path: str, paths: list[str]) -> Iterator[Any]:
    """Yields the examples of the files `paths` of the dataset `path` as NoteSequences.

    Raises SolferinoError where it is not known for which config they were made, and for a damaged record.
    """
    finding = Finding(path, '')
    record = _sidecar(paths[0], finding)
    chosen = _choose(record, _fitting([one for _, _, one in itertools.islice(_examples(paths), _TRIED)]), finding)
    if not chosen:
        reason = '; '.join(finding.warnings) or 'they fit no config of any family'
        raise SolferinoError(f'{path}: its examples cannot be turned into notes again: {reason}.')
    yield from _as_music(paths, *chosen)


def _as_music(paths: list[str], family: Family, config: Config) -> Iterator[Any]:
    for path, number, stored in _examples(paths):
        if not _fits(stored, family, config):
            raise SolferinoError(f'{path}: record {number} is no example for --config={config.name}, as others are.')
        if isinstance(stored, DenseExample):
            stored = family.from_dense(stored.inputs, stored.labels, config)
        yield family.to_sequence(stored, config)


def _note_charts(paths: list[str], family: Family, config: Config) -> list[Chart]:
    music = Music()
    for sequence in itertools.islice(_as_music(paths, family, config), _COUNTED):
        music.add(sequence)
    part = f' of the first {_COUNTED:,} examples' if music.sequences == _COUNTED else ''
    return [Chart(chart.title + part, chart.bars, chart.rows) for chart in music.note_charts()]
