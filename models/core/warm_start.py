"""A trained model that a new run begins with: `--warm_start_bundle_file`."""

import dataclasses
import hashlib

import numpy as np

from solferino.hparams.spec import Config
from solferino.models.core.family import Weights


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """A trained model.

    Attributes:
      source: what was named, a bundle or a run directory.
      file: that it was read from.
      config: with its hparams.
      weights: by name.
    """

    source: str
    file: str
    config: Config
    weights: Weights

    def describe(self) -> dict[str, str]:
        """What a run says about the model that it began with: 'path' and 'fingerprint', which tells models apart."""
        digest = hashlib.sha256()
        for name in sorted(self.weights):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.weights[name]).tobytes())
        return {'path': self.source, 'fingerprint': digest.hexdigest()[:16]}
