"""How the processes of a cluster come together, what they must agree on, and what is said when one of them is lost.

TensorFlow waits an hour for the others, deaf to Ctrl-C, also for one that has failed. So each process listens at its
own address until all others have answered at theirs; then TensorFlow, which soon listens there, finds all of them.
"""

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models.core.layers.replicas import VARIABLE, Cluster, LostError
from solferino.models.core.runs.run_dir import Run
from solferino.models.core.training.data import Dataset
from solferino.models.core.training.interrupts import Stop

_log = logging.getLogger(__name__)
_QUIET_S = 5.0  # before it is said for whom this process waits
_PAUSE_S = 0.1


def wait(cluster: Cluster, stop: Stop) -> None:
    """Waits until every other process of a cluster listens at its address.

    Raises:
      SolferinoError: the port of this process is taken.
      LostError: the cluster is not whole any more.
      KeyboardInterrupt: what the user's signal to stop does without `stop`.
    """
    own = cluster.addresses[cluster.index]
    others = [address for address in cluster.addresses if address != own]
    begun = time.monotonic()
    told = False
    with _listening(own, cluster):
        while True:
            if not cluster.whole():
                raise LostError('A process of this training ended before it began. Give the same command again.')
            # All anew in each round: one that has answered may have ended since.
            missing = [address for address in others if not _answers(address)]
            if not missing:
                return
            if stop.wanted and stop.number:
                signal.raise_signal(stop.number)  # the second one acts at once
            if not told and time.monotonic() > begun + _QUIET_S:
                told = True
                _log.info(
                    'Waiting for the other processes of this training: %s. One that says that nothing is left to train '
                    'does not come: then stop this one.',
                    ', '.join(missing),
                )
            time.sleep(_PAUSE_S)


def facts(run: Run, dataset: Dataset, num_steps: int) -> list[Any]:
    """What must be the same for all processes of a cluster, as JSON can hold it."""
    config = run.config
    settled = [overrides.as_dict(part) for part in (config.hparams, config.extraction)]
    return [config.name, *settled, run.seed, dataset.fingerprint, num_steps]


@contextlib.contextmanager
def loss_told(cluster: Cluster | None) -> Iterator[None]:
    """Raises LostError for what TensorFlow raises when another process of a cluster is gone."""
    try:
        yield
    except Exception as error:
        if cluster is None or isinstance(error, SolferinoError):
            raise
        import tensorflow as tf

        gone = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        if not isinstance(error, gone) and 'ollective' not in str(error):
            raise
        raise LostError(
            'Another process of this training is gone. Start it again; from the last checkpoint on all go on together.'
        ) from None


def _listening(address: str, cluster: Cluster) -> socket.socket:
    place = ('', _split(address)[1])
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # where the system has IPv6, but no address of it
            return socket.create_server(place, family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    try:
        return socket.create_server(place, backlog=1024)
    except OSError as error:
        remedy = 'Another program may have this port; give it another one for all processes.'
        if not cluster.rejoins:  # nobody has given it
            remedy = 'Give the same command again.'
        raise SolferinoError(
            f'This process is {address} in {VARIABLE}, but cannot listen there: {os.strerror(error.errno or 0)}. '
            + remedy
        ) from None


def _answers(address: str) -> bool:
    try:
        with socket.create_connection(_split(address), timeout=1) as made:
            return bool(made.getsockname() != made.getpeername())  # a port of this machine may be its own caller
    except (OSError, UnicodeError):  # the latter of a name that can be no host's
        return False


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(':')
    return host.strip('[]'), int(port)
