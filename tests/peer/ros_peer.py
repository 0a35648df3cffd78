"""What the independent DDS peers of the tests and benchmarks share (PyPI cyclonedds): ROS 2's types, endpoints, services.

Types come from rosbags' definitions of ROS 2 Jazzy; those that it has not, from this repository's interface files.
"""

import json
import os
import sys
import time
import uuid
from functools import lru_cache
from pathlib import Path

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import make_idl_struct
from cyclonedds.idl.types import array, float32, float64, int8, int16, int32, int64, sequence, uint8, uint16, uint32, uint64
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

INTERFACES = Path(__file__).parents[2] / "msgs/interfaces"
BASE = {
    "bool": bool, "byte": uint8, "char": uint8, "string": str, "float32": float32, "float64": float64,
    "int8": int8, "int16": int16, "int32": int32, "int64": int64,
    "uint8": uint8, "uint16": uint16, "uint32": uint32, "uint64": uint64,
}  # fmt: skip
STORE = get_typestore(Stores.ROS2_JAZZY)


def _fields(name):
    if name in STORE.fielddefs:
        return STORE.fielddefs[name][1]
    text = (INTERFACES / f"{name}.msg").read_text()
    return get_types_from_msg(text, name)[name][1]


def _type(kind, content):
    if kind.name == "BASE":
        return BASE[content[0]]
    if kind.name == "NAME":
        return ros(content)
    inner = _type(*content[0])
    return array[inner, content[1]] if kind.name == "ARRAY" else sequence[inner]


def _struct(name, fields, header=None):
    package, folder, base = name.split("/")
    fields = {**(header or {}), **{field: _type(*of) for field, of in fields}}
    return make_idl_struct(base, f"{package}::{folder}::dds_::{base}_", fields)


@lru_cache(None)
def ros(name):
    """The type of this ROS name: `std_msgs/msg/String`."""
    return _struct(name, _fields(name))


@lru_cache(None)
def front(name, until):
    """The type of this ROS name up to a field: for big messages of which what stands in front is enough."""
    fields = list(_fields(name))
    return _struct(name, fields[: [field for field, _ in fields].index(until)])


@lru_cache(None)
def service(name):
    """Request and response of this service, with rmw_cyclonedds' header in front."""
    package, _, base = name.split("/")
    halves = (INTERFACES / f"{name}.srv").read_text().split("---")
    header = {"client": uint64, "sequence_number": int64}

    def half(kind, text):
        full = f"{package}/srv/{base}_{kind}"
        return _struct(full, get_types_from_msg(text, f"{package}/msg/{base}_{kind}")[f"{package}/msg/{base}_{kind}"][1], header)

    return half("Request", halves[0]), half("Response", halves[1])


RELIABLE = Policy.Reliability.Reliable(duration(seconds=30))
TEN = Qos(RELIABLE, Policy.History.KeepLast(10))
ALL = Qos(RELIABLE, Policy.History.KeepAll)


def kept(depth):
    """Transient local; the durability service's history is what late joiners get."""
    history = Policy.History.KeepLast(depth)
    service = Policy.DurabilityService(
        cleanup_delay=0, history=history, max_samples=-1, max_instances=-1, max_samples_per_instance=-1
    )
    return Qos(RELIABLE, Policy.Durability.TransientLocal, history, service)


KEPT = kept(10)
KEPT_ALL = Qos(RELIABLE, Policy.Durability.TransientLocal, Policy.History.KeepAll)
LOST = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(10))


def say(**what):
    print(json.dumps(what), flush=True)


def waited(what, get, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = get()
        if value:
            return value
        time.sleep(0.005)
    raise SystemExit(f"{what}: not within {seconds} s")


def user_data(qos):
    policy = qos[Policy.Userdata]
    return bytes(policy.data).decode() if policy else ""


class Peer:
    def __init__(self, domain):
        self.participant = DomainParticipant(domain)
        # A mode that has returned still has its ends on the graph.
        self.ends = []

    def reader(self, topic, kind, qos):
        self.ends.append(DataReader(self.participant, Topic(self.participant, topic, kind), qos=qos))
        return self.ends[-1]

    def writer(self, topic, kind, qos):
        self.ends.append(DataWriter(self.participant, Topic(self.participant, topic, kind), qos=qos))
        return self.ends[-1]


class Client:
    """A client as rmw_cyclonedds makes one: its two ends carry one `clientid`."""

    def __init__(self, peer, name, kind, makes_reader=True):
        self.peer, self.name = peer, name
        self.request, self.response = service(kind)
        identity = "clientid=" + ".".join(f"{byte:x}" for byte in uuid.uuid4().bytes) + ";"
        self.qos = Qos(RELIABLE, Policy.History.KeepLast(10), Policy.Userdata(identity.encode()))
        self.writer = peer.writer(f"rq/{name}Request", self.request, self.qos)
        if makes_reader:
            self.make_reader()

    def make_reader(self):
        self.reader = self.peer.reader(f"rr/{self.name}Reply", self.response, self.qos)

    def ask(self, client, number, *fields):
        waited(f"server of {self.name}", self.writer.get_matched_subscriptions)
        self.writer.write(self.request(client, number, *fields))

    def answer(self, client, number, seconds=20.0):
        reply = waited(f"reply of {self.name}", lambda: self.reader.take(N=1), seconds)[0]
        assert (reply.client, reply.sequence_number) == (client, number), reply
        return reply


def main(modes):
    """Runs the mode that the arguments name, MODE DOMAIN, until standard input ends."""
    mode, number = sys.argv[1], int(sys.argv[2])
    domain = Domain(number, os.environ["PEER_CONFIG"])
    peer = Peer(number)
    modes[mode](peer)
    sys.stdin.read()
    del peer, domain
