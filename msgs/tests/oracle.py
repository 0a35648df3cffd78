"""Holds the generated codec and type hashes against PyPI `rosbags`, which makes its own from the same definitions.

Reads lines of JSON on stdin: {"type", "hash", "definition", "cdr": [hex, ...]}. For each type rosbags builds a codec
from the definition (its own built-in types keep its own definition), decodes each message and encodes it again. What it
encodes big endian goes back, as lines `BIG <type> <hex>...`, for our reader, and so do messages that it made itself of
random values, as lines `OWN <type> <hex>...`.
"""

import json
import random
import sys

import numpy

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

store = get_typestore(Stores.ROS2_JAZZY)
builtin = set(store.types)
# rosbags hashes `char` as a type of its own; ROS 2's generator makes it uint8 first, and these hashes are what ROS 2 ships.
shipped = {
    # The last one is what ROS 2 announces for /ros_discovery_info from Iron on; the first two are parts of it.
    "rmw_dds_common/msg/Gid": "RIHS01_ab6f21cfbb0a6dbb837161e1110c2051a2850ed9f9c53944d7115d9bcebedf71",
    "rmw_dds_common/msg/NodeEntitiesInfo": "RIHS01_8ffef65ee2d088c63b1e8fcd31e800ba9fc8dbe0ee15ca60d1676de5218087a7",
    "rmw_dds_common/msg/ParticipantEntitiesInfo":
        "RIHS01_91a0593bacdcc50ea9bdcf849a938b128412cc1ea821245c663bcd26f83c295e",
    "std_msgs/msg/Char": "RIHS01_3ad2d04dd29ba19d04b16659afa3ccaedd691914b02a64e82e252f2fa6a586a9",
    "service_msgs/msg/ServiceEventInfo": "RIHS01_41bcbbe07a75c9b52bc96bfd5c24d7f0fc0a08c0cb7921b3373c5732345a6f45",
}
failures, types, messages, hashes_builtin = [], 0, 0, 0

lines = [json.loads(line) for line in sys.stdin]
for entry in lines:
    found = get_types_from_msg(entry["definition"], entry["type"])
    store.register({name: fields for name, fields in found.items() if name not in store.types})

NUMBERS = {
    "bool": lambda r: r.random() < 0.5,
    # rosbags takes a byte for a signed one when it stands alone.
    "byte": lambda r: r.randrange(128),
    "char": lambda r: r.randrange(256),
    "octet": lambda r: r.randrange(256),
    "float32": lambda r: float(numpy.float32(r.uniform(-1e6, 1e6))),
    "float64": lambda r: r.uniform(-1e12, 1e12),
    **{f"uint{n}": lambda r, n=n: r.randrange(2**n) for n in (8, 16, 32, 64)},
    **{f"int{n}": lambda r, n=n: r.randrange(2**n) - 2 ** (n - 1) for n in (8, 16, 32, 64)},
}


def element(kind, desc, r):
    """A random value of one field: base types, nested messages, arrays of a fixed length, sequences."""
    kind = int(kind)
    if kind == 1:
        base = desc[0] if isinstance(desc, tuple) else desc
        if base == "string":
            return "".join(r.choice("abcxyz 0189_/") for _ in range(r.randrange(9)))
        return NUMBERS[base](r)
    if kind == 2:
        return made(desc, r)
    inner, bound = desc
    count = bound if kind == 3 else r.randrange(min(bound, 4) + 1 if bound else 5)
    values = [element(inner[0], inner[1], r) for _ in range(count)]
    base = inner[1][0] if isinstance(inner[1], tuple) else inner[1]
    if int(inner[0]) == 1 and base != "string":
        dtype = {"byte": "uint8", "char": "uint8", "octet": "uint8"}.get(base, base)
        return numpy.array(values, dtype=dtype)
    return values


def made(name, r):
    """A message of random values."""
    fields = store.fielddefs[name][1]
    return store.types[name](**{field: element(kind, desc, r) for field, (kind, desc) in fields})


for entry in lines:
    name = entry["type"]
    r = random.Random(name)
    print("OWN", name, *(bytes(store.serialize_cdr(made(name, r), name)).hex() for _ in range(4)))

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
