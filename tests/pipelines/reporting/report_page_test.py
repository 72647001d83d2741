"""The page of a report."""

import base64
import html.parser
import re

from solferino.pipelines.reporting.report_page import Commands, Picture, Player, Section, Table, Words, render

_EMPTY = {'meta', 'link', 'img', 'br'}


class _Reader(html.parser.HTMLParser):
    """Elements, their addresses, and the text of each."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value or '' for name, value in attrs if name in ('src', 'href')]
        if tag == 'img':
            assert dict(attrs)['alt']
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


def test_all_is_inside_and_text_is_text() -> None:
    odd = '<script>alert("1")</script> & "x"'
    page = render(
        odd,
        odd,
        [
            Section(odd, [Player(odd, odd, b'picture', b'sound'), Player('silent', '', b'picture', None)]),
            Section('more', [Table(('', odd), [(odd, '1')], odd), Picture(b'png', odd), Commands(odd), Words(odd)]),
        ],
    )
    read = _Reader()
    read.feed(page)
    read.close()
    assert not read.open
    assert 'script' not in read.names
    assert read.text.count(odd) >= 9
    assert all(address.startswith(('data:', '#')) for address in read.addresses)
    assert f'data:audio/mpeg;base64,{base64.b64encode(b"sound").decode()}' in read.addresses
    assert page.count('<audio') == 1
    assert not re.search(r'https?://', page)
