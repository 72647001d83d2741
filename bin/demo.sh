#!/usr/bin/env bash
# The whole road once, in a few minutes: from drum MIDI files to new drum tracks and their pictures.
#
#   make demo                   everything goes into the folder demo
#   make demo DEMO=elsewhere    or into another one
set -euo pipefail

demo=${1:-${DEMO:-demo}}
marker=$demo/.made_by_solferino_demo

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Prints a command as it could be typed, then runs it.
run() {
    local argument line='$'
    for argument; do
        # What a shell would not take as it is stands in quotes: --name='value'.
        if [[ ! $argument =~ ^[A-Za-z0-9_=./,:@%+-]+$ ]]; then
            case $argument in
            --*=*) argument="${argument%%=*}='${argument#*=}'" ;;
            *) argument="'$argument'" ;;
            esac
        fi
        line+=" $argument"
    done
    printf '%s\n' "$line" | tee -a "$demo/commands.txt"
    "$@"
}

step() {
    printf '\n\n== %s ==\n' "$*"
}

command -v solferino_write_grooves >/dev/null || fail 'the commands are not installed here. Type: make demo'
if [[ -d $demo && ! -e $marker && -n $(ls -A "$demo") ]]; then
    fail "$demo holds files that the demo did not make. Name another folder: make demo DEMO=elsewhere"
fi
mkdir -p "$demo"
touch "$marker"
# A second demo begins anew; what somebody else has put into the folder stays.
rm -rf "$demo"/{midi,data,run,generated,pictures} "$demo"/notes.{tfrecord,manifest.json} \
    "$demo"/{drums.mag,commands.txt,report.html}

step '1 of 9: write drum MIDI files, in forty styles'
run solferino_write_grooves --output_dir="$demo/midi" --num_files=200

step '2 of 9: read them as NoteSequences'
run convert_dir_to_note_sequences --input_dir="$demo/midi" --output_file="$demo/notes.tfrecord"

step '3 of 9: cut drum tracks from them, nine tenths to learn from, one tenth to be tested on'
run drums_rnn_create_dataset --config=drum_kit --input="$demo/notes.tfrecord" --output_dir="$demo/data" --eval_ratio=0.1

step '4 of 9: train a small model, for about a minute'
run drums_rnn_train --config=drum_kit --run_dir="$demo/run" \
    --sequence_example_file="$demo/data/training_drum_tracks.tfrecord" \
    --eval_file="$demo/data/eval_drum_tracks.tfrecord" \
    --preset=two_minutes

step '5 of 9: how well does it foresee drums that it has never heard?'
run drums_rnn_train --config=drum_kit --run_dir="$demo/run" \
    --sequence_example_file="$demo/data/eval_drum_tracks.tfrecord" --eval_once --checkpoint=best

step '6 of 9: put the model into one file'
run drums_rnn_generate --run_dir="$demo/run" --save_generator_bundle --bundle_file="$demo/drums.mag" \
    --bundle_description='Drums RNN, trained on drum grooves in forty styles.'

step '7 of 9: let it play on from the first five steps of a rock beat (36 is the bass drum, 42 the hat, 38 the snare), and keep the best five'
run drums_rnn_generate --bundle_file="$demo/drums.mag" --num_outputs=20 --best=5 --num_bars=8 --temperature=auto --draw \
    --primer_drums='[(36,42),(),(42,),(),(38,42)]' --output_dir="$demo/generated"

step '8 of 9: draw each of them by itself'
run solferino_draw --input="$demo/generated/*.mid" --output_dir="$demo/pictures"

step '9 of 9: what came of it: a page to listen to, with all that can be measured'
run solferino_report "$demo/generated" "$demo/notes.tfrecord" --run_dir="$demo/run" --commands="$demo/commands.txt" \
    --num_shown=5 --title='Drums by Solferino' --output="$demo/report.html"

case $(dirname "$(command -v solferino_write_grooves)") in
    "$PWD/.venv/bin") bin=.venv/bin/ ;;
    *) bin= ;;
esac
cat <<END


Done. Here is what was made:

  $demo/report.html  open it in a browser: the music to hear, beside what it was learned from
  $demo/generated    five new drum tracks: open them in any music program; and a picture of all of them
  $demo/pictures     each of them as a drum grid
  $demo/drums.mag    the model
  $demo/run          its training: checkpoints and curves
  $demo/midi         the music that it has learned from

What to type next:

  ${bin}tensorboard --logdir=$demo/run
      the learning curves, in a browser

  ${bin}drums_rnn_generate --bundle_file=$demo/drums.mag --primer_drums='[(36,51),(),(51,),()]' --temperature=auto \\
      --output_dir=$demo/generated
      more music, from the ride cymbal on; --temperature=1.0 makes it wilder

  ${bin}convert_dir_to_note_sequences --input_dir=YOUR_MIDI_FOLDER --recursive --output_file=notes.tfrecord
      the first step with MIDI files of your own; then go on as from step 3 above
END
