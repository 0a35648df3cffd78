#!/bin/sh
# Makes the LiDAR detector anew: generates towns, records scans in them and in streets made at random, trains, exports,
# measures. Needs Python with torch, onnx and onnxruntime (set PYTHON to choose one). Takes about an hour on two cores;
# training goes on where it stopped when the script is run again with KEEP=1.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
data=training/data/lidar_detector
first=training/work/lidar_detector_first.pt
second=training/work/lidar_detector_second.pt
if [ -z "${KEEP:-}" ]; then
    rm -rf "$data" "$first" "$second"
    mkdir -p "$data/train" "$data/test_shipped_town" "$data/test_towns" "$data/test_streets" training/work
    cargo build --release -p town_generator -p lidar_detector --features lidar_detector/recorder
    town() { target/release/town_generator --seed "$1" --out "$data/$1.xodr"; }
    scans() { target/release/record_scans "$@"; }
    for number in 1 2 3 4 5 6 7 8; do
        scans "$data/train/streets_$number.bin" streets "${number}0001..${number}0501" varied
        town "100$number"
        scans "$data/train/town_$number.bin" "$data/100$number.xodr" "10${number}1..10${number}9" varied
        scans "$data/train/town_${number}b.bin" "$data/100$number.xodr" "11${number}1..11${number}9" varied
    done
    for number in 3001 3002; do
        town "$number"
        scans "$data/test_towns/$number.bin" "$data/$number.xodr" 3001..3004 own
    done
    scans "$data/test_shipped_town/town.bin" maps/town.xodr 3001..3007 own
    scans "$data/test_streets/streets.bin" streets 3001..3201 varied
fi
export OMP_NUM_THREADS=1
"$python" training/lidar_detector.py train --train "$data/train" --checkpoint "$first" --steps 1800 --rate 3e-3 --seed 1
"$python" training/lidar_detector.py train --train "$data/train" --checkpoint "$second" --start "$first" --steps 3200 \
    --rate 2e-3 --seed 2
"$python" training/lidar_detector.py export --checkpoint "$second" --model models/lidar_detector
"$python" training/lidar_detector.py evaluate --model models/lidar_detector --moving --write \
    --thresholds 0.2,0.2,0.2,0.25,0.3 \
    --test shipped_town="$data/test_shipped_town" towns="$data/test_towns" streets_other_sensors="$data/test_streets" \
    --about "trained in towns 1001 to 1008 and streets 10001 to 80500, half of the scans by sensors other than the car's; tested in maps/town.xodr and in towns 3001 and 3002 with world seeds 3001 on, by the car's sensor, and in streets 3001 to 3200 by all sensors"
