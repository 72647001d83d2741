"""A stretch of given music made anew, between what stands before it and after it.

A family with a way of its own to keep given music takes that (`Family.infill`). For all others whose music begins with
its primer: several continuations of what stands before are drawn, what stands after is put behind each, and one is
chosen by chance, in proportion to how likely the model finds what comes after, given all before it. With the number of
continuations this nears a draw from the model given both sides (sampling importance resampling: Rubin, "Using the SIR
algorithm to simulate posterior distributions", 1988), at a temperature of 1; at others only nearly.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import DEFAULT_QPM
from solferino.models.core.family import Family
from solferino.models.music.pieces import piece as pieces

if TYPE_CHECKING:
    from solferino.models.loading import Model

CANDIDATES = 16
LENGTHS = ('num_steps', 'num_bars', 'seconds', 'exclude_primer')  # which the stretch says
_CHOICE = 0x1F  # sets the random numbers of the choice apart from those of generating


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Where in music something is made anew: from the first of these steps until before the last, on the model's grid.

    Attributes:
      shift: seconds by which the model moves the music, to begin where its tempo and metre do.
      rate: steps a second.
    """

    first: int
    last: int
    shift: float
    rate: float

    def __contains__(self, start: float) -> bool:
        """Whether a note that starts at these seconds is in it; one a little early belongs to its step."""
        return self.first <= round((start + self.shift) * self.rate) < self.last

    def seconds(self, step: int) -> float:
        """When a step begins."""
        return step / self.rate - self.shift


def can_infill(model: 'Model', music: music_pb2.NoteSequence) -> bool:
    """Whether `infill` is possible with a model, tried on music that it takes."""
    family, config = model.family, model.config
    if type(family).infill is not Family.infill:
        return True
    try:
        return family.primer_steps(music, config, model.options(music)) > 0
    except SolferinoError:
        return False


def seconds_of_bars(model: 'Model', music: music_pb2.NoteSequence, first: int, last: int) -> tuple[float, float]:
    """When a bar of music begins and another one ends, counted from 1 and where the model lets the music begin.

    Raises SolferinoError if the music ends before the first of them.
    """
    beat = model.family.beat(music, model.config)
    numerator, denominator = beat.metre or (4, 4)
    bar = 4 * numerator / max(denominator, 1) * 60 / (beat.qpm or DEFAULT_QPM)
    shift = _shift(model, music)
    if (first - 1) * bar - shift >= _end(music):
        bars = math.ceil((_end(music) + shift) / bar)
        raise SolferinoError(f'Bar {first:,} cannot be made anew: the music has {bars:,} bars.')
    return max(0.0, (first - 1) * bar - shift), min(last * bar - shift, max(_end(music), (first - 0.5) * bar - shift))


@dataclasses.dataclass(frozen=True)
class _Plan:
    """A stretch that is to be made anew.

    Attributes:
      model: with what the whole music says of its config.
      settings: the options of generating.
      music: the whole.
      kept: the music without what is made anew.
      taken: which notes of the music the model makes, in the stretch and around it, by their indices.
    """

    model: 'Model'
    settings: Any
    music: music_pb2.NoteSequence
    kept: music_pb2.NoteSequence
    taken: Sequence[int]
    stretch: Stretch


def infill(
    model: 'Model',
    music: music_pb2.NoteSequence,
    start: float,
    end: float,
    num_outputs: int,
    options: Mapping[str, Any],
    candidates: int = CANDIDATES,
) -> list[music_pb2.NoteSequence]:
    """See `Model.infill`; what is kept stands before what is made, in the order of the music."""
    if num_outputs < 1 or candidates < 1:
        raise SolferinoError('One output and one candidate at least must be asked for.')
    plan = _plan(model, music, start, end, options)
    model, stretch = plan.model, plan.stretch
    whole = math.ceil(_end(music) * stretch.rate + stretch.shift * stretch.rate)
    longest = dataclasses.replace(plan.settings, num_steps=max(stretch.last, whole))
    steps = range(stretch.first, stretch.last)
    own = model.family.infill(model.weights, model.config, plan.kept, steps, num_outputs, longest)
    if own is None:
        return _resampled(plan, num_outputs, candidates)
    model.play(own, plan.settings, None)
    return [_glued(plan, one) for one in own]


def num_kept(
    model: 'Model', music: music_pb2.NoteSequence, start: float, end: float, options: Mapping[str, Any]
) -> int:
    """How many notes of the music stay in what `infill` returns, where they stand first."""
    return len(_plan(model, music, start, end, options).kept.notes)


