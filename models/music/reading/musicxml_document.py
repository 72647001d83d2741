"""From the bytes of a MusicXML file to its elements: packed or not, in any encoding, partwise or timewise.

Formats: https://www.w3.org/2021/06/musicxml40/.
"""

import html.entities
import io
import re
import zipfile
import zlib
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from solferino.models.music.reading.remarks import NOT_MUSICXML, NOT_UNDERSTOOD, Refused

_DECLARATION = re.compile(r'^\s*<\?xml[^>]*?\?>')
_ENCODING = re.compile(rb'^\s*<\?xml[^>]*?encoding\s*=\s*["\']([A-Za-z0-9._-]+)["\']')
# What is raised of damaged files. Anything else of a valid one: of an archive with a password, say.
DAMAGE = (ElementTree.ParseError, zipfile.BadZipFile, zlib.error, EOFError, ValueError)
# Endings of scores in a container that does not say where its score is.
_SCORES = ('.xml', '.musicxml')
_NO_SCORES = ('META-INF/', '__MACOSX/')  # the latter's are of files' icons


class Parts:
    """A score's parts.

    Attributes:
      listed: by id what the part list says of a part, a <score-part>.
      measures: by id a part's <measure> elements, or timewise <part>, which hold the same.
      is_unusual: whether Magenta would not find the parts.
    """

    def __init__(self, root: Element, has_namespace: bool):
        self.is_unusual = has_namespace or root.tag == 'score-timewise'
        self.listed = {part.get('id', ''): part for part in root.iterfind('part-list/score-part')}
        self.measures: dict[str, list[Element]] = {}
        if root.tag == 'score-timewise':
            for number, measure in enumerate(root.iterfind('measure')):
                for part in measure.iterfind('part'):
                    before = self.measures.setdefault(part.get('id', ''), [])
                    before += [Element('part') for _ in range(number - len(before))]  # in which it is not written
                    before.append(part)
        else:
            for part in root.iterfind('part'):
                self.measures.setdefault(part.get('id', ''), []).extend(part.iterfind('measure'))


def parts(content: bytes) -> Parts:
    """Raises Refused, one of DAMAGE, and what zipfile raises of archives that it cannot read."""
    if content.startswith(b'PK\3\4'):
        content = _unpacked(content)
    root = _root(content)
    has_namespace = root.tag.startswith('{')
    for element in root.iter():
        if '}' in element.tag:
            element.tag = element.tag.rsplit('}', 1)[1]
    if root.tag == 'opus':
        raise Refused(NOT_UNDERSTOOD, '<opus>, which only names the files of other scores')
    if root.tag not in ('score-partwise', 'score-timewise'):
        raise Refused(NOT_MUSICXML, f'its root element is <{root.tag}>')
    found = Parts(root, has_namespace)
    if not found.measures:
        raise Refused(NOT_MUSICXML, 'no part of a score is in it')
    return found


def _unpacked(content: bytes) -> bytes:
    """The score in a .mxl container."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        listed = []
        if 'META-INF/container.xml' in names:
            files = _root(archive.read('META-INF/container.xml')).iter()
            listed = [file.get('full-path', '') for file in files if file.tag.rsplit('}', 1)[-1] == 'rootfile']
        scores = [name for name in names if name.lower().endswith(_SCORES) and not name.startswith(_NO_SCORES)]
        wanted = next((name for name in [*listed, *scores] if name in names), None)
        if wanted is None:
            raise Refused(NOT_MUSICXML, 'an archive without a score')
        return archive.read(wanted)


def _root(content: bytes) -> Element:
    try:
        return _parsed(content)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        if 'out of memory' in str(error):
            raise MemoryError from error
        # In an encoding that the parser does not know, or in another than it says.
        text = _DECLARATION.sub('', _decoded(content), count=1)
        if not text.lstrip().startswith('<'):
            raise Refused(NOT_MUSICXML, 'it is not XML') from None
        return _parsed(text)


def _parsed(text: bytes | str) -> Element:
    parser = ElementTree.XMLParser()
    for name, code in html.entities.name2codepoint.items():  # as names are written by programs that mean HTML
        parser.entity[name] = chr(code)
    return ElementTree.fromstring(text, parser)


def _decoded(content: bytes) -> str:
    """Text of bytes whose declaration may be wrong."""
    declared = _ENCODING.match(content)
    guesses = ['utf-8-sig', 'cp1252']
    if content[:2] in (b'\xff\xfe', b'\xfe\xff'):
        guesses = ['utf-16']
    elif content[:4].count(0) >= 1:
        guesses = ['utf-16-le' if content[1:2] == b'\0' else 'utf-16-be']
    elif declared and not declared[1].lower().startswith((b'utf-16', b'utf-32', b'ucs')):  # it has a byte a letter
        guesses = [declared[1].decode(), *guesses]
    for guess in guesses:
        try:
            return content.decode(guess)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode('latin-1')
