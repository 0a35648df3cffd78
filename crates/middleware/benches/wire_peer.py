"""The peer's ends of the wire benchmark. Usage: wire_peer.py send|receive KIND DOMAIN COUNT."""

import json
import os
import sys
import time
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos, ReadCondition, SampleState, ViewState, InstanceState, WaitSet
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import int32, sequence, uint8, uint32
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration


@dataclass
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    sec: int32
    nanosec: uint32


@dataclass
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    stamp: Time
    frame_id: str


@dataclass
class PointField(IdlStruct, typename="sensor_msgs::msg::dds_::PointField_"):
    name: str
    offset: uint32
    datatype: uint8
    count: uint32


@dataclass
class PointCloud2(IdlStruct, typename="sensor_msgs::msg::dds_::PointCloud2_"):
    header: Header
    height: uint32
    width: uint32
    fields: sequence[PointField]
    is_bigendian: bool
    point_step: uint32
    row_step: uint32
    data: sequence[uint8]
    is_dense: bool


# Bytes, rate in Hz, reliable: as in wire.rs.
KINDS = {"cloud_reliable": (1_500_000, 20, True), "cloud_best_effort": (1_500_000, 10, False), "small": (140, 1000, True)}


def main():
    role, kind, domain, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    size, rate, reliable = KINDS[kind]
    if "WIRE_CONFIG" in os.environ:
        keep = Domain(domain, os.environ["WIRE_CONFIG"])
    participant = DomainParticipant(domain)
    reliability = Policy.Reliability.Reliable(duration(seconds=1)) if reliable else Policy.Reliability.BestEffort
    qos = Qos(reliability, Policy.History.KeepLast(10))
    topic = Topic(participant, "rt/benchmark", PointCloud2)
    if role == "send":
        writer = DataWriter(participant, topic, qos=qos)
        while not writer.get_matched_subscriptions():
            time.sleep(0.01)
        time.sleep(0.5)
        data = bytes(size)
        next_at = time.monotonic()
        for _ in range(count):
            now = time.time_ns()
            stamp = Time(now // 1_000_000_000, now % 1_000_000_000)
            writer.write(PointCloud2(Header(stamp, "a"), 1, size // 4, [], False, 4, size, data, True))
            next_at += 1 / rate
            time.sleep(max(0.0, next_at - time.monotonic()))
        time.sleep(2.0)
        return
    reader = DataReader(participant, topic, qos=qos)
    waitset = WaitSet(participant)
    condition = ReadCondition(reader, SampleState.Any | ViewState.Any | InstanceState.Any)
    waitset.attach(condition)
    print(json.dumps({"ready": True}), flush=True)
    ages, quiet_since = [], time.monotonic()
    while len(ages) < count and time.monotonic() - quiet_since < (5 if ages else 30):
        waitset.wait(duration(milliseconds=500))
        for sample in reader.take(N=10):
            now, stamp = time.time_ns(), sample.header.stamp
            ages.append(now - stamp.sec * 1_000_000_000 - stamp.nanosec)
            quiet_since = time.monotonic()
    print(json.dumps({"ages_ns": ages}), flush=True)


main()
