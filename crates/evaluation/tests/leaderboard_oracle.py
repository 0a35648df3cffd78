"""Writes leaderboard_oracle.json: what the leaderboard's own statistics make of the cases in it, release by release.

Usage: python leaderboard_oracle.py LEADERBOARD SCENARIO_RUNNER, both git repositories of carla-simulator (branches
leaderboard-1.0, leaderboard-2.0 and leaderboard-2.1 of the first, HEAD of the second).
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE / "leaderboard_oracle.json"
FILES = {"leaderboard/utils/statistics_manager.py": 0, "leaderboard/utils/checkpoint_tools.py": 0,
         "srunner/scenariomanager/traffic_events.py": 1}


class Place:
    def __init__(self, x):
        self.x = x

    def __sub__(self, other):
        return types.SimpleNamespace(length=lambda: abs(self.x - other.x))


def answer(release):
    """In a process of its own, with the release's files on the path."""
    from srunner.scenariomanager.traffic_events import TrafficEvent, TrafficEventType as Type
    import leaderboard.utils.statistics_manager as statistics

    kinds = {"collisions_layout": Type.COLLISION_STATIC, "collisions_pedestrian": Type.COLLISION_PEDESTRIAN,
             "collisions_vehicle": Type.COLLISION_VEHICLE, "red_light": Type.TRAFFIC_LIGHT_INFRACTION,
             "stop_infraction": Type.STOP_INFRACTION, "outside_route_lanes": Type.OUTSIDE_ROUTE_LANES_INFRACTION,
             "min_speed_infractions": Type.MIN_SPEED_INFRACTION, "route_dev": Type.ROUTE_DEVIATION,
             "yield_emergency_vehicle_infractions": Type.YIELD_TO_EMERGENCY_VEHICLE,
             "scenario_timeouts": Type.SCENARIO_TIMEOUT, "vehicle_blocked": Type.VEHICLE_BLOCKED}
    cases = json.loads(TARGET.read_text())["cases"]
    old = release == "1.0"
    manager = statistics.StatisticsManager() if old else statistics.StatisticsManager(None, None)
    for index, case in enumerate(cases):
        events = []
        for kind, percentage, distance in case["infractions"]:
            if kind in kinds:
                message = kind
                if kind == "outside_route_lanes":
                    message = f"Agent went outside its route lanes for about {distance} meters ({percentage}%)"
                events.append(TrafficEvent(kinds[kind], 0, message, {"percentage": percentage, "distance": distance}))
        events.append(TrafficEvent(Type.ROUTE_COMPLETION, 0, "", {"route_completed": case["completion"]}))
        if old and case["completion"] >= 100:
            events.append(TrafficEvent(Type.ROUTE_COMPLETED, 0))
        node = types.SimpleNamespace(events=events, list_traffic_events=events)
        timeout = any(kind == "route_timeout" for kind, _, _ in case["infractions"])
        route = [(types.SimpleNamespace(location=Place(x)), None) for x in (0.0, case["length_m"])]
        scenario = types.SimpleNamespace(route=route, get_criteria=lambda node=node: [node],
                                         timeout_node=types.SimpleNamespace(timeout=timeout))
        if old:
            manager._master_scenario = scenario
            record = statistics.RouteRecord()
            record.route_id, record.index = index, index
            manager._registry_route_records.append(record)
            statistics.compute_route_length = lambda _, length=case["length_m"]: length
            manager.compute_route_statistics(types.SimpleNamespace(index=index), 2.0, 1.0)
        else:
            manager.create_route_data(f"RouteScenario_{index}_rep0", index)
            manager.set_scenario(scenario)
            manager.compute_route_statistics(index, 2.0, 1.0)
    if old:
        whole, records = manager.compute_global_statistics(len(cases)), manager._registry_route_records
        mean = whole.scores
    else:
        manager._total_routes = len(cases)
        manager.compute_global_statistics()
        checkpoint = manager._results.checkpoint
        whole, records, mean = checkpoint.global_record, checkpoint.records, checkpoint.global_record.scores_mean
    scores = ("score_route", "score_penalty", "score_composed")
    return {"routes": [[r.status, *(r.scores[s] for s in scores)] for r in records], "mean": mean,
            "std": whole.scores_std_dev, "infractions": whole.infractions, "status": whole.status}


def main():
    repositories = sys.argv[1:3]
    data = json.loads(TARGET.read_text())
    data["releases"] = {}
    for release in ("1.0", "2.0", "2.1"):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for file, owner in FILES.items():
                commit = "HEAD" if owner else f"leaderboard-{release}"
                text = subprocess.check_output(["git", "-C", repositories[owner], "show", f"{commit}:{file}"], text=True)
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_text(text)
            # What the statistics import and do not use here.
            (folder / "dictor.py").write_text("dictor = None\n")
            (folder / "requests.py").write_text("")
            command = [sys.executable, "-W", "ignore", __file__, "--answer", release]
            data["releases"][release] = json.loads(subprocess.check_output(command, env={"PYTHONPATH": name}, text=True))
    TARGET.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--answer":
        print(json.dumps(answer(sys.argv[2])))
    else:
        main()
