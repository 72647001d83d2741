"""What stands in a report, found in music, runs and commands."""

import dataclasses
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files
from solferino.models.music.originality import copies
from solferino.models.music.pictures import page as pictures
from solferino.models.music.pictures import roll_pictures, track_pictures
from solferino.models.music.sound import rendering, sound_files
from solferino.models.music.sound.synthesis import NotHeardError
from solferino.pipelines import music_files
from solferino.pipelines.inspection import charts, copying, findings, kinds
from solferino.pipelines.judging import set_metrics
from solferino.pipelines.music_files import Music
from solferino.pipelines.reporting.report_page import Commands, Picture, Player, Section, Table, Words, render

_STEPS_PER_QUARTER = 4


@dataclasses.dataclass(frozen=True)
class Job:
    """What a report is to be about.

    Attributes:
      sets: names of music, see `music_files.find`: the first is judged, the others it is compared with.
      title: of the page.
      run_dir: of the training run that made a model; '' for none.
      commands: a text file with the commands that made the music; '' for none.
      most: pieces of each set that are shown.
    """

    sets: Sequence[str]
    title: str
    run_dir: str = ''
    commands: str = ''
    most: int = 6


@dataclasses.dataclass(frozen=True)
class _Set:
    name: str
    music: Sequence[Music]


def report(job: Job) -> str:
    """Returns the page as HTML. Raises SolferinoError for what cannot be read, and for a set without notes."""
    training = [_training(job.run_dir)] if job.run_dir else []  # what is wrong comes before minutes of work
    made = [Section('How it was made', [Commands(_text(job.commands))])] if job.commands else []
    sets = [_read(name) for name in job.sets]
    sections = [_listen(one, job) for one in sets]
    sections.append(_measures(sets))
    if len(sets) > 1:
        sections.append(_originality(*sets[:2]))
    sections += [*training, *made]
    told = ' and '.join(f'{words.counted(len(one.music), "pieces")} of {one.name}' for one in sets)
    return render(job.title, f'{told}.', sections)


def _read(name: str) -> _Set:
    found = [music for music in music_files.read(music_files.find(name.split(','), None)) if music.sequence.notes]
    if not found:
        raise SolferinoError(f'{name}: none of its music has notes, so that there is nothing to report.')
    return _Set(name, found)


def _listen(one: _Set, job: Job) -> Section:
    shown = [one.music[round(k * (len(one.music) - 1) / max(1, job.most - 1))] for k in range(job.most)]
    shown = list({id(music): music for music in shown}.values())
    note = f'{len(shown)} of {words.counted(len(one.music), "pieces")}, spread over all of them.'
    blocks = [Words(note)] if len(shown) < len(one.music) else []
    return Section(one.name, [*blocks, *(_player(music) for music in shown)])


def _player(music: Music) -> Player:
    sequence = music.sequence
    facts = f'{words.counted(len(sequence.notes), "notes")}, {sequence.total_time:.3g} seconds'
    return Player(music.path.name, facts, pictures.to_png(_draw(music)), _sound(sequence))


def _draw(music: Music) -> Any:
    if all(note.is_drum for note in music.sequence.notes):
        return track_pictures.draw_drums(music.sequence, _STEPS_PER_QUARTER, music.path.name, False)
    return roll_pictures.draw_notes(music.sequence, _STEPS_PER_QUARTER, music.path.name)


def _sound(sequence: Any) -> bytes | None:
    """An MP3; None of what cannot be heard."""
    try:
        return sound_files.encode(rendering.render(sequence).frames, 'mp3')
    except NotHeardError as error:
        logging.warning('%s', error)
        return None


def _measures(sets: Sequence[_Set]) -> Section:
    found = set_metrics.compare([set_metrics.measure(one.name, one.music) for one in sets])
    note = 'Means, with intervals of 95 %, of what can be measured here.'
    if len(sets) > 1:
        note += (
            f' Overlap and divergence say how far a set is from {sets[0].name} (Yang and Lerch 2020): where two are '
            'alike, the overlap of their distances is 1 and the divergence 0.'
        )
    return Section('Measured', [Table(found.header(), found.rows(), note)])


def _originality(generated: _Set, training: _Set) -> Section:
    """How much the first set has of the second."""
    (names, pieces), (known_names, known) = (copying.usable(one.music) for one in (generated, training))
    if not pieces or not known:
        return Section('Originality', [Words('There is no music with notes to compare.')])
    found = copies.compare(pieces, known)
    rows = []
    for name, one in zip(names, found.generated, strict=True):
        run = one.longest
        place = f'{known_names[run.other]}, bar {run.other_bar}' if run else '-'
        length = (str(run.notes), f'{run.bars:.3g}', f'{run.seconds:.3g}') if run else ('0', '-', '-')
        rows.append((name, *length, f'{one.share:.0%}', place))
    too_long = words.counted(len(found.too_long), 'pieces')
    note = (
        f'The longest run of notes that each piece has from {training.name}, in any key and tempo. 95 of 100 pieces '
        f'there have at most {found.usual} notes on end from one another; {too_long} of {generated.name} copy more.'
    )
    header = ('piece', 'notes', 'bars', 'seconds', f'in runs of {copies.NOTES} or more', 'where it is from')
    return Section('Originality', [Table(header, rows, note)])


def _training(run: str) -> Section:
    if not os.path.isdir(os.path.expanduser(run)):
        raise SolferinoError(f'--run_dir={run} is no folder. Check the path.')
    try:
        finding = kinds.inspect(run)
    except SolferinoError as error:
        raise SolferinoError(f'--run_dir: {error}') from None
    if not finding.kind.startswith('run directory'):
        raise SolferinoError(f'--run_dir={run} is no run directory, but {finding.kind}.')
    figure = charts.draw(finding)
    curves = [Picture(pictures.to_png(figure), f'Curves of the training run {run}')] if figure else []
    facts = Table(('', 'value'), list(_facts(finding)), finding.kind)
    return Section('Training', [*curves, facts, *map(Words, finding.warnings)])


def _facts(finding: findings.Finding) -> Iterator[tuple[str, str]]:
    for line in findings.table(finding.facts, ''):
        name, _, value = line.strip().partition('  ')
        yield name, value.strip()


def _text(path: str) -> str:
    path = os.path.expanduser(path)
    try:
        files.require_regular(path)
        return Path(path).read_text('utf-8').strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SolferinoError(f'--commands={path} cannot be read as text: {error}.') from None
