"""Convert and create_dataset on real engines, each part with a root of its own and nothing shared but an S3 server.

    make test-engines                  # Prism, Flink and Spark; fetches them (0.9 GB) into build/engines the first time
    make test-engines ENGINES=prism    # some of them
    make test-engines PARTS=DIR        # what was fetched lies there

Runs on ../shared/data/drums/groove, copied into a bucket, stops a command by Ctrl-C in the middle and looks for what is
left, kills a worker of Flink and of Spark in the middle, compares all bytes with those of one process, and prints a
table of seconds. Needs Go for Prism, Java 11 or 17 and Maven for the
others.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MUSIC = ROOT.parent / 'shared' / 'data' / 'drums' / 'groove'
BEAM_JARS = {
    # Job servers that are older than the Python package serve: newer ones were not to be had where this was written.
    'flink': ('beam-runners-flink-1.16', '2.56.0'),
    'spark': ('beam-runners-spark-3', '2.62.0'),
}
ENGINE_PACKAGES = {'flink': ('apache-flink-libraries', '1.16.3'), 'spark': ('pyspark', '3.5.6')}
# What Flink 1.16 and Spark 3.5 ask of Java 17.
OPENED = (
    *(
        'java.lang',
        'java.lang.invoke',
        'java.lang.reflect',
        'java.io',
        'java.net',
        'java.nio',
        'java.text',
        'java.time',
    ),
    *('java.util', 'java.util.concurrent', 'java.util.concurrent.atomic', 'java.util.concurrent.locks', 'sun.nio.ch'),
    *('sun.nio.cs', 'sun.security.action', 'sun.util.calendar', 'sun.net.util'),
)
OPENS = [f'--add-opens=java.base/{name}=ALL-UNNAMED' for name in OPENED]
FLINK_CONF = """
jobmanager.rpc.address: localhost
jobmanager.bind-host: localhost
jobmanager.rpc.port: {rpc}
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.numberOfTaskSlots: 1
taskmanager.cpu.cores: 1
taskmanager.memory.task.heap.size: 512m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.managed.size: 128m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
jobmanager.memory.process.size: 1g
blob.server.port: 0
restart-strategy: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 2 s
heartbeat.timeout: 10000
heartbeat.interval: 2000
"""
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>x</groupId><artifactId>x</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.beam</groupId><artifactId>{}</artifactId><version>{}</version>
</dependency></dependencies></project>"""
SECONDS = 400  # for one command
# In a description, what differs with the place; digests are of files on a disk alone.
_OF_THE_COMMAND = ('made_by', 'inputs', 'outputs', 'input', 'input_dir', 'output_file')
_LATER_S = 10  # after a command was stopped, when all that it had begun has ended


def fetch(parts: Path, engines: list[str]) -> None:
    """Fetches what is not there yet, by Go, Maven and pip; ends this program with a sentence where it cannot."""
    try:
        _fetch(parts, engines)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f'A part of the engines cannot be fetched: {error}')


def _fetch(parts: Path, engines: list[str]) -> None:
    parts.mkdir(parents=True, exist_ok=True)
    import apache_beam

    if 'prism' in engines and not (parts / 'bin' / 'prism').exists():
        module = f'github.com/apache/beam/sdks/v2/go/cmd/prism@v{apache_beam.__version__}'
        subprocess.run(['go', 'install', module], env=os.environ | {'GOBIN': str(parts / 'bin')}, check=True)
    for engine in engines:
        if engine not in BEAM_JARS:
            continue
        folder = parts / engine
        subprocess.run(['java', '-version'], check=True, capture_output=True)  # not there, not tried
        if not (folder / 'complete').exists():
            folder.mkdir(exist_ok=True)
            (folder / 'pom.xml').write_text(POM.format(*BEAM_JARS[engine]))
            maven = ['mvn', '-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib']
            subprocess.run(maven, cwd=folder, check=True)
            (folder / 'complete').touch()
        name, version = ENGINE_PACKAGES[engine]
        if not (parts / 'dist' / f'{name}-{version}.complete').exists():
            pip = [sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '--no-build-isolation']
            subprocess.run([*pip, '--dest', str(parts / 'dist'), f'{name}=={version}'], check=True)
            with tarfile.open(parts / 'dist' / f'{name}-{version}.tar.gz') as archive:
                archive.extractall(parts / 'dist', filter='data')
            (parts / 'dist' / f'{name}-{version}.complete').touch()


