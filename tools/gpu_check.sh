#!/usr/bin/env bash
# Measures every shipped model on an NVIDIA GPU: parity with the CPU provider, latency, and that a second start takes the engine
# that the first one has built. Writes runs/gpu_check/*.json. Usage: tools/gpu_check.sh check|run
# FERRODRIVE_ONNXRUNTIME names an ONNX Runtime with CUDA and TensorRT: libonnxruntime.so of the PyPI wheel onnxruntime-gpu, or the
# vendor's on a Jetson, with its providers' libraries beside it and CUDA, cuDNN and TensorRT 10 on the loader's path.
set -euo pipefail
cd "$(dirname "$0")/.."
refuse() {
  echo "gpu-check: $1" >&2
  exit 1
}
if [ "${1:?usage: tools/gpu_check.sh check|run}" = check ]; then
  [ -e /proc/driver/nvidia/version ] || [ -e /etc/nv_tegra_release ] || refuse "this machine has no NVIDIA GPU driver: nothing to check here"
  library=${FERRODRIVE_ONNXRUNTIME:-}
  [ -n "$library" ] || refuse "set FERRODRIVE_ONNXRUNTIME to an ONNX Runtime library with CUDA and TensorRT"
  for provider in cuda tensorrt; do
    [ -e "$(dirname "$library")/libonnxruntime_providers_$provider.so" ] ||
      refuse "$library: expected libonnxruntime_providers_$provider.so beside it"
  done
  exit 0
fi
out=runs/gpu_check
mkdir -p "$out"
ferrodrive=target/release/ferrodrive
failed=0
attempt() { # NAME COMMAND...
  local name=$1
  shift
  echo "gpu-check: $name"
  "$@" >"$out/$name.json" || {
    echo "gpu-check: $name failed" >&2
    failed=1
  }
}
for folder in models/*/; do
  [ -e "$folder/manifest.toml" ] || continue
  model=$(basename "$folder")
  sides="cuda/fp32 tensorrt/fp32 tensorrt/fp16"
  grep -q '^precision = "int8"' "$folder/manifest.toml" && sides="$sides tensorrt/int8"
  for side in $sides; do
    provider=${side%/*} precision=${side#*/}
    name=${model}_${provider}_${precision}
    if [ "$provider" = tensorrt ]; then
      # Twice: the second one says whether the engine is kept.
      for round in 1 2; do
        RUST_LOG=info $ferrodrive models build "$folder" --provider tensorrt --precision "$precision" 2>&1 |
          tee "$out/${name}_build_$round.txt"
      done
      grep -q 'the engine that is kept is used' "$out/${name}_build_2.txt" || {
        echo "gpu-check: $name: the second start did not take the engine that is kept" >&2
        failed=1
      }
    fi
    attempt "${name}_bench" $ferrodrive models bench "$folder" --provider "$provider" --precision "$precision" --json
    attempt "${name}_parity" $ferrodrive models parity "$folder" cpu/fp32 "$side" --json --out "$out/$name"
  done
done
echo "gpu-check: reports are in $out"
exit $failed
