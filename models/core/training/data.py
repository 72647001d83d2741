"""Training examples, in batches.

Examples stay in their compact, stored form, in memory up to half a gigabyte of them and beyond that in their files,
where any of them is read when its batch is made; only one batch at a time is encoded and padded. The order is a pure
function of the seed and the step, wherever the examples are: any batch can be made without the ones before it, and a
resumed run sees the same batches as an uninterrupted one. Batches hold examples of similar length (bucketing).
"""

import array
import dataclasses
import functools
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import Config
from solferino.models.core.family import Example, Family, Feature
from solferino.models.core.storage import records, sequence_examples
from solferino.models.core.storage.record_index import RecordIndex

# Name -> array with the batch as first dimension, zeros as padding; and 'length' int32 [B].
Batch = dict[str, np.ndarray]

# Bucketing sorts this many batches of shuffled examples by length.
_WINDOW = 50
# Lengths are similar up to this share; without it the batches of a small dataset would be the same in each epoch.
SIMILAR = 0.1
# Bytes of examples that are held in memory, and what Python adds to an example and to each of its arrays.
_MOST_HELD = 1 << 29
_AN_EXAMPLE, _AN_ARRAY = 200, 200
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Examples, in memory or in their files.

    Attributes:
      family, config: of the examples.
      pattern: of the files that they were read from.
      examples: in their stored form; one that is not held is read each time that it is asked for.
      lengths: steps of each when encoded; 1 where the family has no time, int32 [N].
      fingerprint: a hash of the records and their order.
    """

    family: Family
    config: Config
    pattern: str
    examples: Sequence[Example]
    lengths: np.ndarray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.examples)

    def encoded(self) -> Iterator[Example]:
        """Yields each example encoded for the model, without padding."""
        return (self.family.encode(example, self.config) for example in self.examples)

    def batch(self, indices: np.ndarray) -> Batch:
        """Encodes and pads the examples `indices`."""
        encoded = [self.family.encode(self.examples[i], self.config) for i in indices]
        longest = int(self.lengths[indices].max())
        batch = {name: _pad(encoded, name, f, longest) for name, f in self.family.features(self.config).items()}
        return {**batch, 'length': self.lengths[indices]}

    def describe(self) -> dict[str, str | int]:
        """What a run directory records about its examples."""
        return {'path': self.pattern, 'examples': len(self), 'fingerprint': self.fingerprint}


class _InFiles(Sequence[Example]):
    """Examples that are read from their files; a slice of them is, too."""

    def __init__(self, family: Family, config: Config, index: RecordIndex, numbers: range) -> None:
        self._family, self._config, self._index, self._numbers = family, config, index, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, which: int) -> Example: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[Example]: ...
    def __getitem__(self, which: int | slice) -> Example | Sequence[Example]:
        if isinstance(which, slice):
            return _InFiles(self._family, self._config, self._index, self._numbers[which])
        return parse(self._family, self._config, self._index[self._numbers[which]])


def load(family: Family, config: Config, pattern: str, limit: int = 0, most_held: int = _MOST_HELD) -> Dataset:
    """Reads the examples of all files that match `pattern`, compact or dense.

    Each is encoded once, so that an example that does not fit the config is found now and not hours later.

    Args:
      limit: at most this many; 0 for all.
      most_held: examples that take more bytes of memory than this stay in their files.

    Raises:
      SolferinoError: no such file, no example, or one that is damaged or of another config.
    """
    features = family.features(config)
    index = RecordIndex()
    held: list[Example] | None = []
    size = 0
    lengths = array.array('i')
    crc = 0
    for where, data in _records(pattern, limit, index):
        try:
            example = parse(family, config, data)
            lengths.append(_length(family.encode(example, config), features))
        except (ValueError, KeyError) as error:
            raise SolferinoError(
                f'{where} is no example for --config={config.name}: {_reason(error)}. Name a file that '
                f'{family.spec.name}_create_dataset --config={config.name} wrote.'
            ) from error
        crc = zlib.crc32(data, crc)
        if held is not None:
            held.append(example)
            size += _AN_EXAMPLE + sum(_AN_ARRAY + one.nbytes for one in example.values())
            if size > most_held:
                held = None
                _log.info('The examples of %s stay in their files: they take more memory than is held.', pattern)
    if not lengths:
        raise SolferinoError(
            f'{pattern} has no examples. See what {family.spec.name}_create_dataset said of those that it left out. '
            'If there are none to evaluate on, train without --eval_file.'
        )
    if held is None:
        index.open()
    examples = _InFiles(family, config, index, range(len(lengths))) if held is None else held
    return Dataset(family, config, pattern, examples, np.array(lengths, np.int32), f'{crc:08x}')


class Batches:
    """The training batches of a dataset.

    Args:
      dataset: at least one example.
      batch_size: the most examples in a batch. An epoch has as few batches as possible, of nearly equal size: a small
        last batch would take nearly as long as a full one, and have the same effect.
      seed: of the order.
      share: (index, count) of this process: of each batch it has its share, see `replicas`.

    Raises SolferinoError if there are fewer examples in a batch than processes.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int, share: tuple[int, int] = (0, 1)) -> None:
        self._dataset = dataset
        self._batch_size = batch_size
        self._seed = seed
        self.per_epoch = -(-len(dataset) // batch_size)
        self._share = share
        least, processes = len(dataset) // self.per_epoch, share[1]
        if least < processes:
            raise SolferinoError(
                f'There are {processes} processes for batches of {least} examples, so that some have none. Take a '
                'larger batch_size in --hparams, or fewer processes.'
            )
        self._epoch = functools.lru_cache(maxsize=2)(self._order)

    def indices(self, step: int) -> np.ndarray:
        """Which examples are in the batch that follows `step` training steps."""
        epoch, position = divmod(step, self.per_epoch)
        return self._epoch(epoch)[position]

    def batch(self, step: int) -> Batch:
        """The batch that follows `step` training steps; this process's share of it."""
        index, count = self._share
        return self._dataset.batch(self.indices(step)[index::count])

    def padding(self, epoch: int = 0) -> float:
        """The share of an epoch's steps that is padding."""
        return padding(self._dataset, self._epoch(epoch))

    def _order(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self._seed, epoch])
        shuffled = np.array_split(rng.permutation(len(self._dataset)), self.per_epoch)
        batches: list[np.ndarray] = []
        for start in range(0, self.per_epoch, _WINDOW):
            batches += self._by_length(shuffled[start : start + _WINDOW], rng)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _by_length(self, shuffled: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Bucketing: redistributes the examples of some batches, those of similar length together."""
        window = np.concatenate(shuffled)
        blurred = self._dataset.lengths[window] * rng.uniform(1 - SIMILAR, 1, len(window))
        ends = np.cumsum([len(batch) for batch in shuffled])
        return np.split(window[np.argsort(blurred, kind='stable')], ends[:-1])


def evaluation_order(dataset: Dataset, batch_size: int, chosen: np.ndarray | None = None) -> list[np.ndarray]:
    """All examples once, shortest first, as the indices of each batch; the last batch has what is left.

    Args:
      chosen: indices of those to take instead of all.
    """
    chosen = np.arange(len(dataset)) if chosen is None else chosen
    order = chosen[np.argsort(dataset.lengths[chosen], kind='stable')]
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def padding(dataset: Dataset, order: Sequence[np.ndarray]) -> float:
    """The share of the steps in these batches that is padding."""
    padded = sum(len(indices) * int(dataset.lengths[indices].max()) for indices in order)
    return 1 - int(dataset.lengths[np.concatenate(order)].sum()) / padded


def _records(pattern: str, limit: int, index: RecordIndex) -> Iterator[tuple[str, bytes]]:
    """Yields a description of where each record is, and the record, and enters it in the index."""
    number = 0
    for path in records.expand(pattern):
        for i, data in enumerate(index.scan(path)):
            if limit and number == limit:
                return
            yield f'{path}: record {i}', data
            number += 1


def parse(family: Family, config: Config, data: bytes) -> Example:
    """Returns the example of a record, compact or dense. Raises ValueError or KeyError if it is none of the config."""
    stored = sequence_examples.parse(data)
    if isinstance(stored, sequence_examples.DenseExample):
        example = family.from_dense(stored.inputs, stored.labels, config)
    else:
        example = stored
        sequence_examples.require_whole(stored)
    return {name: _narrow(array) for name, array in example.items()}


def _narrow(array: np.ndarray) -> np.ndarray:
    """Files have 64 bits for every integer; 32 are enough for nearly all."""
    narrow = array.astype(np.int32) if array.dtype == np.int64 else array
    return narrow if np.array_equal(narrow, array) else array


def _length(encoded: Example, features: Mapping[str, Feature]) -> int:
    """The size of the time dimension, 1 if there is none. Raises ValueError if the arrays do not fit the features."""
    lengths = set()
    for name, feature in features.items():
        shape = encoded[name].shape
        if len(shape) != len(feature.shape):
            raise ValueError(f'its {name} have {len(shape)} dimensions instead of {len(feature.shape)}')
        for size, expected in zip(shape, feature.shape, strict=True):
            if expected is None:
                lengths.add(size)
            elif size != expected:
                raise ValueError(f'its {name} have the shape {shape}')
    if len(lengths) > 1:
        raise ValueError('its arrays are not of one length')
    length = lengths.pop() if lengths else 1
    if not length:
        raise ValueError('it has no steps')
    return length


def _pad(encoded: Sequence[Example], name: str, feature: Feature, longest: int) -> np.ndarray:
    shape = [longest if size is None else size for size in feature.shape]
    padded = np.zeros([len(encoded), *shape], feature.dtype)
    for i, example in enumerate(encoded):
        array = example[name]
        padded[i, ...][tuple(slice(size) for size in array.shape)] = array
    return padded


def _reason(error: Exception) -> str:
    return f'it has no {error.args[0]!r}' if isinstance(error, KeyError) else str(error).rstrip('.')
