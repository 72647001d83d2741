"""Notes that sound, so that none is left hanging."""

from collections.abc import Callable

from mido import Message


class Sounding:
    """Sends notes, and knows which were not ended."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._notes: dict[tuple[int, int], None] = {}  # (channel, pitch), in the order in which they began

    def send(self, message: Message) -> None:
        """Sends a note_on, which ends the same note first if it sounds, or a note_off."""
        note = message.channel, message.note
        if message.type == 'note_on' and message.velocity:
            if note in self._notes:
                self._end(*note)
            self._notes[note] = None
            self._send(message)
        else:
            self._send(message)
            self._notes.pop(note, None)  # not before: a Ctrl-C between the two would leave it hanging

    def close(self) -> None:
        """Ends all that sounds."""
        for note in list(self._notes):
            self._end(*note)
            self._notes.pop(note)

    def _end(self, channel: int, pitch: int) -> None:
        self._send(Message('note_off', channel=channel, note=pitch))
