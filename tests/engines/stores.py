"""Convert and create_dataset with input and output in S3, in Google's store and in HDFS, on servers on loopback.

    make test-stores                # all of them; what they need is fetched into build/engines the first time
    make test-stores STORES=hdfs    # some of them
    make test-stores ENGINE=flink   # on another engine than Prism; ENGINE=none on none
    make test-stores PARTS=DIR      # what was fetched lies there

S3 is moto, Google's store gcp-storage-emulator, HDFS a real one: a name node and two data nodes of Hadoop. Runs on
../shared/data/drums/groove, in one process, by two workers and on an engine; compares all bytes with those of local
files, and prints a table of seconds. HDFS needs Java 11 or 17 and Maven, Prism needs Go.
"""

import argparse
import hashlib
import os
import signal
import site
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import engines
from engines import Machines, free_port

# The packages of the clients, and of the server that is one. The rest of apache-beam[gcp] is not needed for files.
PACKAGES = (
    'hdfs==2.7.3',
    'google-cloud-storage==3.17.1',
    'google-auth-httplib2==0.4.4',
    'gcp-storage-emulator==2026.7.19',
)
HADOOP = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>x</groupId><artifactId>x</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.hadoop</groupId><artifactId>hadoop-client-minicluster</artifactId><version>3.4.1</version>
</dependency><dependency>
<groupId>javax.xml.bind</groupId><artifactId>jaxb-api</artifactId><version>2.3.1</version>
</dependency></dependencies></project>"""  # WebHDFS needs the latter, which Java has no more since 11


class Started(NamedTuple):
    """A store: what its paths begin with, Beam's flags for it, how to put a file there, and all files of a folder."""

    url: str
    flags: list[str]
    put: Callable[[str, Path], None]
    files: Callable[[str], dict[str, bytes]]


def with_packages(parts: Path) -> None:
    """Goes on in an environment that has this one's packages, and PACKAGES beside them."""
    there = parts / 'stores'
    python = there / 'bin' / 'python'
    if Path(sys.prefix) == there:
        return
    if not (there / 'complete').exists():
        venv.create(there, with_pip=True, clear=True)
        paths = subprocess.run(
            [python, '-c', 'import site; print(site.getsitepackages()[0])'], check=True, capture_output=True, text=True
        )
        (Path(paths.stdout.strip()) / 'outer.pth').write_text('\n'.join(site.getsitepackages()))
        subprocess.run([python, '-m', 'pip', 'install', '-q', *PACKAGES], check=True)
        (there / 'complete').touch()
    os.execv(python, [str(python), *sys.argv])


def start_s3(machines: Machines, parts: Path) -> Started:
    store = engines.Store(machines)

    def files(folder: str) -> dict[str, bytes]:
        return {name: store.client.get_object(Bucket='music', Key=name)['Body'].read() for name in store.names(folder)}

    def put(name: str, path: Path) -> None:
        store.client.upload_file(str(path), 'music', name)

    return Started('s3://music', [f'--s3_endpoint_url={store.url}'], put, files)


def start_gs(machines: Machines, parts: Path) -> Started:
    port = free_port()
    program = [sys.executable, '-m', 'gcp_storage_emulator', 'start', '--host', '127.0.0.1', '--port', str(port)]
    machines.start('gs', [*program, '--in-memory', '--default-bucket', 'music'], port)
    machines.add_environment(STORAGE_EMULATOR_HOST=f'http://127.0.0.1:{port}')
    os.environ['STORAGE_EMULATOR_HOST'] = f'http://127.0.0.1:{port}'
    from google.cloud import storage

    bucket = storage.Client.create_anonymous_client().bucket('music')

    def put(name: str, path: Path) -> None:
        bucket.blob(name).upload_from_filename(str(path))

    def files(folder: str) -> dict[str, bytes]:
        return {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs(prefix=f'{folder}/')}

    return Started('gs://music', [], put, files)


