#!/bin/sh
# Makes the trajectory predictor anew: records traffic, trains, exports, measures. Needs Python with torch, onnx and
# onnxruntime (set PYTHON to choose one). Takes about 10 minutes on one core.
#
#     training/trajectory_predictor.sh "TRAIN_MAP.xodr ..." "TEST_MAP.xodr ..."
set -eu
cd "$(dirname "$0")/.."
train_maps=$1
test_maps=$2
python=${PYTHON:-python3}
data=training/data/trajectory_predictor
rm -rf "$data"
mkdir -p "$data/train" "$data/test" training/work
cargo build --release -p trajectory_predictor --features recorder
# One world a seed, a minute each: the car under test stands, and longer worlds fill with the queue behind it.
for map in $train_maps; do
    target/release/record_traffic "$map" "$data/train/$(basename "$map").f32" 1001..1031 60
done
for map in $test_maps; do
    target/release/record_traffic "$map" "$data/test/$(basename "$map").f32" 3001..3009 60
done
"$python" training/trajectory_predictor.py train --train "$data/train" --checkpoint training/work/trajectory_predictor.pt \
    --epochs "${EPOCHS:-20}" --seed 1
"$python" training/trajectory_predictor.py export --checkpoint training/work/trajectory_predictor.pt \
    --model models/trajectory_predictor
"$python" training/trajectory_predictor.py evaluate --model models/trajectory_predictor --test "$data/test" \
    --about "worlds 3001 to 3008 on: $(for map in $test_maps; do printf '%s ' "$(basename "$map")"; done)"
