"""The table of goals: each kind of work beside Magenta's, what was wanted, and how far the machine's limit is."""

import dataclasses
import math
from collections.abc import Iterator, Mapping

import limits
import stages
from report import AFTER, PEAK, WHOLE, after, number, ratio, table

from solferino.hparams.spec import Config
from solferino.models import registry

# Stage -> side -> number by what it is, as report.medians gives them.
Medians = Mapping[str, Mapping[str, Mapping[str, float]]]
OURS, THEIRS = 'Solferino', 'Magenta'
HEADER = ('work', THEIRS, OURS, 'ratio', 'goal', 'limit of the machine, and how far from it')
# Wanted times of Magenta's events a second in float32; at most half of the memory, and with bfloat16 three times.
TRAINING_GOALS = {'drum_kit': 2.0, 'attention_rnn': 2.0, 'basic_rnn': 1.5, 'lookback_rnn': 1.5}


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table; nan where there is no number.

    Attributes:
      work: what is done.
      unit: of the two numbers.
      theirs, ours: numbers.
      times: how many times better ours is.
      at_least: the goal for `times`, or
      at_most: the goal for `ours`, or
      share: the goal for `ours` as a share of the machine's limit.
      limit: in words.
    """

    work: str
    unit: str
    theirs: float
    ours: float
    times: float
    at_least: float | None = None
    at_most: float | None = None
    share: float | None = None
    limit: str = ''

    @property
    def goal(self) -> str:
        """In words, and whether it is reached."""
        if self.at_least:
            text, is_reached, known = f'{self.at_least:g} times', self.times >= self.at_least, self.times
        elif self.at_most:
            text, is_reached, known = f'at most {self.at_most:g} {self.unit}', self.ours <= self.at_most, self.ours
        elif self.share:
            text, is_reached, known = f'at least {percent(self.share)}', self.ours >= self.share, self.ours
        else:
            return ''
        return text if math.isnan(known) else f'{text}: {"reached" if is_reached else "**not reached**"}'

    @property
    def cells(self) -> list[str]:
        """The row as text."""
        show = percent if self.share else lambda value: f'{number(value)} {self.unit}'
        values = ['' if math.isnan(value) else show(value) for value in (self.theirs, self.ours)]
        return [self.work, *values, '' if math.isnan(self.times) else number(self.times), self.goal, self.limit]


def markdown(medians: Medians, configs: Mapping[str, Config]) -> str:
    """Returns the table of what was measured.

    Args:
      medians: see there.
      configs: those trained, by name, with the hyperparameters that were used.
    """
    found = [row for row in rows(medians, configs) if not math.isnan(row.ours)]
    return table(HEADER, [row.cells for row in found])


def rows(medians: Medians, configs: Mapping[str, Config]) -> Iterator[Row]:
    """Yields all rows, also of what was not measured."""
    look = _Look(medians)
    yield from _conversion(look)
    yield from _datasets(look)
    for config in stages.TRAINED:
        yield from _training(look, configs[config])
    for config in stages.REAL:
        padding, plain = (look(f'real {config}', side, stages.PADDING) for side in (OURS, THEIRS))
        limit = f'{percent(padding)} of what is computed is padding' + (
            '' if math.isnan(plain) else f', {percent(plain)} of what Magenta computes'
        )
        yield look.row(
            f'real tracks of all lengths, {config}: useful events', f'real {config}', stages.EVENTS, limit=limit
        )
    yield from _generation(look, configs['drum_kit'])
    for question in stages.QUESTIONS:
        name = f'{question.split("=")[0]}, the slowest of {len(stages.ANSWERING)} commands'
        theirs, ours = (look.slowest('answers', side, f' {question}, s') for side in (THEIRS, OURS))
        alone = look.machine(stages.PYTHON)
        limit = reached(alone, 's for Python alone', alone / ours)
        yield Row(name, 's', theirs, ours, theirs / ours, at_most=0.5, limit=limit)


def percent(share: float) -> str:
    """Two digits."""
    return f'{share:.0%}' if share >= 0.1 else f'{share:.1%}'


def reached(limit: float, unit: str, share: float) -> str:
    """A limit, what it is the limit of, and how much of it is reached; nothing if one of them was not measured."""
    return '' if math.isnan(limit * share) else f'{number(limit)} {unit}: {percent(share)}'


@dataclasses.dataclass(frozen=True)
class _Look:
    """Finds numbers."""

    medians: Medians

    def __call__(self, stage: str, side: str, what: str) -> float:
        return self.medians.get(stage, {}).get(side, {}).get(what, math.nan)

    def machine(self, *whats: str) -> float:
        """The highest of some limits."""
        return max(self('machine', stages.MACHINE.name, what) for what in whats)

    def slowest(self, stage: str, side: str, ending: str) -> float:
        """The highest of the numbers whose names end so."""
        found = self.medians.get(stage, {}).get(side, {})
        return max((value for what, value in found.items() if what.endswith(ending)), default=math.nan)

    def row(
        self,
        work: str,
        stage: str,
        what: str,
        beside: str = '',
        at_least: float | None = None,
        at_most: float | None = None,
        limit: str = '',
    ) -> Row:
        """A row with a number of a stage and Magenta's of the same stage or of the one `beside`."""
        theirs, ours = self(beside or stage, THEIRS, what), self(stage, OURS, what)
        unit = what.split(', ')[-1].removesuffix(after('').removeprefix('/s'))
        return Row(work, unit, theirs, ours, ratio(what, ours, theirs), at_least, at_most, limit=limit)


