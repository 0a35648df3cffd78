"""How long runs take on one thread of this machine."""

import time

import numpy as np
import onnxruntime


def open_session(path):
    """A session on one thread of the CPU."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def instructions():
    """Of the instructions that make int8 fast, those of this processor."""
    try:
        flags = next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split()
    except (OSError, StopIteration):
        return "unknown"
    wanted = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8")
    return " ".join(flag for flag in wanted if flag in flags) or "none"


def side_by_side(paths, feed, runs=200, warm_up=20, clock=time.perf_counter):
    """Latency of several files on the same input, run by turns so that what disturbs one disturbs all: by name p50 and
    p99, ms, and the median of the first's time over each one's, turn by turn. With `time.thread_time` it is the time that
    the processor worked for it, whatever else the machine does."""
    sessions = {name: open_session(path) for name, path in paths.items()}
    times = {name: [] for name in paths}
    for turn in range(warm_up + runs):
        for name, session in sessions.items():
            began = clock()
            session.run(None, feed)
            if turn >= warm_up:
                times[name].append((clock() - began) * 1e3)
    first = np.array(next(iter(times.values())))
    result = {"threads": 1, "runs": runs, "instructions": instructions()}
    for name, values in times.items():
        p50, p99 = np.percentile(values, (50, 99))
        result[name] = {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3),
                        "times_faster": round(float(np.median(first / np.array(values))), 2)}
    return result
