#!/usr/bin/env bash
# Puts the ONNX Runtime library into a folder: from its PyPI wheel, by pinned hash, unpacked. Python is needed here only.
# Usage: tools/fetch_onnxruntime.sh FOLDER
set -euo pipefail
folder=${1:?usage: tools/fetch_onnxruntime.sh FOLDER}
version=1.32.0
case "$(uname -m)" in
  x86_64) hash=99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8 ;;
  aarch64) hash=e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054 ;;
  *)
    echo "ONNX Runtime: no wheel is pinned for $(uname -m); set FERRODRIVE_ONNXRUNTIME to a library of your own" >&2
    exit 1
    ;;
esac
if [ -e "$folder/libonnxruntime.so.$version" ]; then
  echo "ONNX Runtime $version: already in $folder"
  exit 0
fi
echo "ONNX Runtime $version: fetching the wheel from PyPI"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
machine=$(uname -m)
echo "onnxruntime==$version --hash=sha256:$hash" >"$work/requirements.txt"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
  --python-version 3.12 --implementation cp --platform "manylinux_2_28_$machine" --platform "manylinux_2_27_$machine" \
  --dest "$work" --requirement "$work/requirements.txt"
python3 -m zipfile -e "$work"/onnxruntime-*.whl "$work/wheel"
mkdir -p "$folder"
cp "$work/wheel/onnxruntime/capi/libonnxruntime.so.$version" "$folder/.partial"
mv "$folder/.partial" "$folder/libonnxruntime.so.$version"
echo "ONNX Runtime $version: in $folder"