def _conversion(look: _Look) -> Iterator[Row]:
    notes = after('notes')
    one, two = look('convert', OURS, notes), look('convert 2', OURS, notes)
    protos = look.machine(limits.PROTOS)
    limit = reached(protos, 'notes/s to serialize and write ready NoteSequences', one / protos)
    slow = look('convert', OURS, stages.FALLBACKS)
    if not math.isnan(slow):
        limit += f'; {percent(slow)} of the files were read with note-seq'
    yield look.row('MIDI to NoteSequence, one process, start-up apart', 'convert', notes, at_least=20, limit=limit)
    for what, work in ((notes, 'start-up apart'), ('notes/s', 'whole command')):
        one, two = look('convert', OURS, what), look('convert 2', OURS, what)
        goal = 1.8 if what == notes else None
        yield Row(
            f'the same with 2 workers beside ours with one, {work}', 'notes/s', math.nan, two, two / one, goal,
            limit=reached(2, 'times with two cores', two / one / 2),
        )  # fmt: skip


def _datasets(look: _Look) -> Iterator[Row]:
    for config, times, smaller in (('drum_kit', 20, 200), ('attention_rnn', 50, None)):
        stage = f'dataset {config}'
        parsed = look.machine(limits.PARSED)
        share = look(stage, OURS, after('notes')) / parsed
        limit = reached(parsed, 'notes/s to read and parse NoteSequences alone', share)
        work = f'NoteSequence to SequenceExample, {config}'
        yield look.row(work, stage, after('records'), at_least=times, limit=limit)
        yield look.row(f'bytes of an example, {config}', stage, stages.RECORD_BYTES, at_least=smaller)


def _training(look: _Look, config: Config) -> Iterator[Row]:
    stage, goal = f'train {config.name}', TRAINING_GOALS[config.name]
    speeds = {
        stage: look.machine(limits.NUMPY, limits.TENSORFLOW),
        f'{stage} bfloat16': look.machine(limits.BFLOAT16),
    }
    flop = limits.TRAINING * limits.flop_per_event(
        config.hparams, registry.family_of_config(config.name).encoding(config).num_classes
    )
    shares = {name: look(name, OURS, stages.EVENTS) * flop / 1e9 / speed for name, speed in speeds.items()}

    def limit(name: str) -> str:
        unit = (
            f'events/s if all of the {speeds[name]:.0f} GFLOP/s of large matrix products could be had '
            f'({number(flop / 1e6)} MFLOP an event)'
        )
        return reached(speeds[name] * 1e9 / flop, unit, shares[name])

    work = f'training, {config.name} defaults'
    yield look.row(work, stage, stages.EVENTS, at_least=goal, limit=limit(stage))
    if config.name not in stages.HALF_PRECISION:
        yield Row(
            f'{work}: share of the speed of large matrix products', '', math.nan, shares[stage], math.nan, share=0.5
        )
        yield look.row(f'{work}: memory', stage, PEAK)
        return
    yield look.row(f'{work}: memory', stage, PEAK, at_least=2)
    half = f'{stage} bfloat16'
    yield look.row(f'{work}: bfloat16', half, stages.EVENTS, beside=stage, at_least=3, limit=limit(half))


def _generation(look: _Look, config: Config) -> Iterator[Row]:
    started = look.machine(stages.PYTHON_NUMPY)
    yield look.row(
        '10 outputs of 128 steps, drum_kit defaults, whole process', 'generate', WHOLE, at_most=2,
        limit=reached(started, 's for Python and NumPy to start', started / look('generate', OURS, WHOLE)),
    )  # fmt: skip
    speed = look.machine(limits.NUMPY, limits.TENSORFLOW) * 1e9
    num_classes = registry.family_of_config(config.name).encoding(config).num_classes
    outputs = speed / (128 * limits.flop_per_event(config.hparams, num_classes))

    def limit(stage: str) -> str:
        share = look(stage, OURS, after('outputs')) / outputs
        return reached(outputs, 'outputs/s if all of the speed of large matrix products could be had', share)

    yield look.row('the same, generation alone', 'generate', AFTER, at_least=20, limit=limit('generate'))
    many = 'generate many'
    yield look.row(
        f'{stages.OUTPUTS:,} outputs in one batch', many, after('outputs'), beside='generate', at_least=100,
        limit=limit(many),
    )  # fmt: skip
