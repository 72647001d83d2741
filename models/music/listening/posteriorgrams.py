"""What basic-pitch's network hears: for each frame and key, how surely it sounds and how surely it is struck.

The model: Bittner et al., "A Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription and Multipitch
Estimation", ICASSP 2022; its file comes with the package basic-pitch 0.4.0, which asks for a TensorFlow that is older
than ours, and needs none for this file: the package is never imported.
"""

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solferino.models.music.listening.decoding import RATE, Samples

HOP = 256  # samples from frame to frame
KEYS = 88
LOWEST = 21  # the pitch of the first key

# The network takes windows of just this length and gives their frames. Those near the ends have heard too little: only
# those in the middle are used, and windows begin so far apart that these follow each other. (basic-pitch's own
# windows do not lie on its frames, which it mends by a correction of times.)
_WINDOW = 43844  # samples
_MARGIN, _USED = 15, 142  # frames
_STEP = _USED * HOP

Activations = npt.NDArray[np.float32]


class Posteriorgrams(NamedTuple):
    """Probabilities [frames, KEYS] that a key sounds in a frame, and that it is struck there.

    A frame is in the middle of HOP samples: frame i at i * HOP / RATE seconds.
    """

    frames: Activations
    onsets: Activations


def model_path() -> Path | None:
    """The file of the network; None if basic-pitch is not installed, or has it not."""
    package = importlib.util.find_spec('basic_pitch')
    if not package or not package.origin:
        return None
    path = Path(package.origin).parent / 'saved_models' / 'icassp_2022' / 'nmp.onnx'
    return path if path.is_file() else None


def listen(blocks: Iterable[Samples]) -> Posteriorgrams:
    """Runs the network over sound, blocks of samples at RATE, in one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # there is a process for each core
    options.enable_cpu_mem_arena = True
    options.log_severity_level = 3
    path = model_path()
    assert path, 'the caller has required it'
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=['CPUExecutionProvider'])
    [given] = session.get_inputs()
    wanted = ['StatefulPartitionedCall:1', 'StatefulPartitionedCall:2']
    heard = []
    total = 0
    for window, new in _windows(blocks):
        answers = session.run(wanted, {given.name: window[None, :, None]})
        heard.append(np.stack([answer[0, _MARGIN : _MARGIN + _USED] for answer in answers]))
        total += new
    if not heard:
        return Posteriorgrams(np.zeros((0, KEYS), np.float32), np.zeros((0, KEYS), np.float32))
    both = np.concatenate(heard, axis=1)[:, : -(-total // HOP)]
    return Posteriorgrams(both[0], both[1])


def seconds(frames: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """When frames are."""
    return np.asarray(frames * (HOP / RATE), np.float64)


def _windows(blocks: Iterable[Samples]) -> Iterator[tuple[Samples, int]]:
    """Yields windows, and how many samples of the sound belong to the used frames of each."""
    kept = np.zeros(_MARGIN * HOP, np.float32)  # silence before the beginning
    for block in blocks:
        kept = np.concatenate([kept, block])
        begin = 0
        while len(kept) - begin >= _WINDOW:
            yield kept[begin : begin + _WINDOW], _STEP
            begin += _STEP
        kept = kept[begin:]
    while len(kept) > _MARGIN * HOP:
        window = kept[:_WINDOW]
        yield np.pad(window, (0, _WINDOW - len(window))), min(_STEP, len(kept) - _MARGIN * HOP)
        kept = kept[_STEP:]
