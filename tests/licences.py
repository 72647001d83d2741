"""Writes docs/licences.md: the licence of each package in requirements.lock, as its installed metadata say it.

    .venv/bin/python tests/licences.py

`licences_test.py` holds the page against it, and that there is no GPL in what is imported.
"""

import collections
import importlib.metadata
import re
from pathlib import Path
from unittest import mock

import setuptools

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / 'docs/licences.md'
BASE, DEV = 'all', 'dev'
_OURS = 'solferino (setup.py)'

# Packages of the lock that are installed on some Pythons or systems alone: by their pages on PyPI.
ELSEWHERE = {
    'audioop-lts': 'PSF-2.0',
    'colorama': 'BSD-3-Clause',
    'standard-aifc': 'PSF-2.0',
    'standard-chunk': 'PSF-2.0',
    'standard-sunau': 'PSF-2.0',
    'tzdata': 'Apache-2.0',
}
# What metadata without an SPDX expression say, in SPDX's words; the first that is found.
_SPDX = {
    r'MPL-2\.0 AND MIT': 'MPL-2.0 AND MIT',
    r'\bAGPL|Affero': 'AGPL',
    r'\bLGPL|Lesser': 'LGPL',
    r'\bGPL|GNU General': 'GPL',
    r'Mozilla|MPL': 'MPL-2.0',
    r'Apache': 'Apache-2.0',
    r'ISC': 'ISC',
    r'Python Software Foundation|PSF': 'PSF-2.0',
    r'MIT': 'MIT',
    r'BSD.2|2.Clause': 'BSD-2-Clause',
    r'BSD.3|3.Clause': 'BSD-3-Clause',
    r'BSD': 'BSD',
}
# Where metadata say nothing: by the licence file in the package.
_SILENT = {'namex': 'Apache-2.0'}
_TEXT = """# Licences

Solferino is under Apache-2.0 ([LICENSE](../LICENSE)). What it stands on is installed beside it and is not part of it.
This page is made by `tests/licences.py` of what the packages in `requirements.lock` say of themselves, and a test holds
it against them.

**No package is under the GPL or AGPL.** What asks for more than a notice:

| licence | packages | what it means |
| --- | --- | --- |
{notable}

Inside wheels, beside what their metadata say:
- `numpy`, `scipy` and `scikit-learn` hold libgfortran or libgomp: GPL-3.0 with the GCC Runtime Library Exception, which
  lets any program use them.
- `soundfile` (extras `sound`, `audio`) holds libsndfile, LGPL-2.1, and with it LAME and mpg123, LGPL; `soxr` holds
  libsoxr, LGPL-2.1.
- `pretty_midi` holds the soundfont TimGM6mb, GPL-2.0: data, which are used where they are and not passed on.
  `--soundfont` takes another one ([sound](sound.md)).

Whether versions have known weaknesses is asked by `pip-audit -r requirements.lock --no-deps --disable-pip --strict`,
which wants a network: it is not part of the tests. On 2026-11-28 (pip-audit 2.10.1) it could not be asked: it found no
package on PyPI (the one address asked by hand answered 404), and `--vulnerability-service=osv` no host. Without
`--strict` pip-audit then says "No known vulnerabilities found", having looked at none.

| package | licence | installed with |
| --- | --- | --- |
{table}
"""
_MEANINGS = {
    'LGPL': 'used unchanged, from a library of its own that can be replaced',
    'MPL': 'used unchanged; changes to its own files would have to be published',
}


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding='utf-8')
    print(f'Written: {PAGE}')


def page() -> str:
    """The page."""
    found = licences()
    rows = [f'| `{name}` | {licence} | {", ".join(users)} |' for name, (licence, users) in found.items()]
    notable = []
    for kind, meaning in _MEANINGS.items():
        names = [name for name, (licence, _) in found.items() if kind in licence]
        notable.append(f'| {kind} | {", ".join(f"`{name}`" for name in names)} | {meaning} |')
    return _TEXT.format(notable='\n'.join(notable), table='\n'.join(rows))


def licences() -> dict[str, tuple[str, list[str]]]:
    """The licence of each package of the lock, and the installations that bring it: `all`, and extras."""
    users = _users(parents((ROOT / 'requirements.lock').read_text(encoding='utf-8')))
    return {name: (licence(name), users[name]) for name in sorted(users)}


def parents(lock: str) -> dict[str, list[str]]:
    """The packages of a lock file, and what each is there for: packages, and _OURS."""
    found: dict[str, list[str]] = {}
    for line in lock.splitlines():
        if match := re.match(r'([\w.-]+)==', line):
            found[match[1]] = []
        elif found and (match := re.match(r'    # (?:via |  )(\S.*)', line)):
            found[list(found)[-1]].append(match[1])
    return found


def _users(why: dict[str, list[str]]) -> dict[str, list[str]]:
    roots = _declared()
    users: dict[str, set[str]] = {name: set(roots[name]) for name in why}
    changed = True
    while changed:
        changed = False
        for name, packages in why.items():
            inherited = {user for package in packages if package != _OURS for user in users[package]}
            changed |= not inherited <= users[name]
            users[name] |= inherited
    return {name: [BASE] if BASE in found else sorted(found) for name, found in users.items()}


def _declared() -> dict[str, set[str]]:
    """Which installations setup.py names a package for."""
    with mock.patch.object(setuptools, 'setup') as setup:
        exec(
            compile((ROOT / 'setup.py').read_text(encoding='utf-8'), 'setup.py', 'exec'),
            {'__file__': str(ROOT / 'setup.py')},
        )
    said = setup.call_args.kwargs
    found: dict[str, set[str]] = collections.defaultdict(set)
    for user, requirements in {BASE: said['install_requires'], **said['extras_require']}.items():
        for requirement in requirements:
            name = re.match(r'[\w.-]+', requirement)[0]  # type: ignore[index]
            found[re.sub(r'[-_.]+', '-', name).lower()].add(user)
    found['tensorflow'] |= found['tensorflow-cpu']
    return found


def licence(name: str) -> str:
    """What a package says of itself, in SPDX's words. Raises LookupError if it says nothing that is known."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    said = importlib.metadata.metadata(_installed(name))
    if expression := said.get('License-Expression'):
        return expression
    classifiers = [one for one in said.get_all('Classifier') or [] if one.startswith('License ::')]
    short = (said.get('License') or '').strip().partition('\n')[0]
    for text in (short, *classifiers):  # a text of several lines begins with anything
        for pattern, spdx in _SPDX.items():
            if re.search(pattern, text):
                return spdx
    if name in _SILENT:
        return _SILENT[name]
    raise LookupError(f'{name} says nothing of its licence that is known: {short!r}, {classifiers}')


def _installed(name: str) -> str:
    """TensorFlow may be the one without GPU support."""
    if name == 'tensorflow':
        for choice in (name, 'tensorflow-cpu'):
            try:
                importlib.metadata.version(choice)
            except importlib.metadata.PackageNotFoundError:
                continue
            return choice
    return name


if __name__ == '__main__':
    main()
