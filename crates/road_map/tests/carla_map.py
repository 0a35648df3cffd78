"""Prints what CARLA's own OpenDRIVE reader (PyPI `carla`) makes of a map, as JSON: waypoints and topology."""

import json
import sys

import carla

with open(sys.argv[1], encoding="utf-8") as file:
    carla_map = carla.Map("map", file.read())


def key(waypoint):
    return [waypoint.road_id, waypoint.section_id, waypoint.lane_id]


waypoints = []
for waypoint in carla_map.generate_waypoints(2.0):
    place = waypoint.transform.location
    # CARLA's y points the other way.
    waypoints.append([*key(waypoint), waypoint.s, place.x, -place.y, place.z, waypoint.lane_width])
topology = [[key(a), key(b)] for a, b in carla_map.get_topology()]
json.dump({"waypoints": waypoints, "topology": topology}, sys.stdout)
