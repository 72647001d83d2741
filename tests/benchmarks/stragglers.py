"""How long workers wait for the slowest of them when millions of files are converted: a simulation.

    .venv/bin/python tests/benchmarks/stragglers.py --data=FOLDER [--files=10000000] [--workers=10,100,1000]

The MIDI files of FOLDER are read one by one as convert reads them, the fastest of three times; what a file takes
besides is the same for all. Simulated files take seconds of these at random, or of a log-normal distribution that is
fitted to them, in which some take all of convert's limit. They are worked on in units of as many as convert's, in
order, each by the next worker that is free; or, as engines do that deal units out before they begin, by the worker
whose turn it is. Listing, start-up and waiting for a store are not in it.
"""

import argparse
import dataclasses
import heapq
import time
from pathlib import Path

import numpy as np
import report

from solferino.pipelines import parsing
from solferino.pipelines.engine import listing

TIMES = 3  # that each file is read
SHARES = (1e-6, 1e-5, 1e-4)  # of files that take all of the limit


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a simulated run, in seconds: all work shared equally, until all is done, and the longest unit."""

    ideal: float
    makespan: float
    dealt: float  # the makespan if units are dealt out in turn beforehand
    longest: float


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, required=True, help='folder with MIDI files in it or below')
    parser.add_argument('--files', type=int, default=10_000_000)
    parser.add_argument('--workers', default='10,100,1000', help='with commas')
    parser.add_argument('--besides_ms', type=float, default=0.5, help='what each file takes after it is read')
    parser.add_argument('--limit', type=float, default=parsing.Limits().seconds, help='--max_file_seconds')
    args = parser.parse_args()
    measured = read_seconds(sorted(p for p in args.data.rglob('*') if parsing.KINDS.get(p.suffix.lower()) == 'midi'))
    print(f'{len(measured)} files; milliseconds of the median, 90 and 99 of 100, and of the slowest: ', end='')
    print(', '.join(f'{1000 * value:.2f}' for value in np.quantile(measured, [0.5, 0.9, 0.99, 1])), end='\n\n')
    rows = []
    for name, seconds in simulated(measured, args.files, args.limit).items():
        units = unit_seconds(seconds + args.besides_ms / 1000)
        for workers in map(int, args.workers.split(',')):
            found = outcome(units, workers)
            numbers = map(report.number, (found.ideal, found.makespan, found.dealt, found.longest))
            rows.append([name, f'{workers:,}', *numbers, f'{1 - found.ideal / found.makespan:.1%}'])
    header = ('files', 'workers', 'shared equally, s', 'next free worker, s', 'dealt out, s', 'longest unit, s', 'idle')
    print(report.table(header, rows))


def read_seconds(paths: list[Path]) -> np.ndarray:
    """Seconds that each file takes to read, whether or not there is music in it."""
    found = np.full(len(paths), np.inf)
    with parsing.Parser(parsing.Limits()) as parser:
        for _ in range(TIMES):
            for number, path in enumerate(paths):
                began = time.perf_counter()
                parser.parse_file(path)
                found[number] = min(found[number], time.perf_counter() - began)
    return found


def simulated(measured: np.ndarray, files: int, limit: float) -> dict[str, np.ndarray]:
    """Seconds of all files for each distribution, by what it is called."""
    rng = np.random.default_rng(0)
    logs = np.log(measured)
    found = {'as measured': rng.choice(measured, files)}
    heavy = np.minimum(rng.lognormal(logs.mean(), logs.std(), files), limit)
    found['log-normal'] = heavy
    for share in SHARES:
        slow = heavy.copy()
        slow[rng.choice(files, round(share * files), replace=False)] = limit
        found[f'log-normal, {share * 1e6:g} in a million take {limit:g} s'] = slow
    together = heavy.copy()
    together[: round(SHARES[1] * files)] = limit
    found[f'log-normal, {SHARES[1] * 1e6:g} in a million take {limit:g} s, all in one folder'] = together[::-1]
    return found


def unit_seconds(seconds: np.ndarray, size: int = listing.BLOCK_FILES) -> np.ndarray:
    """Seconds of each unit of work."""
    return np.add.reduceat(seconds, np.arange(0, len(seconds), size))


def outcome(units: np.ndarray, workers: int) -> Outcome:
    """Simulates a run. Each worker is free at second 0."""
    free = [0.0] * workers
    for seconds in units.tolist():
        heapq.heapreplace(free, free[0] + seconds)
    dealt = max(units[first::workers].sum() for first in range(workers))
    return Outcome(units.sum() / workers, max(free), dealt, units.max())


if __name__ == '__main__':
    main()
