#!/bin/sh
# Makes the traffic light recogniser anew: generates towns, records lights in them, trains, quantizes, exports, measures.
# Needs Python with torch, onnx and onnxruntime (set PYTHON to choose one). Takes about 15 minutes on two cores; with KEEP=1
# what is recorded already is used again.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
data=training/data/traffic_light_recognizer
checkpoint=training/work/traffic_light_recognizer.pt
if [ -z "${KEEP:-}" ]; then
    rm -rf "$data"
    mkdir -p "$data/train" "$data/tune" "$data/test_shipped_town" "$data/test_towns" training/work
    cargo build --release -p town_generator -p traffic_light_recognizer --features traffic_light_recognizer/recorder
    lights() { target/release/record_lights "$@"; }
    for town in 1001 1002 1003 1004 1005 1006 2001 3001 3002; do
        target/release/town_generator --seed "$town" --out "$data/$town.xodr"
    done
    for world in 1 2 3; do
        for town in 1001 1002 1003 1004 1005 1006; do
            lights "$data/train/$town.$world.bin" "$data/$town.xodr" "$town$world..$town$((world + 1))" varied
        done
    done
    lights "$data/tune/2001.bin" "$data/2001.xodr" 20011..20012 varied
    lights "$data/test_shipped_town/1.bin" maps/town.xodr 30011..30014 own
    lights "$data/test_towns/3001.bin" "$data/3001.xodr" 30021..30023 varied
    lights "$data/test_towns/3002.bin" "$data/3002.xodr" 30031..30033 varied
fi
export OMP_NUM_THREADS=1
"$python" training/traffic_light_recognizer.py train --train "$data/train" --tune "$data/tune" --checkpoint "$checkpoint" \
    --epochs "${EPOCHS:-14}" --seed 1
"$python" training/traffic_light_recognizer.py export --checkpoint "$checkpoint" --model models/traffic_light_recognizer \
    --calibrate "$data/train"
"$python" training/traffic_light_recognizer.py evaluate --model models/traffic_light_recognizer \
    --test shipped_town="$data/test_shipped_town" towns="$data/test_towns" \
    --about "trained in towns 1001 to 1006, tuned in town 2001; tested in maps/town.xodr by the car's own camera with world seeds 30011 to 30013, and in towns 3001 and 3002 with other lenses, sizes and shapes; colours and lights out of order drawn at random, poses as wrong as a localizer's"
