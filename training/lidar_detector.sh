#!/bin/sh
# Makes the LiDAR detector anew: generates towns, records scans in them and in streets made at random, quantizes the base
# network, and measures each step. Needs Python with what training/requirements.txt names (set PYTHON to choose one). Takes
# twenty minutes on two cores. With KEEP=1 data are kept and steps that are done are not done again. TRAIN=1 records what
# training takes as well, which `--distil` needs: half an hour more, and an hour and a half for that training on one core; BASE=1
# does so and trains the base network from nothing first, two hours more.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
data=training/data/lidar_detector
if [ -z "${KEEP:-}" ]; then
    rm -rf "$data" training/work/lidar_detector
    mkdir -p "$data/train" "$data/calibrate" "$data/test_shipped_town" "$data/test_towns" "$data/test_streets"
    cargo build --release -p town_generator -p lidar_detector --features lidar_detector/recorder
    town() { target/release/town_generator --seed "$1" --out "$data/$1.xodr"; }
    scans() { target/release/record_scans "$@"; }
    for number in 1001 1002 3001 3002; do town "$number"; done
    scans "$data/calibrate/1001.bin" "$data/1001.xodr" 1211..1213 own
    scans "$data/calibrate/1002.bin" "$data/1002.xodr" 1221..1223 own
    scans "$data/test_shipped_town/town.bin" maps/town.xodr 3001..3007 own
    scans "$data/test_towns/3001.bin" "$data/3001.xodr" 3001..3004 own
    scans "$data/test_towns/3002.bin" "$data/3002.xodr" 3004..3007 own
    scans "$data/test_streets/streets.bin" streets 3001..3201 varied
    if [ -n "${TRAIN:-}${BASE:-}" ]; then
        for number in 1 2 3 4 5 6 7 8; do
            scans "$data/train/streets_$number.bin" streets "${number}0001..${number}0501" varied
            town "100$number"
            scans "$data/train/town_$number.bin" "$data/100$number.xodr" "10${number}1..10${number}9" varied
            scans "$data/train/town_${number}b.bin" "$data/100$number.xodr" "11${number}1..11${number}9" varied
        done
    fi
fi
if [ -n "${BASE:-}" ]; then "$python" training/train_lidar_base.py; fi
exec "$python" training/reduce.py lidar_detector "$@"
