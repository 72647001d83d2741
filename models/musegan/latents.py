"""The latents that pieces are made of: drawn by the seed, held by a seed of their own, or between two seeds."""

from collections.abc import Sequence

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.musegan import MuseGanGeneration, MuseGanHparams
from solferino.models.musegan.generator import Latents

# What numbers are drawn for, after the seed.
CHORDS, STYLE, MELODY, GROOVE, NOISE = range(5)


def draw(hparams: MuseGanHparams, outputs: int, pieces: int, options: MuseGanGeneration) -> Latents:
    """Returns the latents of `pieces` for each of the outputs, [outputs * pieces, ...].

    An output's do not depend on how many there are, nor a piece's. Raises SolferinoError for seeds that are not as many
    as tracks.
    """
    held = {which: _seeds(options, name, hparams.num_tracks) for which, name in _NAMES.items()}
    found = []
    for output in range(outputs):
        for piece in range(pieces):
            if options.interpolation:
                first, last, steps = options.interpolation
                one, other = (_of_seed(hparams, (seed, output), held) for seed in (first, last))
                share = piece / (steps - 1)
                found.append(Latents(*(_between(a, b, share) for a, b in zip(one, other, strict=True))))
            else:
                found.append(_of_seed(hparams, (options.seed, output, piece), held))
    scale = np.float32(options.temperature)
    return Latents(*(scale * np.stack(parts) for parts in zip(*found, strict=True)))


def seed_of(seed: int, output: int, piece: int) -> int:
    """Returns a seed for one piece of one output, where many are to be drawn for it."""
    return int(np.random.SeedSequence([seed, output, piece]).generate_state(1)[0])


def varied(hparams: MuseGanHparams, options: MuseGanGeneration) -> dict[str, Latents]:
    """Returns, by the name of each latent, some that differ from the first piece's, which come first, in it alone."""
    drawn = draw(hparams, 1, _VARIED, options)
    first = Latents(*(np.repeat(part[:1], _VARIED, axis=0) for part in drawn))
    return {name: first._replace(**{name: getattr(drawn, name)}) for name in Latents._fields}


_VARIED = 6
_NAMES = {CHORDS: 'chords_seed', STYLE: 'style_seed', MELODY: 'melody_seed', GROOVE: 'groove_seed'}


def _seeds(options: MuseGanGeneration, name: str, tracks: int) -> tuple[int, ...]:
    """The seeds that a latent is held by, one for each track; () if it is not held."""
    numbers = options.numbers(name)
    if len(numbers) not in (0, 1, tracks):
        raise SolferinoError(f'--{name}={getattr(options, name)} must be one number or {tracks}, one for each track.')
    return numbers * tracks if len(numbers) == 1 else numbers


def _of_seed(hparams: MuseGanHparams, seed: Sequence[int], held: dict[int, tuple[int, ...]]) -> Latents:
    size, tracks = hparams.latent_size, hparams.num_tracks

    def normal(which: int, track: int) -> np.ndarray:
        begin = [held[which][track]] if held[which] else seed
        return np.random.default_rng([*begin, which, track]).standard_normal(size, np.float32)

    return Latents(
        normal(CHORDS, 0),
        normal(STYLE, 0),
        np.stack([normal(MELODY, track) for track in range(tracks)]),
        np.stack([normal(GROOVE, track) for track in range(tracks)]),
    )


def _between(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Spherical interpolation: normal numbers of many dimensions lie on a sphere, and a straight line leaves it."""
    a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (one, other))
    angle = np.arccos(np.clip((a * b).sum(-1, keepdims=True), -1, 1))
    sine = np.maximum(np.sin(angle), 1e-6)
    mixed = (np.sin((1 - share) * angle) * one + np.sin(share * angle) * other) / sine
    return mixed.astype(np.float32)
