"""Runs the tests marked `cpus` as if on several kinds of CPU: `make test-cpus`.

    python tests/cpus.py [--quick]

BLAS chooses other kernels for each kind, and NumPy other loops; environment variables make them believe that the CPU is
an older one than it is. A kind that this CPU cannot play is left out.
"""

import os
import subprocess
import sys
from pathlib import Path

import threadpoolctl
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

ROOT = Path(__file__).resolve().parent.parent

# Kinds of CPU by OpenBLAS's names, newest first: the feature that a CPU must have, and what NumPy uses of it at most.
KINDS = {
    'SkylakeX': ('AVX512_SKX', None),
    'Zen': ('AVX2', 'X86_V3'),
    'Haswell': ('AVX2', 'X86_V3'),
    'Sandybridge': ('AVX', 'X86_V2'),
    'Nehalem': ('SSE42', 'X86_V2'),
    'Prescott': ('SSE3', 'X86_V2'),
}
QUICK = ('Haswell', 'Nehalem')  # the native kind is part of all tests


def environment(kind: str) -> dict[str, str]:
    """The environment variables that make this CPU one of KINDS."""
    most = KINDS[kind][1]
    levels = ['X86_V2', *__cpu_dispatch__]  # ascending
    beyond = levels[levels.index(most) + 1 :] if most in levels else []
    disabled = [level for level in beyond if __cpu_features__.get(level)]  # NumPy complains of those that are not there
    return {'OPENBLAS_CORETYPE': kind} | ({'NPY_DISABLE_CPU_FEATURES': ' '.join(disabled)} if disabled else {})


def main() -> int:
    native = [pool.get('architecture') for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas']
    print(f'BLAS takes this CPU for: {", ".join(map(str, native))}.', flush=True)
    failed, done = [], 0
    for kind, (feature, _) in KINDS.items():
        if '--quick' in sys.argv and kind not in QUICK:
            continue
        if not __cpu_features__.get(feature):
            print(f'{kind}: left out, this CPU has no {feature}.', flush=True)
            continue
        variables = environment(kind)
        print(f'{kind}: {" ".join(f"{name}={value!r}" for name, value in variables.items())}', flush=True)
        command = [sys.executable, '-m', 'pytest', '-q', '-m', 'cpus', '-p', 'no:cacheprovider']
        done += 1
        if subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=False).returncode:
            failed.append(kind)
    print(f'{done - len(failed)} of {done} kinds of CPU passed.' + (f' Failed: {", ".join(failed)}.' if failed else ''))
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
