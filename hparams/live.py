"""What `solferino_midi` can be told: each field is a flag, and what a controller changes is a field too."""

import collections
import dataclasses

from solferino.hparams.spec import option

# A tick is a bar, as Magenta's internal clock has it: its users know the names.
_CONTROL = '_control_number'
SLOWEST, FASTEST = 20.0, 400.0  # quarters a minute
COLDEST, HOTTEST = 0.1, 2.0  # of a temperature that a controller sets, as in Magenta
TEMPO_OF_CONTROL = 60  # quarters a minute at a controller's value of 0, one more for each step of it; Magenta's
_LONGEST = 1000  # ticks
HIGHEST_SEED = 2**31
_CHANNELS = 16


def _control(what: str) -> int | None:
    """A field for the number of a controller."""
    chosen: int | None = option(None, f'Number of the controller, 0 to 127, {what}')
    return chosen


@dataclasses.dataclass(frozen=True)
class LiveSettings:
    """Lengths are in ticks, which are bars, channels are counted from 1, tempos in quarters a minute."""

    qpm: float = option(120.0, f'Tempo in quarters a minute, from {SLOWEST:g} to {FASTEST:g}.')
    beats_per_bar: int = option(4, 'Quarters in a bar, from 1 to 16.')
    temperature: float | None = option(
        None, 'Randomness of the responses: above 1.0 more than the model has learned, below 1.0 less. If not given, '
        'what training found for each model.'
    )  # fmt: skip
    silence_beats: float = option(
        2.0, 'A call is over when no key was down for so many quarters; the response comes at the next bar line. 0: a '
        'call ends by --end_call_control_number or --max_listen_ticks alone.'
    )  # fmt: skip
    min_listen_ticks: int = option(0, 'Shorter calls, in bars, get no response.')
    max_listen_ticks: int = option(0, 'After so many bars a call is over, whatever is played; 0: no such limit.')
    response_ticks: int | None = option(
        None, 'Length of a response in bars. 0: it goes on until a note is played. If not given, it is as long as the '
        'call.'
    )  # fmt: skip
    allow_overlap: bool = option(
        False, 'A note played during a response does not end it; the new call gets the next response.'
    )
    passthrough: bool = option(True, 'Send what is played to the output ports, too.')
    playback_channel: int | None = option(
        None, 'Channel of responses, 1 to 16. If not given, drums are on 10 and other voices on 1, 2, 3, ...'
    )
    enable_metronome: bool = option(True, 'Click on each quarter.')
    metronome_channel: int = option(10, 'Channel of the click, 1 to 16; on 10 it is a wood block.')
    clock_in: bool = option(
        False, "Follow the input ports' MIDI clock: tempo, start, continue and stop are those of the other device."
    )
    clock_out: bool = option(False, 'Send MIDI clock, 24 pulses a quarter, with start and stop.')
    end_call_control_number: int | None = _control('of which 127 ends the call, or the response.')
    panic_control_number: int | None = _control('of which 127 ends everything that sounds.')
    mutate_control_number: int | None = _control('of which 127 asks for a response to the last response.')
    loop_control_number: int | None = _control('of which 64 and above repeat the response until it is lower.')
    min_listen_ticks_control_number: int | None = _control('whose value is --min_listen_ticks.')
    max_listen_ticks_control_number: int | None = _control('whose value is --max_listen_ticks.')
    response_ticks_control_number: int | None = _control('whose value is --response_ticks.')
    temperature_control_number: int | None = _control(f'for the temperature, from {COLDEST} to {HOTTEST:g}.')
    tempo_control_number: int | None = _control(f'for the tempo: {TEMPO_OF_CONTROL} and its value.')
    generator_select_control_number: int | None = _control(
        'that chooses among several --bundle_files: its range is divided among them evenly.'
    )
    state_control_number: int | None = _control('that is sent: 0 idle, 1 listening, 2 responding.')
    seed: int = 0

    def __post_init__(self) -> None:
        def within(name: str, lowest: float, highest: float) -> None:
            value = getattr(self, name)
            if value is not None and not lowest <= value <= highest:
                raise ValueError(f'{name}={value:g} must be from {lowest:g} to {highest:g}.')

        within('qpm', SLOWEST, FASTEST)
        within('beats_per_bar', 1, 16)
        within('silence_beats', 0, 1000)
        for name in 'min_listen_ticks', 'max_listen_ticks', 'response_ticks':
            within(name, 0, _LONGEST)
        for name in 'playback_channel', 'metronome_channel':
            within(name, 1, _CHANNELS)
        if self.temperature is not None and not 0 < self.temperature <= 100:
            raise ValueError(f'temperature={self.temperature:g} must be above 0 and at most 100.')
        for name in self._controls():
            within(name, 0, 127)
        twice = [k for k, number in collections.Counter(self._controls().values()).items() if number > 1]
        if twice:
            names = ' and '.join(f'{name}={k}' for name, k in self._controls().items() if k == twice[0])
            raise ValueError(f'{names} are one controller. Give each its own.')
        if self.clock_in and self.tempo_control_number is not None:
            raise ValueError('clock_in=true and tempo_control_number: the tempo is that of the clock. Leave one out.')
        if not (self.silence_beats or self.max_listen_ticks or self._ends_by_control):
            raise ValueError(
                'silence_beats=0 and no end_call_control_number: no call would ever be over. Give one of them.'
            )

    @property
    def _ends_by_control(self) -> bool:
        return self.end_call_control_number is not None or self.max_listen_ticks_control_number is not None

    def _controls(self) -> dict[str, int]:
        names = [field.name for field in dataclasses.fields(self) if field.name.endswith(_CONTROL)]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def controls(self) -> dict[int, str]:
        """What controllers that are received do, by their number: 'end_call', 'tempo', ..."""
        found = {number: name.removesuffix(_CONTROL) for name, number in self._controls().items()}
        return {number: name for number, name in found.items() if name != 'state'}
