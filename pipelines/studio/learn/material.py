"""What a collection of music could teach: which configs find examples in it, and what each leaves out.

    python -m solferino.pipelines.studio.learn.material NOTES OPTIONS REPORT

OPTIONS are a JSON file with options of extracting, by family.
"""

import collections
import dataclasses
import itertools
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.hparams.reasons import NO_NOTES
from solferino.hparams.spec import Config
from solferino.models import registry
from solferino.models.core.family import Family
from solferino.models.core.storage import records
from solferino.models.core.storage.files import atomic_write
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece
from solferino.pipelines import reading
from solferino.pipelines.studio import wording

MOST_PIECES = 2000  # that are tried
_NAMED = 3  # files for each reason
_OPTION = re.compile(r'--(?:no)?(\w+)(?:=([^\s,;]+))?')


class Remedy(msgspec.Struct):
    """An option of extracting that would keep more, and what the page calls it."""

    name: str
    value: bool | int | float | str
    label: str


class LeftOut(msgspec.Struct):
    """Why music is left out, how often, the first files, and what to do."""

    reason: str
    count: int
    files: list[str]
    remedy: str
    option: Remedy | None = None


class Length(msgspec.Struct):
    """A preset: settings for a training of some length, and what to expect."""

    name: str
    steps: int
    expect: str


class Choice(msgspec.Struct):
    """A config, and what a collection has for it.

    Attributes:
      advice: what it learns and when to use it.
      cost, score: measured once on real music; '' if not.
      lengths: its presets.
      pieces, examples: how many pieces of music give examples, and how many examples.
      tried: how many pieces were looked at.
      options: of extracting, those that are not the config's own.
    """

    family: str
    config: str
    advice: str
    cost: str
    score: str
    lengths: list[Length]
    pieces: int
    examples: int
    tried: int
    left_out: list[LeftOut]
    options: dict[str, Any]


def choices(notes: str, options: Mapping[str, Mapping[str, Any]]) -> list[Choice]:
    """Tries all configs on the music of a file; those that find more pieces are first.

    Args:
      notes: a TFRecord file of NoteSequences.
      options: of extracting, by family.

    Raises:
      SolferinoError: there is no such option, or it has no such value.
    """
    tallies = [_Tally(registry.get(name), config, options.get(name, {})) for name, config in _configs()]
    for data in itertools.islice(records.read(notes), MOST_PIECES):
        music = reading.note_sequence(data, notes)
        for tally in tallies:
            tally.add(music)
    found = [tally.choice() for tally in tallies]
    return sorted(found, key=lambda choice: (-choice.pieces, not _is_default(choice)))


def _is_default(choice: Choice) -> bool:
    return registry.get(choice.family).spec.default_config == choice.config


def require_options(options: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises SolferinoError for options of extracting, by family, that there are not, or of another kind."""
    for name, values in options.items():
        extractions = [config.extraction for config in registry.get(name).spec.configs.values()]
        for option, value in values.items():
            kinds = {type(getattr(extraction, option)) for extraction in extractions if option in _fields(extraction)}
            if kinds != {type(value)} or not str(value).isprintable():
                raise SolferinoError(f'{name} does not read music with {option} = {value!r}.')


def _fields(extraction: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(extraction)}


def _configs() -> list[tuple[str, Config]]:
    return [(name, config) for name in registry.FAMILIES for config in registry.get(name).spec.configs.values()]


class _Tally:
    def __init__(self, family: Family, config: Config, options: Mapping[str, Any]):
        self._family, self._options = family, dict(options)
        try:
            extraction = dataclasses.replace(config.extraction, **options)
        except (TypeError, ValueError) as error:
            raise SolferinoError(f'{config.name} cannot read music that way: {error}.') from None
        self._config = dataclasses.replace(config, extraction=extraction)
        self._pieces = self._examples = self._tried = 0
        self._reasons: collections.Counter[str] = collections.Counter()
        self._files: dict[str, list[str]] = collections.defaultdict(list)

    def add(self, music: Piece) -> None:
        flaw = piece.flaw(music)
        reasons = [flaw] if flaw else [] if len(music.notes) else [NO_NOTES]
        self._tried += 1
        examples = 0
        if not reasons:
            examples = sum(1 for _ in self._family.examples(music, self._config, reasons.append))
        self._examples += examples
        self._pieces += examples > 0
        for reason in reasons:
            self._reasons[reason] += 1
            files, name = self._files[reason], music.filename or music.id
            if len(files) < _NAMED and name not in files:
                files.append(name)

    def choice(self) -> Choice:
        spec, config = self._family.spec, self._config
        left_out = []
        for reason, count in self._reasons.most_common():
            remedy = spec.remedies.get(reason, '')
            option = remedy_option(remedy, config.extraction)
            left_out.append(LeftOut(reason, count, self._files[reason], wording.for_the_page(remedy), option))
        lengths = [
            Length(name, preset.num_steps, preset.expect) for name, preset in spec.presets.get(config.name, {}).items()
        ]
        cost, score = (config.benchmark.time, config.benchmark.score) if config.benchmark else ('', '')
        return Choice(
            spec.name, config.name, config.advice, cost, score, lengths,
            self._pieces, self._examples, self._tried, left_out, self._options,
        )  # fmt: skip


def remedy_option(remedy: str, extraction: Any) -> Remedy | None:
    """Returns the option that a remedy names with its value; None if it names none, or it is in force already.

    >>> remedy_option('--min_bars=4 keeps shorter tracks.', DrumExtraction())
    Remedy(name='min_bars', value=4, label='Min bars')
    """
    named = _OPTION.search(remedy)
    if named is None or named[1] not in _fields(extraction):
        return None
    now = getattr(extraction, named[1])
    if named[2] is None:
        return Remedy(named[1], True, wording.label(named[1])) if now is False else None
    value = type(now)(named[2].rstrip('.'))
    return None if value == now else Remedy(named[1], value, wording.label(named[1]))


def main() -> None:
    """Writes what was found as JSON."""
    notes, options, report = sys.argv[1:]
    try:
        found = choices(notes, json.loads(Path(options).read_text('utf-8')))
    except SolferinoError as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(1)
    atomic_write(report, msgspec.json.encode(found))


if __name__ == '__main__':
    main()
