"""What Beam's runner on this machine needs to know of our worker processes (`workers.py`)."""

import subprocess
import weakref
from typing import Any

from solferino.pipelines.engine.lean_beam import beam  # noqa: F401  before any other module of Beam's
from solferino.pipelines.engine.workers import Workers

# isort: split
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.transforms import environments
from google.protobuf import json_format, text_format

_URN = 'solferino:worker:v1'
_KNOWN: weakref.WeakValueDictionary[str, Workers] = weakref.WeakValueDictionary()  # by the payload of an environment


def environment(workers: Workers) -> Any:
    """Returns the environment in which Beam has these workers do its work."""
    payload = str(id(workers))
    _KNOWN[payload] = workers
    return _Environment(payload, capabilities=environments.python_sdk_capabilities())


class _Environment(environments.SubprocessSDKEnvironment):
    """A name for workers."""

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        return _URN, self.command_string.encode()


@worker_handlers.WorkerHandler.register_environment(_URN, bytes)
class _Handler(worker_handlers.GrpcWorkerHandler):
    """One worker, as Beam's runner sees it."""

    def __init__(self, payload: bytes, state: Any, provision_info: Any, grpc_server: Any):
        super().__init__(state, provision_info, grpc_server)
        self._workers = _KNOWN[payload.decode()]

    def start_worker(self) -> None:
        self._process: subprocess.Popen[bytes] = self._workers.take(
            {
                'CONTROL_API_SERVICE_DESCRIPTOR': text_format.MessageToString(self.control_api_service_descriptor()),
                'LOGGING_API_SERVICE_DESCRIPTOR': text_format.MessageToString(self.logging_api_service_descriptor()),
                'PIPELINE_OPTIONS': json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
                'WORKER_ID': self.worker_id,
            }
        )

    def stop_worker(self) -> None:
        self._process.wait()
