#!/bin/sh
# Creates .venv from requirements.lock and installs the project in it, without root: `make setup`.
#
# PYTHON      the interpreter; without it the first of python3, python3.13, python3.12, python3.11 that is suitable
# TENSORFLOW  tensorflow or tensorflow-cpu; without it what .venv has, or tensorflow-cpu where there is no NVIDIA GPU
# VENV        the environment's folder, in this one; .venv without it
set -eu
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
made=$venv/made    # what it was made for: TensorFlow's name, and this folder, since an environment cannot be moved
ready=$venv/ready  # touched last, when all is installed

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 1
}

step() {
    printf '%s\n' "[$1/4] $2"
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none
}

# What an interpreter that does not start says instead: a shim of pyenv knows which of its versions have the command.
complaint() {
    "$1" -c '' 2>&1 || true
}

is_suitable() {
    case $(version "$1") in 3.11 | 3.12 | 3.13) ;; *) return 1 ;; esac
}

is_usable() {
    [ -e "$made" ] && is_suitable "$venv/bin/python" || return 1
    { read -r its_tensorflow && read -r its_folder; } <"$made"
    [ "${TENSORFLOW:-$its_tensorflow}" = "$its_tensorflow" ] && [ "$PWD" = "$its_folder" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version "$venv/bin/python")" ]
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if is_suitable "$PYTHON"; then return; fi
        said=$(complaint "$PYTHON")
        fail "Solferino needs Python 3.11, 3.12 or 3.13; PYTHON=$PYTHON is: $(version "$PYTHON")." ${said:+"It says: $said"}
    fi
    for PYTHON in python3 python3.13 python3.12 python3.11; do
        if is_suitable "$PYTHON"; then return; fi
    done
    fail "Solferino needs Python 3.11, 3.12 or 3.13; python3 is: $(version python3)." \
        'Install one (Debian, Ubuntu: sudo apt install python3.12 python3.12-venv; macOS: brew install python@3.12)' \
        'or say where it is: make setup PYTHON=/path/to/python3.12'
}

has_gpu() {
    ls /dev/nvidia* >/dev/null 2>&1 || nvidia-smi >/dev/null 2>&1
}

find_tensorflow() {
    case ${TENSORFLOW:-} in
    tensorflow | tensorflow-cpu) return ;;
    ?*) fail "TENSORFLOW=$TENSORFLOW must be tensorflow or tensorflow-cpu." ;;
    esac
    # There is no tensorflow-cpu for other systems, whose tensorflow is without GPU support anyway.
    case $(uname -sm) in 'Linux x86_64') ;; *) TENSORFLOW=tensorflow && return ;; esac
    if has_gpu; then
        TENSORFLOW=tensorflow
    else
        TENSORFLOW=tensorflow-cpu
        echo 'No NVIDIA GPU is seen: taking tensorflow-cpu. For the other one: make setup TENSORFLOW=tensorflow'
    fi
}

create() {
    [ ! -e "$venv" ] || [ -e "$made" ] || fail "$venv is not from make setup. Move it away, or remove it: make clean"
    find_python
    find_tensorflow
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$PYTHON has no venv module. Debian, Ubuntu: sudo apt install python$(version "$PYTHON")-venv"
    step 1 "Making the environment $venv with $PYTHON, Python $(version "$PYTHON")"
    trap 'rm -rf "$venv"' EXIT INT TERM
    "$PYTHON" -m venv --clear "$venv"
    printf '%s\n' "$TENSORFLOW" "$PWD" >"$made"
    trap - EXIT INT TERM
}

install() {
    read -r tensorflow <"$made"
    python=$venv/bin/python
    sed "s/^tensorflow==/$tensorflow==/" requirements.lock >"$venv/requirements.txt"
    step 2 "Installing $tensorflow and the other packages of requirements.lock; the first time this loads some 700 MB"
    # pip lists each package on a terminal, with a progress bar, and in a log only what goes wrong.
    [ -t 1 ] && quiet= || quiet=--quiet
    pip="install --disable-pip-version-check --no-compile $quiet"
    # shellcheck disable=SC2086  # the words of $pip are arguments
    "$python" -m pip $pip -r "$venv/requirements.txt"
    # For its model alone: it asks for a TensorFlow that is older than ours.
    # shellcheck disable=SC2086
    "$python" -m pip $pip --no-deps basic-pitch==0.4.0
    rm -rf "$venv"/lib/python*/site-packages/tensorflow/include  # 290 MB of C++ headers, which nothing here compiles
    step 3 'Installing the commands'
    # shellcheck disable=SC2086
    SOLFERINO_TENSORFLOW=$tensorflow "$python" -m pip $pip --no-deps --no-build-isolation --editable .
    # The type checker knows nothing of setup.py's mapping: it is shown a folder that looks like it.
    mkdir -p "$venv/types/solferino"
    for folder in hparams models pipelines bin; do ln -sfn "$PWD/$folder" "$venv/types/solferino/"; done
    step 4 'Compiling what the commands import, so that they start at once'
    # Two processes share the work; all packages would be three times as much.
    imports training & imports others
    wait
    touch "$ready"
    if [ "$tensorflow" = tensorflow ] && has_gpu; then
        echo 'To compute on the NVIDIA GPU, add the CUDA libraries, some 3 GB:'
        echo "    $python -m pip install '$(sed -n 's/^tensorflow==\([^ ]*\).*/tensorflow[and-cuda]==\1/p' requirements.lock)'"
    fi
    echo "Ready. The commands are in $venv/bin; each answers --help."
}

# Python keeps what it compiles, unless it is told not to. What cannot be imported is told by whoever needs it.
imports() {
    case $1 in
    training) modules='solferino.models.core.training.jobs solferino.models.core.events.event_rnn solferino.models.core.training.monitor
        solferino.models.piano_rnn.attention.attention_model solferino.models.piano_rnn.nade.nade_model solferino.models.rbm.network_kinds' ;;
    others) modules='apache_beam note_seq pytest matplotlib.pyplot numba solferino.pipelines.engine.runner
        solferino.pipelines.convert solferino.models.loading solferino.models.music.sound.rendering
        libsonare soundfile miniaudio scipy.ndimage' ;;
    esac
    # shellcheck disable=SC2086
    PYTHONDONTWRITEBYTECODE= TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" -W ignore -c 'import importlib, sys
if sys.argv[1] == "training":
    from solferino.models.core.training import runtime
    runtime.set_up()
for name in sys.argv[2:]:
    importlib.import_module(name)' "$1" $modules >/dev/null 2>&1 || true
}

is_usable || create
if [ -n "$(find requirements.lock setup.py pyproject.toml bin/setup.sh -newer "$ready" 2>&1)" ]; then install; fi