def free_port() -> int:
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return int(server.getsockname()[1])


class Machines:
    """The processes, each with a folder of its own below `root` as its home, working and temporary folder."""

    def __init__(self, root: Path, environment: dict[str, str]):
        self.root, self._environment = root, environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def home(self, name: str) -> Path:
        folder = self.root / name
        (folder / 'tmp').mkdir(parents=True, exist_ok=True)
        return folder

    def environment(self, name: str) -> dict[str, str]:
        home = self.home(name)
        return self._environment | {'HOME': str(home), 'TMPDIR': str(home / 'tmp')}

    def add_environment(self, **variables: str) -> None:
        """Sets variables of all processes that are started from now on."""
        self._environment |= variables

    def start(self, name: str, command: list[str], port: int | None = None, **environment: str) -> None:
        """Starts a process and, with a `port`, waits until it answers there."""
        with open(self.home(name) / 'log', 'ab') as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=self.home(name),
                env=self.environment(name) | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 90
        while port:
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1):
                return
            if time.monotonic() > end or self._running[name].poll() is not None:
                sys.exit(f'{name} did not start; see {self.home(name) / "log"}')
            time.sleep(0.3)

    def kill(self, name: str) -> None:
        """Ends a process, and those that it started, at once."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        for name in list(self._running):
            self.kill(name)


def java(parts: list[Path | str], *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """A Java program with jars of folders, or single ones, on its class path."""
    jars = ':'.join(f'{part}/*' if isinstance(part, Path) else part for part in parts)
    return ['java', *OPENS, *options, '-cp', jars, *arguments]


class Engine:
    """A started engine: Beam's flags for it, and what to do to kill a worker in the middle, if it outlives that."""

    def __init__(self, flags: list[str], kill: Callable[[], None] | None):
        self.flags, self.kill = flags, kill


def pool(machines: Machines, name: str) -> list[str]:
    """Starts Python workers; returns Beam's flags for them."""
    port = free_port()
    command = [sys.executable, '-m', 'apache_beam.runners.worker.worker_pool_main', f'--service_port={port}']
    machines.start(name, command, port)
    return ['--environment_type=EXTERNAL', f'--environment_config=localhost:{port}']


def processes(machines: Machines) -> list[str]:
    """Returns Beam's flags for a worker of its own for each part of an engine, where they are: a pool is for one part.

    (Two of them give their workers the same names, and a pool then ends those of both.)
    """
    script = machines.home('workers') / 'worker.sh'
    program = f'{sys.executable} {machines.home("workers") / "worker.py"}'
    shutil.copy(Path(__file__).with_name('worker.py'), script.parent)
    script.write_text(f'#!/bin/sh\nexec {program} "$@" >>{script.parent}/log 2>&1\n')
    script.chmod(0o755)
    return ['--environment_type=PROCESS', '--environment_config=' + json.dumps({'command': str(script)})]


def start_prism(machines: Machines, parts: Path) -> Engine:
    port = free_port()
    machines.start('prism', [str(parts / 'bin' / 'prism'), f'-job_port={port}', '-serve_http=false'], port)
    workers = pool(machines, 'prism-workers')
    return Engine(['--runner=PortableRunner', f'--job_endpoint=localhost:{port}', *workers], None)