def _plan(model: 'Model', music: music_pb2.NoteSequence, start: float, end: float, options: Mapping[str, Any]) -> _Plan:
    pieces.require(music)
    beat = model.family.beat(music, model.config)
    given = {name: value for name, value in options.items() if name not in LENGTHS}
    settings = model.options(None, **{'qpm': beat.qpm} | given)
    settings = dataclasses.replace(settings, qpm=beat.qpm or settings.qpm)
    stretch = _stretch(model, music, start, end, settings)
    config, settings = model.family.around(music, model.config, settings)
    model = dataclasses.replace(model, config=config)
    taken = _taken(model, music)
    return _Plan(model, settings, music, _without(music, taken, stretch), taken, stretch)


def _resampled(plan: _Plan, num_outputs: int, candidates: int) -> list[music_pb2.NoteSequence]:
    model, stretch = plan.model, plan.stretch
    primer = _before(plan.kept, stretch)
    if not len(model.family.renewed(pieces.of(primer), model.config).notes):
        primer = None
    given = plan.music if primer is None else primer
    if not model.family.primer_steps(given, model.config, plan.settings):
        raise SolferinoError(
            f'A model of {model.config.name} cannot make a part of given music anew: what it makes does not begin with '
            'what it is given.'
        )
    settings = dataclasses.replace(plan.settings, num_steps=stretch.last, exclude_primer=False)
    after = any((note.start_time + stretch.shift) * stretch.rate >= stretch.last - 0.5 for note in plan.kept.notes)
    tries = candidates if after else 1
    made = model.generate_with(settings, primer, num_outputs * tries)
    found = []
    for output in range(num_outputs):
        glued = [_glued(plan, one) for one in made[output * tries : (output + 1) * tries]]
        weights = _afterwards(model, glued, stretch) if tries > 1 else [0.0]
        found.append(glued[_chosen(weights, np.random.default_rng([settings.seed, output, _CHOICE]))])
    return found


def _chosen(log_weights: Sequence[float], rng: np.random.Generator) -> int:
    """An index, drawn in proportion to the weights; with equal chances where none of them is known."""
    weights = np.array(log_weights)
    weights[~np.isfinite(weights)] = -np.inf
    if np.isneginf(weights).all():
        weights[:] = 0
    chances = np.exp(weights - weights.max())
    return int(rng.choice(len(chances), p=chances / chances.sum()))


def _afterwards(model: 'Model', glued: Sequence[music_pb2.NoteSequence], stretch: Stretch) -> list[float]:
    """How likely what stands after the stretch is, given all before it: nats, for each."""
    both = [*glued, *(_until(whole, stretch) for whole in glued)]
    try:
        told = model.family.log_likelihoods(model.weights, model.config, both)
    except SolferinoError:  # it tells none, or the music is too short
        return [0.0] * len(glued)
    return [whole - until for whole, until in zip(told[: len(glued)], told[len(glued) :], strict=True)]


def _taken(model: 'Model', music: music_pb2.NoteSequence) -> list[int]:
    """Which notes of the music the model makes, by their indices; the others stay."""
    renewed = {_key(*note) for note in model.family.renewed(pieces.of(music), model.config).notes.tolist()}
    return [
        k
        for k, n in enumerate(music.notes)
        if _key(n.start_time, n.end_time, n.pitch, n.velocity, n.instrument, n.program, n.is_drum) in renewed
    ]


def _key(*note: Any) -> tuple[Any, ...]:
    return note


def _stretch(model: 'Model', music: music_pb2.NoteSequence, start: float, end: float, settings: Any) -> Stretch:
    family, config = model.family, model.config
    shift = _shift(model, music)
    rate = family.steps_per_second(config, settings, settings.qpm or DEFAULT_QPM)
    if not 0 <= start < end <= _end(music) + 1 / rate:
        raise SolferinoError(
            f'What is made anew, {start:g} to {end:g} s, must be a part of the music, which has {_end(music):.4g} s.'
        )
    first, last = (max(0, round((time + shift) * rate)) for time in (start, end))
    return Stretch(first, max(last, first + 1), shift, rate)


def _shift(model: 'Model', music: music_pb2.NoteSequence) -> float:
    chosen = model.family.chosen(pieces.of(music), model.config).notes
    if not len(chosen):
        raise SolferinoError('The music has no notes that this model makes, so that there is nothing to make anew.')
    return float(model.family.settled(music, model.config).notes['start'].min() - chosen['start'].min())


def _end(music: music_pb2.NoteSequence) -> float:
    return max([music.total_time, *(note.end_time for note in music.notes)])


