#!/bin/sh
# Makes the motion planner's proposal network anew: generates towns, records an expert's drives in them, then reduces a teacher
# to the INT8 file that is deployed, and measures each step. Needs Python with what training/requirements.txt names (set PYTHON
# to choose one), and the trajectory predictor's model, whose futures the network is told of. Takes half an hour on one
# core. With KEEP=1 data are kept and steps that are done are not done again; UNTIL=record ends with the recording.
set -eu
cd "$(dirname "$0")/.."
data=training/data/motion_planner
if [ -z "${KEEP:-}" ]; then
    rm -rf "$data" training/work/motion_planner
    cargo build --release -p town_generator -p motion_planner --features motion_planner/recorder
fi
mkdir -p "$data/train" "$data/test"
# SET SEED TOWNS: a minute's drive in each town. What is recorded already is kept.
record() {
    set=$1 seed=$2
    shift 2
    for town in "$@"; do
        if [ -f "$data/$set/$town-$seed.f32" ]; then continue; fi
        target/release/town_generator --seed "$town" --out "$data/$town.xodr"
        target/release/record_drives record "$data/$town.xodr" "$data/part" "$seed..$((seed + 1))" 60
        mv "$data/part" "$data/$set/$town-$seed.f32"
    done
}
for seed in 3101 3102 3103; do record test $seed 3001 3002; done
for seed in 1101 1102 1103 1104 1105 1106; do record train $seed 1001 1002 1003 1004 1005 1006 1007 1008; done
if [ "${UNTIL:-}" = record ]; then exit 0; fi
exec "${PYTHON:-python3}" training/reduce.py motion_planner "$@"
