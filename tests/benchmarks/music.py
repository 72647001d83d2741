"""Is generated music like the music that a model was trained on? What a musician notices, in a table and a drawing.

    .venv/bin/python tests/benchmarks/music.py --notes=notes.tfrecord before=generated_before after=generated

Each name=folder is a folder of generated MIDI files. They and the data are cut into stretches of as many bars as the
middle one of the outputs has, as most measures depend on how long music is. In brackets is how far a mean is from that
of the data, in percent. `distance` is the mean of `measures.distances`, which tell also whether the stretches differ
among themselves as those of the data do. bench/music/<title>.md, .json and .png are for docs/benchmarks.

Instead of --notes, --examples=data/eval_frames.tfrecord takes music as a model sees it: in piano rolls of
several frames a second, notes that are repeated may be one, and there is no tempo.
"""

import argparse
import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import report
from generated import midi_pieces, with_pedal
from matplotlib.figure import Figure

from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.storage import records
from solferino.models.core.training import data
from solferino.models.music.pieces import measures, piece, score
from solferino.models.music.pieces.measures import Measures
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.score import Score

ROOT = Path(__file__).parent.parent.parent
DATA = 'data'
_DISTANCE, _SECONDS = 'distance', 'notes_per_second'
_NEAR = 25  # percent: the goal
_COLOURS = ('#8d8492', '#e98ab5', '#c2185b', '#4a0527', '#2b7a78', '#d08c2e')
_BAR_CHARTS = 5  # in a row


def main() -> None:
    """Reads, measures, writes."""
    args = _arguments()
    outputs = {name: list(midi_pieces(sorted(folder.rglob('*.mid')))) for name, folder in args.folders.items()}
    if args.examples:
        known, grid = of_examples(args.examples)
    else:
        known, grid = [with_pedal(piece.read(data)) for data in records.read(str(args.notes))], 4.0
    sides = compare(known, outputs, args.bars, grid)
    text = table(args.title, sides)
    path = args.work / 'music' / args.title.replace(' ', '_')
    numbers = {name: [dataclasses.asdict(one) for one in side.measured] for name, side in sides.items()}
    report.write(path, numbers, text)
    draw(path.with_suffix('.png'), args.title, sides)
    print(text)
    print(f'Written: {path}.md, .json and .png')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    music = parser.add_mutually_exclusive_group(required=True)
    music.add_argument('--notes', type=Path, help='NoteSequences that examples were made of')
    music.add_argument('--examples', type=Path, help='examples of create_dataset: music as a model sees it')
    parser.add_argument('folders', nargs='+', help='name=folder of MIDI files')
    parser.add_argument('--title', default='', help="what to call the results; the file's name if not given")
    parser.add_argument('--bars', type=int, default=0, help='bars of a stretch; as many as most outputs have if 0')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    folders = {}
    for given in args.folders:
        name, _, folder = given.rpartition('=')
        folders[name or Path(folder).name] = Path(folder)
        if not any(Path(folder).rglob('*.mid')):
            parser.error(f'{given}: there are no .mid files in {folder}')
    if DATA in folders:
        parser.error(f'{DATA} is what the music of --notes is called')
    source = args.notes or args.examples
    if not source.exists():
        parser.error(f'there is no {source}')
    args.folders, args.title = folders, args.title or source.stem
    return args


def of_examples(path: Path) -> tuple[list[Piece], float]:
    """Reads examples as the music that a model learns from; returns it with the steps of a quarter."""
    record = settings.read_json(settings.sidecar_path(str(path)))
    if record is None:
        raise SystemExit(f'{path}: there is no .json beside it that says whose examples they are.')
    family = registry.get(record['family'])
    config = settings.config_of(family.spec, record, str(path))
    examples = data.load(family, config, str(path)).examples
    return [piece.of(family.to_sequence(one, config)) for one in examples], family.steps_per_quarter(config)


@dataclasses.dataclass(frozen=True)
class Side:
    """A collection of music, measured.

    Attributes:
      pieces: all of them.
      bars: of a stretch.
      measured: of each stretch.
      distances: from the data, by measure; nothing for the data.
    """

    pieces: int
    bars: int
    measured: Sequence[Measures]
    distances: Mapping[str, float]

    @property
    def distance(self) -> float:
        """The mean of the distances; nan for the data."""
        return statistics.fmean(self.distances.values()) if self.distances else math.nan