def start_flink(machines: Machines, parts: Path) -> Engine:
    rpc, rest = free_port(), free_port()
    conf = machines.home('flink-conf')
    (conf / 'flink-conf.yaml').write_text(FLINK_CONF.format(rpc=rpc, rest=rest))
    flink = [parts / 'dist' / 'apache-flink-libraries-1.16.3' / 'deps' / 'lib']
    runtime = 'org.apache.flink.runtime'
    main = f'{runtime}.entrypoint.StandaloneSessionClusterEntrypoint'
    machines.start('flink-jobmanager', java(flink, main, '--configDir', str(conf)), rest)
    # A TaskManager needs the job's jars only, which the job server sends.

    def start_worker(name: str) -> None:
        main = f'{runtime}.taskexecutor.TaskManagerRunner'
        machines.start(name, java(flink, main, '--configDir', str(conf), '-D', f'taskmanager.resource-id={name}'))

    start_worker('flink-taskmanager-1')
    start_worker('flink-taskmanager-2')
    port = free_port()
    ports = [f'--job-port={port}', f'--artifact-port={free_port()}', f'--expansion-port={free_port()}']
    artifacts = f'--artifacts-dir={machines.home("flink-jobserver") / "artifacts"}'
    master = ['--job-host=localhost', f'--flink-master=localhost:{rest}', artifacts]
    main = 'org.apache.beam.runners.flink.FlinkJobServerDriver'
    machines.start('flink-jobserver', java([parts / 'flink' / 'lib'], main, *ports, *master), port)

    def kill() -> None:
        machines.kill('flink-taskmanager-1')
        time.sleep(3)
        start_worker('flink-taskmanager-3')

    flags = ['--runner=PortableRunner', f'--job_endpoint=localhost:{port}', '--parallelism=2']
    return Engine([*flags, *processes(machines)], kill)


def start_spark(machines: Machines, parts: Path) -> Engine:
    jars, beam = parts / 'dist' / 'pyspark-3.5.6' / 'deps' / 'jars', parts / 'spark' / 'lib'
    for doubled in beam.glob('slf4j-api-*.jar'):  # one is enough, and this one is too old
        doubled.unlink()
    master = free_port()
    deploy = 'org.apache.spark.deploy'
    here = ['--host', '127.0.0.1']
    web = ['--webui-port', str(free_port())]
    machines.start('spark-master', java([jars], f'{deploy}.master.Master', *here, '--port', str(master), *web), master)

    def start_worker(name: str) -> None:
        size = ['--cores', '1', '--memory', '1g', '--webui-port', str(free_port())]
        command = java([jars], f'{deploy}.worker.Worker', *here, *size, f'spark://127.0.0.1:{master}')
        home = machines.home(name)
        machines.start(
            name, command, SPARK_SCALA_VERSION='2.12', SPARK_HOME=str(jars.parent), SPARK_WORKER_DIR=str(home)
        )

    start_worker('spark-worker-1')
    start_worker('spark-worker-2')
    port = free_port()
    ports = [f'--job-port={port}', f'--artifact-port={free_port()}', f'--expansion-port={free_port()}']
    artifacts = f'--artifacts-dir={machines.home("spark-jobserver") / "artifacts"}'
    url = ['--job-host=localhost', f'--spark-master-url=spark://127.0.0.1:{master}', artifacts]
    options = (
        f'-Dspark.executor.extraClassPath={beam}/*',
        f'-Dspark.executor.extraJavaOptions={" ".join(OPENS)}',
        '-Dspark.driver.host=127.0.0.1',
    )
    main = 'org.apache.beam.runners.spark.SparkJobServerDriver'
    machines.start('spark-jobserver', java([beam, jars], main, *ports, *url, options=options), port)

    def kill() -> None:
        machines.kill('spark-worker-1')  # its executor with it
        time.sleep(3)
        start_worker('spark-worker-3')

    return Engine(['--runner=PortableRunner', f'--job_endpoint=localhost:{port}', *processes(machines)], kill)


STARTERS = {'prism': start_prism, 'flink': start_flink, 'spark': start_spark}


