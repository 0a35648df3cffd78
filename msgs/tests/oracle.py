"""Holds the generated codec and type hashes against PyPI `rosbags`, which makes its own from the same definitions.

Reads lines of JSON on stdin: {"type", "hash", "definition", "cdr": [hex, ...]}. For each type rosbags builds a codec
from the definition (its own built-in types keep its own definition), decodes each message and encodes it again. What it
encodes big endian goes back, as lines `BIG <type> <hex>...`, for our reader.
"""

import json
import sys

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

store = get_typestore(Stores.ROS2_JAZZY)
builtin = set(store.types)
# rosbags hashes `char` as a type of its own; ROS 2's generator makes it uint8 first, and these hashes are what ROS 2 ships.
shipped = {
    "std_msgs/msg/Char": "RIHS01_3ad2d04dd29ba19d04b16659afa3ccaedd691914b02a64e82e252f2fa6a586a9",
    "service_msgs/msg/ServiceEventInfo": "RIHS01_41bcbbe07a75c9b52bc96bfd5c24d7f0fc0a08c0cb7921b3373c5732345a6f45",
}
failures, types, messages, hashes_builtin = [], 0, 0, 0

lines = [json.loads(line) for line in sys.stdin]
for entry in lines:
    found = get_types_from_msg(entry["definition"], entry["type"])
    store.register({name: fields for name, fields in found.items() if name not in store.types})

for entry in lines:
    name = entry["type"]
    big = []
    types += 1
    hashes_builtin += name in builtin
    expected = shipped.get(name) or store.hash_rihs01(name)
    if expected != entry["hash"]:
        failures.append(f"{name}: hash {entry['hash']}, expected {expected}")
    for text in entry["cdr"]:
        data = bytes.fromhex(text)
        try:
            message = store.deserialize_cdr(data, name)
            again = bytes(store.serialize_cdr(message, name))
            big.append(bytes(store.serialize_cdr(message, name, little_endian=False)).hex())
        except Exception as error:  # noqa: BLE001 - whatever rosbags raises is a finding
            failures.append(f"{name}: rosbags cannot read our bytes: {error!r}")
            continue
        messages += 1
        # rosbags pads nothing at the end; neither do we.
        if again != data:
            failures.append(f"{name}: rosbags writes {again.hex()}, we wrote {text}")
    print("BIG", name, *big)

for failure in failures[:20]:
    print(failure)
print(f"{types} types ({hashes_builtin} of them built into rosbags), {messages} messages, {len(failures)} failures")
sys.exit(1 if failures else 0)
