"""Processes that train one model together: each computes a share of every batch, and gradients are averaged.

All begin with the same weights, average before anything is clipped or applied, and so keep the same weights. What is
random in a step differs from process to process, as examples of a batch would. This module imports TensorFlow where it
is needed alone, so that the command can read the cluster first.
"""

import dataclasses
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from solferino.hparams.errors import SolferinoError

VARIABLE = 'TF_CONFIG'
_SEEDS = 1 << 40  # apart, above all seeds that there are
_FORM = """'{"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}'"""


class LostError(SolferinoError):
    """Another process of a training is gone, or is not heard of."""


class Replicas:
    """One process by itself; `Connected` is several.

    Attributes:
      index: of this process; 0 writes checkpoints and reports.
      count: of the processes.
    """

    index = 0
    count = 1

    def seed(self, seed: int) -> int:
        """A seed of this process alone, the given one for the first."""
        return seed + self.index * _SEEDS

    def mean(self, tensors: Sequence[Any], weight: Any) -> list[Any]:
        """The mean over all processes of tensors, each process's with its `weight`, a scalar."""
        return list(tensors)

    def sum(self, tensor: Any) -> Any:
        """The sum over all processes of a tensor."""
        return tensor

    def any(self, wanted: bool) -> bool:
        """Whether any process wants it; all must ask."""
        return wanted


ALONE = Replicas()


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that TF_CONFIG names, and which this one is.

    Attributes:
      addresses: host:port of each, the first of them first.
      index: of this one.
      rejoins: whether it begins again after another one was lost, as that one will.
      whole: whether none of them is known to have ended.
    """

    addresses: tuple[str, ...]
    index: int
    rejoins: bool = True
    whole: Callable[[], bool] = dataclasses.field(default=lambda: True, compare=False)


def of_environment() -> Cluster | None:
    """Returns the cluster of the environment variable TF_CONFIG; None where it names one process or none.

    Raises SolferinoError for what it must not be.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        stated = json.loads(text)
        cluster, task = stated['cluster'], stated.get('task', {'type': 'worker', 'index': 0})
        kinds = [kind for kind in ('chief', 'worker') if cluster.get(kind)]
        addresses = [(kind, number, address) for kind in kinds for number, address in enumerate(cluster[kind])]
        others = set(cluster) - {'chief', 'worker'}
        index = [place[:2] for place in addresses].index((task['type'], int(task['index'])))
        named = tuple(str(address) for _, _, address in addresses)
        parent = stated.get('parent')
        parts = [address.rpartition(':') for address in named]
        if not all(host and 0 < int(port) < 1 << 16 for host, _, port in parts) or len(set(named)) < len(named):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SolferinoError(f'The environment variable {VARIABLE} is not of the form {_FORM}.') from None
    if others:
        raise SolferinoError(
            f'{VARIABLE} names tasks of the type {", ".join(sorted(others))}. Only chief and worker are used here.'
        )
    if len(named) == 1:
        return None
    if parent is None:
        return Cluster(named, index)
    return Cluster(named, index, rejoins=False, whole=lambda: os.getppid() == parent)


class Connected(Replicas):
    """The processes of a cluster, connected. To be made before anything is computed by TensorFlow.

    Raises SolferinoError if they cannot be connected.
    """

    def __init__(self, cluster: Cluster):
        import tensorflow as tf

        self._tf = tf
        self.index, self.count = cluster.index, len(cluster.addresses)
        try:
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, RuntimeError) as error:
            reason = str(error).partition('\n')[0]
            raise SolferinoError(
                f'The processes of {VARIABLE} could not be connected, this one being {cluster.addresses[self.index]}: '
                f'{reason}.'
            ) from None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))  # TensorFlow's service has taken it
        self._any = tf.function(self.sum, input_signature=[tf.TensorSpec([], tf.float32)])

    def mean(self, tensors: Sequence[Any], weight: Any) -> list[Any]:
        """See Replicas. The tensors travel as one."""
        tf = self._tf
        flat = [tf.reshape(tf.convert_to_tensor(tensor), [-1]) for tensor in tensors]
        together = self.sum(tf.concat([*(part * weight for part in flat), tf.reshape(weight, [1])], 0))
        parts = tf.split(together[:-1] / together[-1], [tf.size(part) for part in flat])
        return [tf.reshape(part, tf.shape(tensor)) for part, tensor in zip(parts, tensors, strict=True)]

    def sum(self, tensor: Any) -> Any:
        """See Replicas."""
        tf = self._tf

        def reduced(own: Any) -> Any:
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

        with tf.device(self._strategy.extended.worker_devices[0]):  # where it must be to be reduced
            own = tf.identity(tensor)
        return self._strategy.run(reduced, args=(own,))

    def any(self, wanted: bool) -> bool:
        """See Replicas."""
        return bool(self._any(self._tf.constant(float(wanted))).numpy() > 0)
