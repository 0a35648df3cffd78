#!/bin/sh
# Makes the LiDAR detector anew: generates towns, records scans in them and in streets made at random, then reduces a teacher
# to the INT8 file that is deployed, and measures each step. Needs Python with what training/requirements.txt names (set PYTHON
# to choose one). Takes six hours. With KEEP=1 data are kept and steps that are done are not done again. BASE=1 trains the
# base network from nothing first, two hours more.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
data=training/data/lidar_detector
if [ -z "${KEEP:-}" ]; then
    rm -rf "$data" training/work/lidar_detector
    mkdir -p "$data/train" "$data/calibrate" "$data/test_shipped_town" "$data/test_towns" "$data/test_streets" \
        "$data/test_turned" "$data/test_gardens"
    cargo build --release -p town_generator -p lidar_detector --features lidar_detector/recorder
    town() { target/release/town_generator --seed "$1" --out "$data/$1.xodr"; }
    scans() { target/release/record_scans "$@"; }
    for number in 1001 1002 1003 1004 1005 1006 1007 1008 1011 1012 1013 1014 1015 1016 1017 1018 3001 3002; do town "$number"; done
    scans "$data/calibrate/1001.bin" "$data/1001.xodr" 1211..1213 own
    scans "$data/calibrate/1002.bin" "$data/1002.xodr" 1221..1223 own
    scans "$data/calibrate/1003.bin" "$data/1003.xodr" 1231..1233 own turned
    scans "$data/calibrate/gardens.bin" gardens 1201..1231 own turned
    scans "$data/calibrate/streets.bin" streets 1231..1261 own
    scans "$data/test_shipped_town/town.bin" maps/town.xodr 3001..3007 own
    scans "$data/test_towns/3001.bin" "$data/3001.xodr" 3001..3004 own
    scans "$data/test_towns/3002.bin" "$data/3002.xodr" 3004..3007 own
    scans "$data/test_streets/streets.bin" streets 3001..3201 varied
    scans "$data/test_turned/streets.bin" streets 3201..3401 varied turned
    scans "$data/test_turned/3001.bin" "$data/3001.xodr" 3007..3010 own turned
    scans "$data/test_gardens/streets.bin" gardens 3401..3601 varied
    for number in 1 2 3 4 5 6 7 8; do
        scans "$data/train/streets_$number.bin" streets "${number}0001..${number}0501" varied
        scans "$data/train/town_$number.bin" "$data/100$number.xodr" "10${number}1..10${number}9" varied
        scans "$data/train/town_${number}b.bin" "$data/100$number.xodr" "11${number}1..11${number}9" varied
        scans "$data/train/turned_streets_$number.bin" streets "${number}0501..${number}1301" varied turned
        scans "$data/train/turned_town_$number.bin" "$data/100$number.xodr" "13${number}1..13${number}9" varied turned
        scans "$data/train/more_town_$number.bin" "$data/101$number.xodr" "14${number}1..14${number}9" varied
        scans "$data/train/gardens_$number.bin" gardens "${number}2001..${number}2501" varied
        scans "$data/train/turned_gardens_$number.bin" gardens "${number}2501..${number}2626" varied turned
    done
fi
if [ -n "${BASE:-}" ]; then "$python" training/train_lidar_base.py; fi
exec "$python" training/reduce.py lidar_detector "$@"
