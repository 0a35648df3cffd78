#!/bin/sh
# Makes the LiDAR detector anew: generates towns, records scans in them and in streets made at random, then measures
# what the base network loses in INT8; none is deployed yet. Needs Python with what training/requirements.txt names
# (set PYTHON to choose one). Takes two hours on two cores. With KEEP=1 data are kept and steps that are done are not done
# again. BASE=1 trains the base network from nothing first, an hour more.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
data=training/data/lidar_detector
if [ -z "${KEEP:-}" ]; then
    rm -rf "$data" training/work/lidar_detector
    mkdir -p "$data/train" "$data/test_shipped_town"
    cargo build --release -p town_generator -p lidar_detector --features lidar_detector/recorder
    town() { target/release/town_generator --seed "$1" --out "$data/$1.xodr"; }
    scans() { target/release/record_scans "$@"; }
    for number in 1 2 3 4 5 6 7 8; do
        scans "$data/train/streets_$number.bin" streets "${number}0001..${number}0501" varied
        town "100$number"
        scans "$data/train/town_$number.bin" "$data/100$number.xodr" "10${number}1..10${number}9" varied
        scans "$data/train/town_${number}b.bin" "$data/100$number.xodr" "11${number}1..11${number}9" varied
    done
    scans "$data/test_shipped_town/town.bin" maps/town.xodr 3001..3007 own
fi
if [ -n "${BASE:-}" ]; then "$python" training/train_lidar_base.py; fi
exec "$python" training/reduce.py lidar_detector "$@"
