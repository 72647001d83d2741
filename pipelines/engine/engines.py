"""What Beam's engines need before a pipeline can run there, said in sentences; docs/engines.md tells more.

Beam itself waits without a word for a job server that nobody has started, ends in tracebacks about Docker, and takes
Prism down with a worker pool that is missing.
"""

import json
import re
import socket
import subprocess
from typing import Any

from solferino.hparams.errors import SolferinoError

_SECONDS = 5  # within which something on the way must answer
_HERE = ('localhost', '127.0.0.1', '::1', '')
_PRISM = 'go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{version} && prism -job_port=8073'
_WORKERS = (
    '--environment_type=LOOPBACK for workers in this process, or EXTERNAL with --environment_config=HOST:PORT for '
    'those of a worker pool'
)
# How Beam says that it cannot have a part of an engine.
_MISSING = (
    ('Unable to fetch remote prism binary', 'Prism is not installed, and cannot be downloaded'),
    ('Unable to fetch remote job server jar', "there is no Flink or Spark job server, and Beam's cannot be downloaded"),
    ('You must specify a --job_endpoint', 'it needs a job server'),
)


def require(options: Any) -> None:
    """Raises SolferinoError if Beam's options name a job server, workers or Docker that are not there.

    Or if they ask for a file to run later, without the command: it renames what the workers write.
    """
    from apache_beam.options.pipeline_options import GoogleCloudOptions, PortableOptions

    portable = options.view_as(PortableOptions)
    later = {
        'output_executable_path': portable.output_executable_path,
        'template_location': options.view_as(GoogleCloudOptions).template_location,
    }
    for flag, given in later.items():
        if given:
            raise SolferinoError(
                f'--{flag} is refused: what the workers write gets its name by this command, at the end. '
                'Run it on a machine that stays up, such as one of the cluster.'
            )
    endpoint = portable.job_endpoint
    if endpoint in (None, 'embed'):
        return
    host = _host(endpoint, f'--job_endpoint={endpoint}')
    if not _answers(endpoint):
        raise SolferinoError(f'--job_endpoint={endpoint}: nothing answers there. {_start()}')
    if host not in _HERE:  # its workers are where it is, not here
        return
    kind, config = (portable.environment_type or 'DOCKER').upper(), portable.environment_config
    if kind == 'EXTERNAL':
        pool = _pool(config or '')
        if _host(pool, f'--environment_config={config}') in _HERE and not _answers(pool):
            raise SolferinoError(
                f'--environment_config={config}: no worker pool answers at {pool}. Start one, with Solferino in its '
                'environment: python -m apache_beam.runners.worker.worker_pool_main '
                f'--service_port={pool.split(":")[-1]}'
            )
    elif kind == 'DOCKER' and not _docker_answers():
        raise SolferinoError(
            f'The workers would be Docker containers, and Docker does not answer on this machine. Start it, or give '
            f'{_WORKERS}.'
        )


def explain(error: Exception, runner: str) -> str | None:
    """Returns a sentence for what an engine raises where something is missing, None for other errors."""
    said = str(error)
    for begins, means in _MISSING:
        if said.startswith(begins):
            return f'--runner={runner}: {means}. {_start()}'
    if re.search(r"No module named '?solferino|No module named .*solferino", said):
        return (
            'The workers have no Solferino. Make a wheel (pip wheel --no-deps .) and give it to them: '
            '--extra_package=solferino-0.1.0-py3-none-any.whl where the engine installs packages (Dataflow, containers '
            "of Beam's), pip install in the environment of a worker pool, or an image of your own by "
            '--sdk_container_image.'
        )
    if 'DEADLINE_EXCEEDED' in said or 'StatusCode.UNAVAILABLE' in said:
        return f'--runner={runner}: its job server does not answer any more. Look at its messages, and start it again.'
    failed = re.match(r'Pipeline \S+ failed in state \w+: (.*)', said)
    if failed and 'Traceback (most recent call last)' not in said:  # no error of a worker's
        return f'--runner={runner}: the engine failed: {failed[1]}. Look at what its parts said.'
    return None


def _start() -> str:
    import apache_beam

    return (
        f'Start a job server, such as Prism ({_PRISM.format(version=apache_beam.__version__)}), and give '
        '--runner=PortableRunner --job_endpoint=localhost:8073 --environment_type=LOOPBACK. docs/engines.md has others.'
    )


def _pool(config: str) -> str:
    """The address in --environment_config, which is it or JSON with it."""
    try:
        return str(json.loads(config)['url'])
    except (ValueError, TypeError, KeyError):
        return config


def _host(address: str, flag: str) -> str:
    match = re.fullmatch(r'(?:\w+://)?\[?(.*?)\]?:(\d+)', address)
    if not match:
        raise SolferinoError(f'{flag} is no address: write HOST:PORT.')
    return match[1]


def _answers(address: str) -> bool:
    host, port = address.rsplit(':', 1)
    try:
        with socket.create_connection((host.split('://')[-1].strip('[]') or 'localhost', int(port)), _SECONDS):
            return True
    except OSError:
        return False


def _docker_answers() -> bool:
    try:
        return not subprocess.run(['docker', 'info'], capture_output=True, timeout=2 * _SECONDS, check=False).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False
