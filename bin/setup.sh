#!/bin/sh
# Creates .venv from requirements.lock and installs the project in it, without root: `make setup`.
#
# PYTHON      the interpreter; without it the first of python3, python3.13, python3.12, python3.11 that is suitable
# TENSORFLOW  tensorflow or tensorflow-cpu; without it what .venv has, or tensorflow
set -eu
cd "$(dirname "$0")/.."

made=.venv/made    # what .venv was made for: TensorFlow's name, and this folder, since .venv cannot be moved
ready=.venv/ready  # touched last, when all is installed

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 1
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none
}

is_suitable() {
    case $(version "$1") in 3.11 | 3.12 | 3.13) ;; *) return 1 ;; esac
}

is_usable() {
    [ -e $made ] && is_suitable .venv/bin/python || return 1
    { read -r its_tensorflow && read -r its_folder; } <$made
    [ "${TENSORFLOW:-$its_tensorflow}" = "$its_tensorflow" ] && [ "$PWD" = "$its_folder" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version .venv/bin/python)" ]
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_suitable "$PYTHON" || fail "Solferino needs Python 3.11, 3.12 or 3.13; PYTHON=$PYTHON is: $(version "$PYTHON")."
        return
    fi
    for PYTHON in python3 python3.13 python3.12 python3.11; do
        if is_suitable "$PYTHON"; then return; fi
    done
    fail "Solferino needs Python 3.11, 3.12 or 3.13; python3 is: $(version python3)." \
        'Install one (Debian, Ubuntu: sudo apt install python3.12 python3.12-venv; macOS: brew install python@3.12)' \
        'or say where it is: make setup PYTHON=/path/to/python3.12'
}

create() {
    case ${TENSORFLOW:=tensorflow} in
    tensorflow | tensorflow-cpu) ;;
    *) fail "TENSORFLOW=$TENSORFLOW must be tensorflow or tensorflow-cpu." ;;
    esac
    [ ! -e .venv ] || [ -e $made ] || fail '.venv is not from make setup. Move it away, or remove it: make clean'
    find_python
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$PYTHON has no venv module. Debian, Ubuntu: sudo apt install python$(version "$PYTHON")-venv"
    trap 'rm -rf .venv' EXIT INT TERM
    "$PYTHON" -m venv --clear .venv
    printf '%s\n' "$TENSORFLOW" "$PWD" >$made
    trap - EXIT INT TERM
}

install() {
    read -r tensorflow <$made
    echo "Installing $tensorflow and what else requirements.lock names into .venv."
    echo 'The first time this loads about 1 GB and takes some minutes.'
    sed "s/^tensorflow==/$tensorflow==/" requirements.lock >.venv/requirements.txt
    # pip lists each package on a terminal, with a progress bar, and in a log only what goes wrong.
    [ -t 1 ] && quiet= || quiet=--quiet
    pip="install --disable-pip-version-check --no-compile $quiet"
    # shellcheck disable=SC2086  # the words of $pip are arguments
    .venv/bin/python -m pip $pip -r .venv/requirements.txt
    # shellcheck disable=SC2086
    SOLFERINO_TENSORFLOW=$tensorflow .venv/bin/python -m pip $pip --no-deps --no-build-isolation --editable .
    # TensorFlow's first import takes 11 s otherwise. Some packages ship files for other Pythons: these may fail or warn.
    PYTHONWARNINGS=ignore .venv/bin/python -m compileall -qq -j 0 .venv/lib hparams models pipelines bin || true
    # The type checker knows nothing of setup.py's mapping: it is shown a folder that looks like it.
    mkdir -p .venv/types/solferino
    for folder in hparams models pipelines bin; do ln -sfn "../../../$folder" .venv/types/solferino/; done
    touch $ready
    echo 'Ready. The commands are in .venv/bin; each answers --help.'
}

is_usable || create
if [ -n "$(find requirements.lock setup.py pyproject.toml bin/setup.sh -newer $ready 2>&1)" ]; then install; fi
