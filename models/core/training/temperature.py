"""The best temperature for a model: the one at which its music is most like held-out music.

At 1.0 a model also plays what it is not sure of. After minutes of training that is a lot, and a lower temperature
leaves it out. To find it, music is generated at several temperatures, and measured for what a musician notices
(`models.music.pieces.measures`), as is the held-out music in stretches of as many bars. `FamilySpec.listening` has the
measures that matter to a family. Silence, one bar for ever, and outputs that are all alike differ from music in some
measure: that keeps the temperature from being too low.
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams import generation
from solferino.hparams.spec import Config, Listening
from solferino.models.core.family import Example, Family, Weights
from solferino.models.music.pieces import measures, piece, score
from solferino.models.music.pieces.measures import Measures
from solferino.models.music.pieces.score import Score

TEMPERATURES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
_HALF_STEP = 0.05  # to either side of the best of them: a machine of rbm has half as many notes again at 0.1 more
# The keys under which checkpoints and bundles store it, and what the music held out is like: means of measures, and the
# bars of the stretches of which they are.
KEY, MUSIC, BARS = 'recommended_temperature', 'held_out_music', 'bars'
_MOST_EXAMPLES = 400  # to measure, spread over all
_FEWEST_STRETCHES = 4  # of held-out music: fewer show too little variation
_FEWEST_OUTPUTS = 8
_MOST_BARS = 8  # of a stretch
_QUARTERS_A_BAR = 4  # examples do not store their metre
_PRIMER_QUARTERS = 1
_A_PRIMER = 2  # outputs with one primer
_AS_GOOD = 1.05  # times the least distance
_LEAST_SPREAD = 0.1  # of repetition


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """What was found.

    Attributes:
      temperature: with the smallest distance.
      distances: by temperature, the mean of `measures.distances` over the measures that matter.
      held_out, music: the mean of each of these measures, in the held-out music and at `temperature`.
      bars: of each stretch of music.
    """

    temperature: float
    distances: Mapping[float, float]
    held_out: Mapping[str, float]
    music: Mapping[str, float]
    bars: int

    def describe(self) -> str:
        """One line for the user."""
        told = ', '.join(
            f'{measures.TITLES[name]} {self.music[name]:.2f} ({known:.2f})' for name, known in self.held_out.items()
        )
        return f'At temperature {self.temperature:g} its music is most like the music held out (in brackets): {told}.'

    def record(self) -> dict[str, Any]:
        """What checkpoints store of it."""
        return {KEY: self.temperature, MUSIC: {**self.held_out, BARS: float(self.bars)}}

    def scalars(self) -> dict[str, float]:
        """For TensorBoard."""
        return {
            'temperature/recommended': self.temperature,
            'temperature/distance': self.distances[self.temperature],
        }


def recommend(
    family: Family,
    config: Config,
    weights: Weights,
    examples: Sequence[Example],
    seed: int,
    stop: Callable[[], bool] = lambda: False,
) -> Recommendation | None:
    """Returns the temperature at which a model's music is most like held-out music; deterministic by the seed.

    Args:
      family, config, weights: the model.
      examples: the held-out ones, in their stored form.
      seed: of the choice of primers, and of generating.
      stop: whether the user wants to end.

    Returns:
      None if the family is not listened to (`FamilySpec.listening`), the examples are too few to compare with, or the
      user stopped.
    """
    listening = family.spec.listening
    chosen = np.unique(np.linspace(0, len(examples) - 1, _MOST_EXAMPLES).astype(int))
    sequences = [family.to_sequence(examples[k], config) for k in chosen] if listening else []
    sequences = [sequence for sequence in sequences if sequence.notes]
    if listening is None or not sequences:
        return None
    is_drums = all(note.is_drum for sequence in sequences for note in sequence.notes)
    grid = family.steps_per_quarter(config)
    scores = [score.read(piece.of(sequence), is_drums, grid) for sequence in sequences]
    bars = min(_MOST_BARS, int(statistics.median(one.num_bars for one in scores)))
    known = [measures.of(part) for one in scores for part in one.cut(bars)]
    if len(known) < _FEWEST_STRETCHES:
        return None
    held_out = {name: mean for name, mean in measures.means(known).items() if _counts(name, mean, listening)}
    # Outputs of the default length, which may be several times as long as the examples.
    steps_per_bar = round(_QUARTERS_A_BAR * grid)
    length = max(bars, family.spec.generation.num_steps // steps_per_bar)
    primers = _primers(sequences, max(_FEWEST_OUTPUTS, listening.num_bars // length), seed)
    found: dict[float, list[Measures]] = {}

    def distance(temperature: float) -> float:
        options = generation.replace(
            family.spec.generation,
            temperature=temperature,
            seed=seed,
            num_steps=length * steps_per_bar,
            **listening.options,
        )
        made = family.generate(weights, config, primers, options)
        music = [score.read(piece.of(one), is_drums, grid, min_bars=length) for one in made]
        found[temperature] = [measures.of(part) for one in music for part in one.cut(bars)]
        apart = measures.distances(found[temperature], known, held_out)
        return statistics.fmean([*apart.values(), _sameness(music, known)])

    distances = _try(distance, stop)
    if distances is None:
        return None
    # The highest of those that are as good as the best, up to chance.
    best = max(temperature for temperature in distances if distances[temperature] <= _AS_GOOD * min(distances.values()))
    means = measures.means(found[best])
    return Recommendation(best, distances, held_out, {name: means[name] for name in held_out}, bars)


def _try(distance: Callable[[float], float], stop: Callable[[], bool]) -> dict[float, float] | None:
    """Distances at TEMPERATURES, then half a step to each side of the best of them; None if the user stopped."""
    distances: dict[float, float] = {}
    waiting = list(TEMPERATURES)
    while waiting:
        if stop():
            return None
        temperature = waiting.pop(0)
        distances[temperature] = distance(temperature)
        if len(distances) == len(TEMPERATURES):
            best = min(distances, key=lambda temperature: distances[temperature])
            beside = (round(best + side, 2) for side in (-_HALF_STEP, _HALF_STEP))
            waiting = [other for other in beside if TEMPERATURES[0] < other < TEMPERATURES[-1]]
    return distances


def of_record(record: Mapping[str, Any]) -> float | None:
    """Returns the temperature that the record of a checkpoint or a bundle carries; None if it has none."""
    value = record.get(KEY)
    return float(value) if isinstance(value, (int, float)) and 0 < value < math.inf else None


def music_of_record(record: Mapping[str, Any]) -> dict[str, float]:
    """Returns what a record tells of the music held out, see MUSIC; nothing if it does not."""
    return dict(record.get(MUSIC) or {})


def _counts(name: str, mean: float, listening: Listening) -> bool:
    return name in listening.measures and not math.isnan(mean)


def _sameness(music: Sequence[Score], known: Sequence[Measures]) -> float:
    """How much more alike outputs with one primer are than the bars of a piece, in standard deviations."""
    repetition = [one.repetition for one in known if not math.isnan(one.repetition)] or [0.0]
    shared = [measures.shared(one, other) for one, other in itertools.pairwise(music)][::_A_PRIMER]
    alike = statistics.fmean(1.0 if math.isnan(share) else share for share in shared)  # two silent outputs are alike
    return max(0.0, alike - statistics.fmean(repetition)) / max(statistics.pstdev(repetition), _LEAST_SPREAD)


def _primers(sequences: Sequence[Any], number: int, seed: int) -> list[Any]:
    """Returns beginnings of held-out pieces, up to a quarter from their first note, each `_A_PRIMER` times."""
    different = number // _A_PRIMER
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(sequences), different, replace=len(sequences) < different)
    return [primer for k in chosen for primer in [_beginning(sequences[k])] * _A_PRIMER]


def _beginning(sequence: Any) -> Any:
    end = min(note.start_time for note in sequence.notes) + _PRIMER_QUARTERS * 60 / sequence.tempos[0].qpm
    primer = music_pb2.NoteSequence()
    primer.CopyFrom(sequence)
    del primer.notes[:]
    for note in sequence.notes:
        if note.start_time < end - 1e-6:
            primer.notes.add().CopyFrom(note)
            primer.notes[-1].end_time = min(note.end_time, end)
    primer.total_time = min(end, sequence.total_time)
    return primer
