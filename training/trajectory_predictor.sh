#!/bin/sh
# Makes the trajectory predictor anew: generates towns, records traffic in them, then reduces a teacher to the INT8 file that
# is deployed, and measures each step. Needs Python with what training/requirements.txt names (set PYTHON to choose one).
# Takes an hour on two cores. With KEEP=1 data are kept and steps that are done are not done again; UNTIL=record ends with the
# recording.
set -eu
cd "$(dirname "$0")/.."
data=training/data/trajectory_predictor
if [ -z "${KEEP:-}" ]; then
    rm -rf "$data" training/work/trajectory_predictor
    mkdir -p "$data/train" "$data/test"
    cargo build --release -p town_generator -p trajectory_predictor --features trajectory_predictor/recorder
    # TOWN SET SEEDS: one world a seed, a minute each; the car under test stands, and longer worlds fill with the queue
    # behind it.
    record() {
        target/release/town_generator --seed "$1" --out "$data/$1.xodr"
        target/release/record_traffic "$data/$1.xodr" "$data/$2/$1.f32" "$3" 60
    }
    for town in 1001 1002 1003 1004 1005 1006 1007 1008; do record $town train 1001..1012; done
    for town in 3001 3002; do record $town test 3001..3004; done
fi
if [ "${UNTIL:-}" = record ]; then exit 0; fi
exec "${PYTHON:-python3}" training/reduce.py trajectory_predictor "$@"