def _without(music: music_pb2.NoteSequence, taken: Sequence[int], stretch: Stretch) -> music_pb2.NoteSequence:
    """The music without what is to be made anew."""
    kept, removed = music_pb2.NoteSequence(), set(taken)
    kept.CopyFrom(music)
    del kept.notes[:]
    kept.notes.extend(n for k, n in enumerate(music.notes) if k not in removed or n.start_time not in stretch)
    return kept


def _before(kept: music_pb2.NoteSequence, stretch: Stretch) -> music_pb2.NoteSequence:
    """What stands before the stretch, as long as that."""
    return _cut(kept, stretch, stretch.first)


def _until(whole: music_pb2.NoteSequence, stretch: Stretch) -> music_pb2.NoteSequence:
    """What there is when the stretch ends."""
    return _cut(whole, stretch, stretch.last)


def _cut(music: music_pb2.NoteSequence, stretch: Stretch, step: int) -> music_pb2.NoteSequence:
    cut = music_pb2.NoteSequence()
    cut.CopyFrom(music)
    del cut.notes[:]
    end = stretch.seconds(step)
    for note in music.notes:
        if (note.start_time + stretch.shift) * stretch.rate < step - 0.5:
            cut.notes.add().CopyFrom(note)
            cut.notes[-1].end_time = min(note.end_time, max(end, note.start_time))
    cut.total_time = end
    return cut


def _glued(plan: _Plan, made: music_pb2.NoteSequence) -> music_pb2.NoteSequence:
    """What is kept, and behind it the notes that were made in the stretch, played by who played there."""
    stretch, whole = plan.stretch, music_pb2.NoteSequence()
    whole.CopyFrom(plan.kept)
    players, kept = _players(plan, made), _kept_times(plan)
    end = stretch.seconds(stretch.last)
    for note in made.notes:
        if stretch.first <= round(note.start_time * stretch.rate) < stretch.last:
            player = players[_player(note)]
            times = note.start_time - stretch.shift, min(note.end_time - stretch.shift, end)
            fitted = _fitted(*times, kept.get((player, note.pitch), ()), 0 if player.is_drum else 0.5 / stretch.rate)
            if fitted:
                added = whole.notes.add()
                added.CopyFrom(note)
                added.start_time, added.end_time = fitted
                added.instrument, added.program, added.is_drum = player
    whole.total_time = max(_end(whole), plan.music.total_time)
    return whole


class _Player(NamedTuple):
    """Of notes: a key that one player holds down cannot be struck by another hand."""

    instrument: int
    program: int
    is_drum: bool


def _player(note: Any) -> _Player:
    return _Player(note.instrument, note.program, note.is_drum)


def _players(plan: _Plan, made: music_pb2.NoteSequence) -> Mapping[_Player, _Player]:
    """Who plays what was made, by whom the model has for it: the one who played there.

    Where several did, nobody knows who plays which of the notes, and they are another's: on their program, if they have
    but one.
    """
    there = {_player(plan.music.notes[k]) for k in plan.taken}
    ours = sorted({_player(note) for note in made.notes})
    if len(there) == len(ours) == 1:
        return {ours[0]: there.pop()}
    free = 1 + max(note.instrument for note in plan.music.notes)
    alike = len({(player.program, player.is_drum) for player in there}) == 1
    return {player: (min(there) if alike else player)._replace(instrument=free + k) for k, player in enumerate(ours)}


def _kept_times(plan: _Plan) -> Mapping[tuple[_Player, int], list[tuple[float, float]]]:
    """When the notes sound that stay, in order, by who plays them and their pitch; those that the stretch may meet."""
    begin, end = plan.stretch.seconds(plan.stretch.first - 1), plan.stretch.seconds(plan.stretch.last + 1)
    found: dict[tuple[_Player, int], list[tuple[float, float]]] = {}
    for note in plan.kept.notes:
        if note.start_time < end and note.end_time > begin:
            found.setdefault((_player(note), note.pitch), []).append((note.start_time, note.end_time))
    return {key: sorted(times) for key, times in found.items()}


def _fitted(start: float, end: float, kept: Sequence[tuple[float, float]], least: float) -> tuple[float, float] | None:
    """When a made note sounds, so that it does not touch notes of its pitch that stay; None if that leaves too little.

    A MIDI file knows no more of a note than that its pitch begins and ends: one that sounds into another ends it.

    Args:
      start, end: of the made note, seconds.
      kept: of the others, in order.
      least: seconds that must be left; 0 for drums, of which the beginning is heard alone.
    """
    for begin, until in kept:
        if begin >= start:
            end = min(end, begin)
            break
        if least and until > start:
            start = until
    return (start, max(start, end)) if end - start >= least else None