def start_hdfs(machines: Machines, parts: Path) -> Started:
    folder = parts / 'hadoop'
    if not any(folder.glob('lib/jaxb-api-*.jar')):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'pom.xml').write_text(HADOOP)
        maven = ['mvn', '-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib']
        subprocess.run(maven, cwd=folder, check=True)
    port, data = free_port(), machines.home('hdfs') / 'data'
    program = str(Path(__file__).with_name('Hdfs.java'))
    machines.start('hdfs', engines.java([folder / 'lib'], program, str(data), str(port)), port)
    end = time.monotonic() + 90
    while not (data / 'up').exists():
        if time.monotonic() > end:
            sys.exit(f'HDFS did not start; see {data.parent / "log"}')
        time.sleep(0.3)
    import hdfs

    client = hdfs.InsecureClient(f'http://127.0.0.1:{port}', user='someone')

    def put(name: str, path: Path) -> None:
        client.upload(f'/music/{name}', str(path))

    def read(path: str) -> bytes:
        with client.read(path) as file:
            return bytes(file.read())

    def files(folder: str) -> dict[str, bytes]:
        paths = [f'{at}/{name}' for at, _, names in client.walk(f'/music/{folder}') for name in names]
        return {path.removeprefix('/music/'): read(path) for path in paths}

    flags = ['--hdfs_host=127.0.0.1', f'--hdfs_port={port}', '--hdfs_user=someone']
    return Started('hdfs://music', flags, put, files)


STARTERS: dict[str, Callable[[Machines, Path], Started]] = {'s3': start_s3, 'gs': start_gs, 'hdfs': start_hdfs}


def road(machines: Machines, source: str, output: str, flags: list[str]) -> list[float]:
    """Converts and makes a dataset; returns the seconds of each."""
    dataset = [f'--input={output}/notes@4.tfrecord', f'--output_dir={output}/data', '--eval_ratio=0.2']
    work = (
        ('convert_dir_to_note_sequences', engines.convert_flags(source, output)),
        ('drums_rnn_create_dataset', dataset),
    )
    return [
        engines.timed(engines.command(machines, 'commands', *given, *flags, module=module), module)
        for module, given in work
    ]


def try_store(store: Started, machines: Machines, engine: list[str], expected: dict[str, str]) -> list[str]:
    """Returns the cells of a store: seconds of convert, of create_dataset, of both again in two other ways."""
    for path in engines.MUSIC.rglob('*'):
        if path.is_file():
            store.put(f'midi/{path.relative_to(engines.MUSIC)}', path)
    cells: list[str] = []
    for flags in ([], ['--num_workers=2'], *([engine] if engine else [])):
        try:
            seconds = road(machines, f'{store.url}/midi', f'{store.url}/out', [*store.flags, *flags])
        except RuntimeError as error:
            cells += [str(error)] if flags else [str(error), '', '']
            continue
        said = as_expected(store.files('out'), expected)
        cells += [f'{sum(seconds):.0f}, {said}'] if flags else [*(f'{one:.0f}' for one in seconds), said]
    return cells


def as_expected(files: dict[str, bytes], expected: dict[str, str]) -> str:
    """Says whether the outputs have the bytes expected, and nothing else is left beside them."""
    found = {name.removeprefix('out/'): hashlib.sha256(data).hexdigest() for name, data in files.items()}
    left = sorted(set(found) - set(expected) - {'notes.manifest.json', 'data/drum_tracks.json'})
    return f'LEFT: {left[0]}' if left else engines.said(expected.items() <= found.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stores', default='s3,gs,hdfs', help='some of s3,gs,hdfs')
    parser.add_argument('--engine', default='prism', choices=[*engines.STARTERS, 'none'], help='the engine')
    parser.add_argument('--build', type=Path, default=engines.ROOT / 'build' / 'engines', help='folder for the roots')
    parser.add_argument('--parts', type=Path, help='folder of what is fetched; build/engines/parts')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))  # so that all that was started ends too
    build = args.build.resolve()
    parts = (args.parts or build / 'parts').resolve()
    with_packages(parts)
    engines.fetch(parts, [args.engine])  # none needs nothing
    with engines.machines_in(build) as machines:
        home = machines.home('commands')
        (home / 'midi').symlink_to(engines.MUSIC)
        seconds = road(machines, str(home / 'midi'), str(home / 'out'), [])
        paths = {str(path.relative_to(home / 'out')): path for path in (home / 'out').rglob('*.tfrecord')}
        expected = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}
        rows = [['', 'convert, s', 'create_dataset, s', 'outputs', 'both again, two workers, s']]
        rows.append(['local files', *(f'{one:.0f}' for one in seconds), f'{len(expected)} files', ''])
        if args.engine != 'none':
            rows = [[*rows[0], f'both again, {args.engine}, s'], [*rows[1], '']]
        stores = {name: STARTERS[name](machines, parts) for name in args.stores.split(',')}
        engine: list[str] = []
        if args.engine != 'none':
            engine = engines.STARTERS[args.engine](machines, parts).flags  # its workers must know where the stores are
        for name, store in stores.items():
            rows.append([name, *try_store(store, machines, engine, expected)])
            print('| ' + ' | '.join(rows[-1]) + ' |', flush=True)
    engines.conclude(rows, build)


if __name__ == '__main__':
    main()
