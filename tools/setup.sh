#!/usr/bin/env bash
# Sets up what `make drive` and `make test` need; can be run twice. Usage: tools/setup.sh drive|test
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?usage: tools/setup.sh drive|test}

need_package() { # COMMAND PACKAGE...
  local command=$1
  shift
  command -v "$command" >/dev/null && return
  echo "setup: installing $*"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "$@"
}

need_package cc build-essential
need_package python3 python3 python3-pip python3-venv
if ! command -v cargo >/dev/null; then
  if [ -x "$HOME/.cargo/bin/cargo" ]; then
    export PATH="$HOME/.cargo/bin:$PATH"
  else
    echo "setup: Rust is needed and not found; install Rust 1.95 or newer, then run this again" >&2
    exit 1
  fi
fi
python3 -m pip --version >/dev/null 2>&1 || need_package pip3 python3-pip python3-venv
tools/fetch_onnxruntime.sh .ferrodrive/onnxruntime

if [ "$purpose" = test ]; then
  # Independent readers and codecs that the tests compare with; nothing of it is used while driving.
  stamp=.ferrodrive/python/.stamp
  if ! cmp -s tests/requirements.txt "$stamp"; then
    echo "setup: a Python environment with the tests' independent codecs and map readers"
    python3 -m venv .ferrodrive/python
    .ferrodrive/python/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
    cp tests/requirements.txt "$stamp"
  fi
fi
