"""The peer's ends of the wire benchmark. Usage: wire_peer.py send|receive KIND DOMAIN COUNT."""

import os
import sys
import time
from pathlib import Path

from cyclonedds.core import InstanceState, Policy, Qos, ReadCondition, SampleState, ViewState, WaitSet
from cyclonedds.domain import Domain
from cyclonedds.internal import InvalidSample
from cyclonedds.util import duration

sys.path.insert(0, str(Path(__file__).parents[3] / "tests/peer"))
from ros_peer import Peer, ros, say

PointCloud2 = ros("sensor_msgs/msg/PointCloud2")
Header = ros("std_msgs/msg/Header")
Time = ros("builtin_interfaces/msg/Time")

# Bytes, rate in Hz, reliable, depth of the history: as in wire.rs.
KINDS = {"cloud_reliable": (1_500_000, 20, True, 10), "cloud_best_effort": (1_500_000, 10, False, 10), "small": (140, 1000, True, 1000)}


def main():
    role, kind, domain, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    size, rate, reliable, depth = KINDS[kind]
    if "WIRE_CONFIG" in os.environ:
        keep = Domain(domain, os.environ["WIRE_CONFIG"])
    peer = Peer(domain)
    reliability = Policy.Reliability.Reliable(duration(seconds=1)) if reliable else Policy.Reliability.BestEffort
    qos = Qos(reliability, Policy.History.KeepLast(depth))
    if role == "send":
        writer = peer.writer("rt/benchmark", PointCloud2, qos)
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
    reader = peer.reader("rt/benchmark", PointCloud2, qos)
    waitset = WaitSet(peer.participant)
    condition = ReadCondition(reader, SampleState.Any | ViewState.Any | InstanceState.Any)
    waitset.attach(condition)
    say(ready=True)
    ages, quiet_since = [], time.monotonic()
    while len(ages) < count and time.monotonic() - quiet_since < (5 if ages else 30):
        waitset.wait(duration(milliseconds=500))
        for sample in reader.take(N=100):
            if isinstance(sample, InvalidSample):  # the writer has left
                continue
            now, stamp = time.time_ns(), sample.header.stamp
            ages.append(now - stamp.sec * 1_000_000_000 - stamp.nanosec)
            quiet_since = time.monotonic()
    say(ages_ns=ages)


main()
