"""Estimates as text and as JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from solferino.models.music.metrics.bootstrap import Estimate


def shown(estimate: Estimate) -> str:
    """'1.234 (1.2 to 1.3)', or '-'."""
    if math.isnan(estimate.value):
        return '-'
    if math.isnan(estimate.low):
        return f'{estimate.value:.3f}'
    return f'{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})'


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of one length as lines of text, the first column to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return '\n'.join(
        '  '.join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def plain(value: Any) -> Any:
    """What JSON can hold of a value; numbers that are not finite become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
