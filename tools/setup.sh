#!/usr/bin/env bash
# Sets up what `make drive` and `make test` need, or the client of CARLA; can be run twice.
# Usage: tools/setup.sh drive|test|carla
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?usage: tools/setup.sh drive|test|carla}

install_packages() { # PACKAGE...
  echo "setup: installing $*"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "$@"
}

need_package() { # COMMAND PACKAGE...
  local command=$1
  shift
  command -v "$command" >/dev/null || install_packages "$@"
}

if [ "$purpose" = carla ]; then
  # CARLA's client is a package of compiled wheels, for these versions of CPython and no others.
  python=
  for version in 3.12 3.11 3.10; do
    if "python$version" -c 'import ensurepip' 2>/dev/null; then
      python=python$version
      break
    fi
  done
  if [ -z "$python" ]; then
    echo "setup: CARLA's client needs CPython 3.10, 3.11 or 3.12 and none of them is here with its venv; install one (python3.11-venv), then run this again" >&2
    exit 1
  fi
  stamp=.ferrodrive/carla/.stamp
  if ! cmp -s carla/requirements.txt "$stamp"; then
    echo "setup: a Python environment with CARLA's client"
    "$python" -m venv --clear .ferrodrive/carla
    .ferrodrive/carla/bin/python -m pip install --quiet --disable-pip-version-check --requirement carla/requirements.txt
    cp carla/requirements.txt "$stamp"
  fi
  .ferrodrive/carla/bin/python -c 'import carla; print("setup: CARLA client ready:", carla.__file__)'
  exit 0
fi

need_package cc build-essential
# For the DDS core, which is C.
need_package cmake cmake
need_package python3 python3 python3-pip python3-venv
# Rust: the toolchain that is there, if it is new enough; else rustup's, where the system has rustup as a package.
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
new_enough() {
  local found
  found=$(cargo --version 2>/dev/null | cut -d' ' -f2) && [ -n "$found" ] &&
    [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n1)" = "$wanted" ]
}
if ! new_enough; then
  if ! command -v rustup >/dev/null && apt-cache show rustup >/dev/null 2>&1; then
    need_package rustup rustup
  fi
  if command -v rustup >/dev/null; then
    echo "setup: Rust $wanted or newer by rustup"
    rustup toolchain install stable --profile minimal --component clippy --component rustfmt
    rustup default stable
  fi
  if ! new_enough; then
    echo "setup: Rust $wanted or newer expected, got: $(cargo --version 2>/dev/null || echo none); install it with rustup, then run this again" >&2
    exit 1
  fi
fi
python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
tools/fetch_onnxruntime.sh .ferrodrive/onnxruntime

if [ "$purpose" = test ]; then
  # A second execution provider to compare with.
  tools/fetch_onnxruntime.sh .ferrodrive/onnxruntime-openvino onnxruntime-openvino
  # Independent readers and codecs that the tests compare with; nothing of it is used while driving.
  stamp=.ferrodrive/python/.stamp
  if ! cmp -s tests/requirements.txt "$stamp"; then
    echo "setup: a Python environment with the tests' independent codecs and map readers"
    python3 -m venv .ferrodrive/python
    .ferrodrive/python/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
    cp tests/requirements.txt "$stamp"
  fi
  # The independent peer on Fast DDS (3 MB); its tests say that they are skipped where there is none.
  if ! [ -e /usr/include/fastdds ]; then
    if apt-cache show libfastrtps-dev >/dev/null 2>&1; then
      install_packages g++ libfastrtps-dev
    else
      echo "setup: no package libfastrtps-dev here: tests against Fast DDS will be skipped"
    fi
  fi
fi
