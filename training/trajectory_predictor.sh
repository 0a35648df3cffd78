#!/bin/sh
# Makes the trajectory predictor anew: generates towns, records traffic in them, trains, exports, measures. Needs Python
# with torch, onnx and onnxruntime (set PYTHON to choose one). Takes about 10 minutes on two cores.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
data=training/data/trajectory_predictor
rm -rf "$data"
mkdir -p "$data/train" "$data/test" training/work
cargo build --release -p town_generator -p trajectory_predictor --features trajectory_predictor/recorder
# TOWN SET SEEDS: one world a seed, a minute each; the car under test stands, and longer worlds fill with the queue behind it.
record() {
    target/release/town_generator --seed "$1" --out "$data/$1.xodr"
    target/release/record_traffic "$data/$1.xodr" "$data/$2/$1.f32" "$3" 60
}
for town in 1001 1002 1003 1004 1005; do record $town train 1001..1012; done
for town in 3001 3002; do record $town test 3001..3004; done
"$python" training/trajectory_predictor.py train --train "$data/train" \
    --checkpoint training/work/trajectory_predictor.pt --epochs "${EPOCHS:-9}" --threads 2 --seed 1
"$python" training/trajectory_predictor.py export --checkpoint training/work/trajectory_predictor.pt \
    --model models/trajectory_predictor
"$python" training/trajectory_predictor.py evaluate --model models/trajectory_predictor --test "$data/test" \
    --about "worlds 3001 to 3003 in generated towns 3001 and 3002; trained in towns 1001 to 1005"
