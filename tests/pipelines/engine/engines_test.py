"""What is missing for an engine is said at once, with the command that starts it."""

import socket

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.engine import engines, runner


@pytest.fixture
def server():
    """The address of a port that something answers at."""
    with socket.create_server(('127.0.0.1', 0)) as listening:
        yield f'localhost:{listening.getsockname()[1]}'


@pytest.fixture
def nobody():
    """An address where nobody answers."""
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))  # and does not listen
        yield f'localhost:{taken.getsockname()[1]}'


def refusal(*flags):
    with pytest.raises(SolferinoError) as refused:
        runner.run(lambda pipeline: None, ['--runner=PortableRunner', *flags])
    return str(refused.value)


def test_a_job_server(nobody):
    assert 'nothing answers there. Start a job server, such as Prism (go install' in refusal(f'--job_endpoint={nobody}')
    assert 'it needs a job server. Start' in refusal()
    assert '--job_endpoint=here is no address: write HOST:PORT.' in refusal('--job_endpoint=here')


@pytest.mark.parametrize('flag', ['--output_executable_path=job.jar', '--template_location=gs://bucket/template'])
def test_a_file_to_run_later(flag):
    assert f'{flag.partition("=")[0]} is refused: what the workers write gets its name' in refusal(flag)


@pytest.mark.parametrize('form', ['{}', '{{"url": "{}"}}'])
def test_a_worker_pool(server, nobody, form):
    said = refusal(
        f'--job_endpoint={server}', '--environment_type=EXTERNAL', f'--environment_config={form.format(nobody)}'
    )
    assert f'no worker pool answers at {nobody}.' in said
    assert f'worker_pool_main --service_port={nobody.split(":")[1]}' in said


def test_docker(server, monkeypatch):
    monkeypatch.setenv('PATH', '')
    assert 'Docker does not answer on this machine' in refusal(f'--job_endpoint={server}')


@pytest.mark.parametrize(
    'raised, says',
    [
        ('Unable to fetch remote prism binary at x', 'Prism is not installed, and cannot be downloaded. Start'),
        ('Unable to fetch remote job server jar at x', "Beam's cannot be downloaded. Start"),
        ("x\nModuleNotFoundError: No module named 'solferino'\n", 'The workers have no Solferino. Make a wheel'),
        (
            'Pipeline x failed in state FAILED: java.lang.Exception: no slots',
            'the engine failed: java.lang.Exception: no slots.',
        ),
        ('<_InactiveRpcError: StatusCode.UNAVAILABLE>', 'does not answer any more'),
    ],
)
def test_what_engines_raise(raised, says):
    assert says in (engines.explain(RuntimeError(raised), 'FlinkRunner') or '')


def test_other_errors_are_left_alone():
    assert engines.explain(RuntimeError("No module named 'elsewhere'"), 'FlinkRunner') is None
    ours = 'Pipeline x failed in state FAILED: Traceback (most recent call last):\nZeroDivisionError: x'
    assert engines.explain(RuntimeError(ours), 'FlinkRunner') is None


def test_ctrl_c_ends_the_pipeline_on_its_engine(capsys):
    asked = []

    class Running:
        @property
        def state(self):
            asked.append('state')
            return 'CANCELLED' if len(asked) > 2 else 'CANCELLING'

        def wait_until_finish(self):
            raise KeyboardInterrupt

        def cancel(self):
            asked.append('cancel')

    with pytest.raises(KeyboardInterrupt):
        runner._finish(Running())
    assert asked == ['cancel', 'state', 'state']
    assert 'Stopping the pipeline on its engine.' in capsys.readouterr().err