class Store:
    """The S3 server: a bucket with the music."""

    def __init__(self, machines: Machines):
        import boto3

        self.port = free_port()
        self.log = machines.home('s3') / 'log'
        server = [sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(self.port)]
        machines.start('s3', server, self.port)
        self.url = f'http://127.0.0.1:{self.port}'
        self.client = boto3.client('s3', endpoint_url=self.url)
        self.client.create_bucket(Bucket='music')

    def put_folder(self, folder: Path, name: str) -> int:
        paths = [path for path in folder.rglob('*') if path.is_file()]
        for path in paths:
            self.client.upload_file(str(path), 'music', f'{name}/{path.relative_to(folder)}')
        return len(paths)

    def names(self, name: str) -> list[str]:
        """All files below a folder of the bucket."""
        listed = self.client.list_objects_v2(Bucket='music', Prefix=f'{name}/').get('Contents', [])
        return [one['Key'] for one in listed]

    def digests(self, name: str) -> dict[str, str]:
        """The files in a folder of the bucket."""
        keys = [key for key in self.names(name) if key.count('/') == name.count('/') + 1]
        bodies = (self.client.get_object(Bucket='music', Key=key)['Body'].read() for key in keys)
        return {key.rsplit('/', 1)[1]: digest(body) for key, body in zip(keys, bodies, strict=True)}

    def fetched(self) -> int:
        """How many files of music were read so far, as far as the log tells."""
        return self.log.read_text(errors='replace').count('GET /music/midi/')


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest(path.read_bytes()) for path in folder.iterdir() if path.is_file()}


def digest(body: bytes) -> str:
    """Of a file, but for what a description tells of the command, and of where its files are."""
    if body.startswith(b'{'):
        record = json.loads(body)
        body = json.dumps({name: value for name, value in record.items() if name not in _OF_THE_COMMAND}).encode()
    return hashlib.sha256(body).hexdigest()


