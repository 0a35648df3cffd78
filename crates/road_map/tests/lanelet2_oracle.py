"""Prints what PyPI lanelet2 makes of a map, as JSON lines. Arguments: file, latitude and longitude of the zero, or mgrs."""
import json
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import lanelet2
from lanelet2.core import ConstLanelet, Lanelet
from lanelet2.io import Origin, load
from lanelet2.projection import UtmProjector

file, *origin = sys.argv[1:]
# The package refuses Autoware's own regulatory elements; without them it reads the rest.
KNOWN = {"traffic_light", "right_of_way", "traffic_sign", "speed_limit", "all_way_stop"}
tree = ElementTree.parse(file)
root = tree.getroot()
foreign = set()
for relation in root.findall("relation"):
    tags = {tag.get("k"): tag.get("v") for tag in relation.findall("tag")}
    if tags.get("type") == "regulatory_element" and tags.get("subtype") not in KNOWN:
        foreign.add(relation.get("id"))
        root.remove(relation)
for relation in root.findall("relation"):
    for member in relation.findall("member"):
        if member.get("type") == "relation" and member.get("ref") in foreign:
            relation.remove(member)
stripped = tempfile.NamedTemporaryFile(suffix=".osm")
tree.write(stripped.name)
file = stripped.name

lanelet_map = load(file, UtmProjector(Origin(float(origin[0]), float(origin[1]))))
rules = lanelet2.traffic_rules.create(
    lanelet2.traffic_rules.Locations.Germany, lanelet2.traffic_rules.Participants.Vehicle)
graph = lanelet2.routing.RoutingGraph(lanelet_map, rules)


def key(lanelet):
    return -lanelet.id if lanelet.inverted() else lanelet.id


def points(line):
    return [[p.x, p.y, p.z] for p in line]


lanelets = sorted(lanelet_map.laneletLayer, key=lambda l: l.id)
drivable = []
for lanelet in lanelets:
    drivable.append(lanelet)
    if not rules.isOneWay(lanelet):
        drivable.append(lanelet.invert())
drivable = [l for l in drivable if rules.canPass(l)]
for lanelet in drivable:
    print(json.dumps({
        "id": key(lanelet),
        "left": points(lanelet.leftBound),
        "right": points(lanelet.rightBound),
        "center": points(lanelet.centerline),
        "following": sorted(key(l) for l in graph.following(lanelet)),
        "change_left": key(graph.left(lanelet)) if graph.left(lanelet) else None,
        "change_right": key(graph.right(lanelet)) if graph.right(lanelet) else None,
        "speed_kmh": rules.speedLimit(lanelet).speedLimit,
        "subtype": lanelet.attributes["subtype"],
        "has_speed_tag": "speed_limit" in lanelet.attributes,
    }))
step = max(1, len(drivable) // 40)
for start in drivable[::step]:
    for goal in drivable[::step]:
        if start.id == goal.id:
            continue
        path = graph.shortestPath(start, goal, 0, False)
        length = sum(lanelet2.geometry.length2d(l) for l in path) if path else None
        print(json.dumps({"from": key(start), "to": key(goal), "path": [key(l) for l in path] if path else None, "length": length}))
