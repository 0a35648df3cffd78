#!/usr/bin/env bash
# Puts an ONNX Runtime library into a folder: from its PyPI wheel, by pinned hash, unpacked. Python is needed here only.
# Usage: tools/fetch_onnxruntime.sh FOLDER [onnxruntime|onnxruntime-openvino]
# onnxruntime-openvino has Intel OpenVINO as a second execution provider beside the CPU one; the tests compare them.
set -euo pipefail
usage="usage: tools/fetch_onnxruntime.sh FOLDER [onnxruntime|onnxruntime-openvino]"
folder=${1:?$usage}
package=${2:-onnxruntime}
machine=$(uname -m)
case "$package $machine" in
  "onnxruntime x86_64") version=1.32.0 hash=99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8 ;;
  "onnxruntime aarch64") version=1.32.0 hash=e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054 ;;
  "onnxruntime-openvino x86_64") version=1.24.1 hash=d617fac2f59a6ab5ea59a788c3e1592240a129642519aaeaa774761dfe35150e ;;
  "onnxruntime "*)
    echo "ONNX Runtime: no wheel is pinned for $machine; set FERRODRIVE_ONNXRUNTIME to a library of your own" >&2
    exit 1
    ;;
  "onnxruntime-openvino "*)
    echo "$package: there is no wheel for $machine: left out"
    exit 0
    ;;
  *)
    echo "$usage; got: $package" >&2
    exit 1
    ;;
esac
if [ -e "$folder/libonnxruntime.so.$version" ]; then
  echo "$package $version: already in $folder"
  exit 0
fi
echo "$package $version: fetching the wheel from PyPI"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "$package==$version --hash=sha256:$hash" >"$work/requirements.txt"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
  --python-version 3.12 --implementation cp --platform "manylinux_2_28_$machine" --platform "manylinux_2_27_$machine" \
  --dest "$work" --requirement "$work/requirements.txt"
python3 -m zipfile -e "$work"/onnxruntime*.whl "$work/wheel"
mkdir -p "$folder"
library=$work/wheel/onnxruntime/capi/libonnxruntime.so.$version
if [ "$package" = onnxruntime-openvino ]; then
  # What the provider loads, without the plugins for devices that the tests do not use.
  for file in "$work"/wheel/onnxruntime/capi/lib*.so*; do
    case "$file" in "$library" | *_gpu_plugin* | *_npu_plugin*) ;; *) cp "$file" "$folder" ;; esac
  done
fi
# Last and at once: its presence says that all is there.
cp "$library" "$folder/.partial"
mv "$folder/.partial" "$folder/libonnxruntime.so.$version"
echo "$package $version: in $folder"