def command(machines: Machines, where: str, *arguments: str, module: str) -> subprocess.Popen[bytes]:
    with open(machines.home(where) / 'log', 'ab') as log:
        return subprocess.Popen(
            [sys.executable, '-m', f'solferino.bin.{module}', *arguments],
            cwd=machines.home(where),
            env=machines.environment(where),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def timed(process: subprocess.Popen[bytes], what: str, expected: int = 0) -> float:
    """Returns the seconds until a process has ended. Raises RuntimeError if it ends with another exit code."""
    start = time.monotonic()
    try:
        code = process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RuntimeError(f'{what} took longer than {SECONDS} s') from None
    if code != expected:
        raise RuntimeError(f'{what} failed: exit code {code}')
    return time.monotonic() - start


def convert_flags(source: str, output: str) -> list[str]:
    return [f'--input_dir={source}', '--recursive', f'--output_file={output}/notes@4.tfrecord']


def try_engine(name: str, machines: Machines, store: Store, parts: Path, expected: list[dict[str, str]]) -> list[str]:
    """Returns the row of an engine: seconds of both commands, of an end by Ctrl-C, of convert with a killed worker."""
    row = [name]
    engine = STARTERS[name](machines, parts)
    flags = [*engine.flags, f'--s3_endpoint_url={store.url}']
    convert, dataset = 'convert_dir_to_note_sequences', 'drums_rnn_create_dataset'
    try:
        out = f's3://music/{name}'
        process = command(machines, 'submitter', *convert_flags('s3://music/midi', out), *flags, module=convert)
        seconds = timed(process, 'convert')
        row.append(f'{seconds:.0f}, {said(store.digests(name) == expected[0])}')
        source = [f'--input={out}/notes@4.tfrecord', f'--output_dir={out}/data', '--eval_ratio=0.2']
        seconds = timed(command(machines, 'submitter', *source, *flags, module=dataset), 'create_dataset')
        row.append(f'{seconds:.0f}, {said(store.digests(f"{name}/data") == expected[1])}')

        def begun(output: str, number: int) -> subprocess.Popen[bytes]:
            """Returns a convert that has read some files."""
            before, start = store.fetched(), time.monotonic()
            given = [*convert_flags('s3://music/midi', f's3://music/{output}'), *flags]
            process = command(machines, 'submitter', *given, module=convert)
            while process.poll() is None and store.fetched() < before + number and time.monotonic() < start + SECONDS:
                time.sleep(0.2)
            return process

        process = begun(f'{name}-stopped', 20)  # of 224, so that it has not ended meanwhile
        process.send_signal(signal.SIGINT)
        seconds = timed(process, 'a stopped command', 128 + signal.SIGINT)
        time.sleep(_LATER_S)
        left = store.names(f'{name}-stopped')
        row.append(f'{seconds:.0f}, ' + (f'LEFT {left[0]}' if left else 'nothing left'))
        if not engine.kill:
            return [*row, 'has no other worker']
        start = time.monotonic()
        process = begun(f'{name}-killed', 60)
        engine.kill()
        timed(process, 'convert with a killed worker')
        return [*row, f'{time.monotonic() - start:.0f}, {said(store.digests(f"{name}-killed") == expected[0])}']
    except RuntimeError as error:
        return [*row, *[str(error)] * (5 - len(row))]


def said(same: bool) -> str:
    return 'same bytes' if same else 'OTHER BYTES'


@contextlib.contextmanager
def machines_in(build: Path) -> Iterator[Machines]:
    """Ends all processes at the end. Workers have the project as a wheel, and no checkout."""
    root = build / 'roots'
    shutil.rmtree(root, ignore_errors=True)
    site = root / 'site'
    wheel = [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-build-isolation', '--target', str(site)]
    subprocess.run([*wheel, str(ROOT)], check=True)
    environment = {
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': str(site),
        'AWS_ACCESS_KEY_ID': 'test',
        'AWS_SECRET_ACCESS_KEY': 'test',
        'AWS_DEFAULT_REGION': 'us-east-1',
        'CUDA_VISIBLE_DEVICES': '-1',
        'LC_ALL': 'C.UTF-8',
    }
    os.environ.update({name: value for name, value in environment.items() if name.startswith('AWS_')})
    machines = Machines(root, environment)
    try:
        yield machines
    finally:
        machines.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--engines', default='prism,flink,spark', help='some of prism,flink,spark')
    parser.add_argument('--build', type=Path, default=ROOT / 'build' / 'engines', help='folder for the roots')
    parser.add_argument('--parts', type=Path, help='folder of what is fetched; build/engines/parts')
    parser.add_argument('--fetch', action='store_true', help='fetch what is missing, and end')
    args = parser.parse_args()
    engines = args.engines.split(',')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))  # so that all that was started ends too
    build = args.build.resolve()
    parts = (args.parts or build / 'parts').resolve()
    fetch(parts, engines)
    if args.fetch:
        return
    with machines_in(build) as machines:
        store = Store(machines)
        print(f'{store.put_folder(MUSIC, "midi")} files in the bucket', flush=True)
        local, music = machines.home('alone'), machines.home('alone') / 'midi'
        music.symlink_to(MUSIC)
        flags = convert_flags(str(music), str(local / 'notes'))
        alone = timed(command(machines, 'alone', *flags, module='convert_dir_to_note_sequences'), 'convert')
        source = [f'--input={local}/notes/notes@4.tfrecord', f'--output_dir={local}/data', '--eval_ratio=0.2']
        dataset = timed(command(machines, 'alone', *source, module='drums_rnn_create_dataset'), 'create_dataset')
        expected = [digests(local / 'notes'), digests(local / 'data')]
        rows = [['', 'convert, s', 'create_dataset, s', 'Ctrl-C, s', 'convert, a worker killed, s']]
        rows.append(['one process, local files', f'{alone:.0f}', f'{dataset:.0f}', '', ''])
        for name in engines:
            rows.append(try_engine(name, machines, store, parts, expected))
            print('| ' + ' | '.join(rows[-1]) + ' |', flush=True)
    conclude(rows, build)


def conclude(rows: list[list[str]], build: Path) -> None:
    """Prints the table, and ends with an error if something in it is not as it should be."""
    print()
    for number, row in enumerate(rows):
        print('| ' + ' | '.join(row) + ' |')
        if not number:
            print('|' + ' --- |' * len(row))
    if any(word in cell for row in rows for cell in row for word in ('OTHER', 'LEFT', 'failed', 'longer')):
        logs = sorted((build / 'roots').glob('*/log'))
        for log in logs:
            said_last = log.read_text(errors='replace').splitlines()[-30:]
            print(f'---- {log}', *said_last, sep='\n')
        sys.exit('Not all is as it should be; above is the end of what each process said.')


if __name__ == '__main__':
    main()
