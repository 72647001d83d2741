"""Plays with you over MIDI: you call, a model responds in time. Ctrl-C ends it.

    solferino_midi --list_ports

    solferino_midi --bundle_files=drums.mag --input_ports="My pads" --output_ports="My synthesizer" --qpm=110

Play a bar or some to the click, and wait: the response comes on a bar line. Without --input_ports and
--output_ports other programs can be connected to the ports solferino_in and solferino_out.

Any model that goes on from given music responds, such as those of drums, melodies and pianos.
"""

import secrets

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError
from solferino.hparams.live import LiveSettings


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags; Magenta's names, where it has them."""
    flags.DEFINE_bool('list_ports', False, 'Only print which ports there are.', flag_values=flag_values)
    flags.DEFINE_list(
        'bundle_files', None, 'Bundles (.mag) or run directories of the models, with commas between them.',
        flag_values=flag_values,
    )  # fmt: skip
    for kind in 'input', 'output':
        flags.DEFINE_list(
            f'{kind}_ports', None, f'Names of {kind} ports, or parts of them, with commas between them; a port '
            f'{"solferino_in" if kind == "input" else "solferino_out"} of our own if not given.',
            flag_values=flag_values,
        )  # fmt: skip
    command.define_option_flags(flag_values, LiveSettings())
    flags.DEFINE_integer(
        'seed', None, 'The same seed and the same playing give the same responses; chosen at random if not given.',
        lower_bound=0, flag_values=flag_values,
    )  # fmt: skip


def main(flag_values: flags.FlagValues) -> None:
    """Lists the ports, or plays."""
    settings = command.options_from_flags(
        flag_values, LiveSettings(seed=secrets.randbelow(1 << 31) if flag_values.seed is None else flag_values.seed)
    )
    if not flag_values.list_ports:
        _require_possible(flag_values, settings)
    from solferino.pipelines.live import live_loop, live_ports

    if flag_values.list_ports:
        print(live_ports.listing())
        return
    live_loop.play(settings, flag_values.bundle_files, flag_values.input_ports or (), flag_values.output_ports or ())


def _require_possible(flag_values: flags.FlagValues, settings: LiveSettings) -> None:
    if settings.clock_in and flag_values['qpm'].present:
        raise SolferinoError(f'--clock_in and --qpm={settings.qpm:g}: the tempo is that of the clock. Leave one out.')
    bundles = flag_values.bundle_files
    if not bundles:
        raise SolferinoError('--bundle_files is required, or --list_ports; --help tells more.')
    if len(bundles) > 1 and settings.generator_select_control_number is None:
        raise SolferinoError(
            f'--bundle_files={",".join(bundles)}: name the controller that chooses among them, '
            '--generator_select_control_number.'
        )


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main)


if __name__ == '__main__':
    console_entry_point()