def compare(
    known: Sequence[Piece], outputs: Mapping[str, Sequence[Piece]], bars: int = 0, steps_per_quarter: float = 4
) -> dict[str, Side]:
    """Measures music beside what was generated, all in stretches of as many bars.

    Args:
      known: the data.
      outputs: pieces by the name of the collection. Where all of their notes are drums, drums are compared.
      bars: of a stretch; as many as the middle one of the outputs has if 0, or as most of the data if that is less.
      steps_per_quarter: the grid.

    Returns:
      The data, as DATA, and each of the collections.
    """
    is_drums = all(bool(music.notes['is_drum'].all()) for pieces in outputs.values() for music in pieces)

    def scores(pieces: Sequence[Piece], min_bars: int) -> list[Score]:
        return [score.read(music, is_drums, steps_per_quarter, min_bars) for music in pieces]

    if not bars:
        made = statistics.median(one.num_bars for pieces in outputs.values() for one in scores(pieces, 1))
        bars = int(min(made, statistics.median(one.num_bars for one in scores(known, 1))))
    # Of an output that ends early the rest is silence; a piece of the data is too short then.
    cut = {
        name: [part for one in scores(pieces, 0 if name == DATA else bars) for part in one.cut(bars)]
        for name, pieces in {DATA: known, **outputs}.items()
    }
    if not cut[DATA]:
        raise SystemExit(f'No piece of the data has {bars} bars. Say --bars with fewer.')
    measured = {name: [measures.of(part) for part in parts] for name, parts in cut.items()}
    # Notes a second are notes a bar, at another tempo.
    names = [name for name, mean in measures.means(measured[DATA]).items() if not math.isnan(mean) and name != _SECONDS]
    return {
        name: Side(
            len(known if name == DATA else outputs[name]),
            bars,
            found,
            {} if name == DATA else measures.distances(found, measured[DATA], names),
        )
        for name, found in measured.items()
    }


def table(title: str, sides: Mapping[str, Side]) -> str:
    """Returns what was measured as Markdown."""
    means = {name: measures.means(side.measured) for name, side in sides.items()}
    rows = [
        [title_of, *(_cell(means[name][key], means[DATA][key], name == DATA) for name in sides)]
        for key, title_of in measures.TITLES.items()
        if not math.isnan(means[DATA][key])
    ]
    rows.append([_DISTANCE, '', *(f'{side.distance:.2f}' for name, side in sides.items() if name != DATA)])
    rows.append(['pieces', *(str(side.pieces) for side in sides.values())])
    rows.append([f'stretches of {sides[DATA].bars} bars', *(str(len(side.measured)) for side in sides.values())])
    return f'**{title}**\n\n{report.table(["", *sides], rows)}'


def _cell(mean: float, known: float, is_data: bool) -> str:
    if math.isnan(mean):
        return '-'
    far = percent(mean, known)
    return f'{mean:.2f}' if is_data or math.isnan(far) else f'{mean:.2f} ({far:+.0f} %)'


def percent(mean: float, known: float) -> float:
    """How far a mean is from that of the data, in percent of it; nan where that cannot be said."""
    return 100 * (mean - known) / known if known else math.nan


def draw(path: Path, title: str, sides: Mapping[str, Side]) -> None:
    """Writes a PNG: a bar chart for each measure, a bar for each collection; the band is what is near to the data."""
    means = {name: measures.means(side.measured) for name, side in sides.items()}
    shown = [key for key in measures.TITLES if not math.isnan(means[DATA][key])]
    columns = min(_BAR_CHARTS, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(2.2 * columns, 2.3 * rows + 0.4), dpi=100, layout='constrained')
    figure.suptitle(title)
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if place >= len(shown):
            axes.set_axis_off()
            continue
        key = shown[place]
        known = means[DATA][key]
        axes.axhspan(known * (1 - _NEAR / 100), known * (1 + _NEAR / 100), color='#ddd6db', alpha=0.6, linewidth=0)
        values = [means[name][key] for name in sides]
        bars = axes.bar(list(sides), values, color=[_COLOURS[k % len(_COLOURS)] for k in range(len(sides))])
        axes.bar_label(bars, fmt='%.2f', fontsize=7)
        axes.set_title(measures.TITLES[key], fontsize=8)
        axes.set_yticks([])
        axes.margins(y=0.18)
        axes.tick_params(axis='x', labelsize=7, rotation=30 if len(sides) > 3 else 0)
        for side in ('top', 'left', 'right'):
            axes.spines[side].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == '__main__':
    main()
