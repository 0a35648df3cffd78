"""The car that is driven and its sensors, from a file in the form of carla-ros-bridge's objects.json."""
import json

from refusal import Refusal

# Of a sensor's entry, what is no attribute of its blueprint.
NO_ATTRIBUTES = ("type", "id", "spawn_point")
# Raised so much, m, where the place itself touches the ground.
RAISED_M = (0.0, 0.5, 1.0)


def read_vehicle(path):
    """The first vehicle of a sensor file."""
    try:
        with open(path, encoding="utf-8") as file:
            objects = json.load(file)["objects"]
        return next(thing for thing in objects if thing["type"].startswith("vehicle."))
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise Refusal("sensors", f"sensor file {path}: {error!r}; expected the form of carla-ros-bridge's objects.json: "
                      '{"objects": [{"type": "vehicle...", "sensors": [...]}]}') from error


def spawn(session, sensors_file, role_name="hero", start=None, ros=True):
    """Puts the car at `start` ({"index": N} of the map's spawn points, or a place) and its sensors on it.

    A place that is taken is left for the next free one nearby, which is said; where none is free, it is refused.
    `ros`: whether CARLA itself is to publish the sensors.
    """
    vehicle = read_vehicle(sensors_file)
    blueprint = find(session, vehicle["type"])
    set_attribute(blueprint, "role_name", role_name)
    set_attribute(blueprint, "ros_name", role_name)
    session.ego, note = put(session, blueprint, start or {"index": 0})
    spawned = []
    for sensor in vehicle.get("sensors", []):
        # Pseudo sensors and actors are carla-ros-bridge's own.
        if sensor["type"].startswith("sensor.") and not sensor["type"].startswith("sensor.pseudo."):
            attach(session, sensor, ros)
            spawned.append(sensor["id"])
    # The car falls onto its wheels, and the sensors come to be.
    session.world.tick(session.timeout_s)
    at = session.ego.get_transform()
    return {"id": session.ego.id, "type": session.ego.type_id, "sensors": spawned, "note": note,
            "start": {"x": at.location.x, "y": at.location.y, "z": at.location.z, "yaw": at.rotation.yaw}}


def find(session, name):
    """A blueprint by its name."""
    library = session.world.get_blueprint_library()
    try:
        return library.find(name)
    except (IndexError, RuntimeError) as error:
        raise Refusal("blueprint", f"this server has no blueprint `{name}`: choose one of its own in the sensor file") from error


def set_attribute(blueprint, name, value):
    """Sets an attribute where the blueprint has it; says whether it has."""
    if not blueprint.has_attribute(name):
        return False
    blueprint.set_attribute(name, value)
    return True


def put(session, blueprint, start):
    """The car at its start, and a sentence where it had to stand elsewhere."""
    carla, points = session.carla, session.map.get_spawn_points()
    if "index" not in start:
        for raised in RAISED_M:
            at = carla.Location(x=start["x"], y=start["y"], z=start.get("z", 0.0) + raised)
            transform = carla.Transform(at, carla.Rotation(yaw=start.get("yaw", 0.0)))
            actor = session.world.try_spawn_actor(blueprint, transform)
            if actor is not None:
                return actor, None
        raise Refusal("spawn", f"the ego cannot stand at ({start['x']:.1f}, {start['y']:.1f}): {taken(session, at)}; remove "
                      "what stands there (`ferrodrive carla down` takes away what an earlier run left), or choose another "
                      "place with --start")
    index = start["index"]
    if not 0 <= index < len(points):
        raise Refusal("spawn", f"no spawn point {index}: the map has {len(points)}, 0 to {len(points) - 1}")
    wanted = points[index].location
    order = sorted(range(len(points)), key=lambda n: (points[n].location.distance(wanted), n))
    for n in order:
        actor = session.world.try_spawn_actor(blueprint, points[n])
        if actor is not None:
            if n == index:
                return actor, None
            away = points[n].location.distance(wanted)
            return actor, (f"spawn point {index}: {taken(session, wanted)}; the ego stands at spawn point {n}, {away:.0f} m "
                           "away, instead")
    raise Refusal("spawn", f"no spawn point is free for the ego: {taken(session, wanted)} at {index}, and the other "
                  f"{len(points) - 1} are taken too; `ferrodrive carla down` takes away what an earlier run left")


def taken(session, location):
    """What stands at a place."""
    near = [(actor.get_location().distance(location), actor) for actor in session.world.get_actors().filter("vehicle.*")]
    near = [(distance, actor.id, actor.type_id) for distance, actor in near if distance < 8.0]
    if not near:
        return "the server finds it blocked"
    _, number, kind = min(near)
    return f"taken by {kind} (actor {number})"


def attach(session, sensor, ros):
    """Puts one sensor onto the car. Its place is right-handed in the file and left-handed in CARLA."""
    carla = session.carla
    blueprint = find(session, sensor["type"])
    set_attribute(blueprint, "role_name", sensor["id"])
    set_attribute(blueprint, "ros_name", sensor["id"])
    for name, value in sensor.items():
        if name in NO_ATTRIBUTES:
            continue
        # Without an exponent, which not every parser takes.
        small = isinstance(value, float) and 0.0 < abs(value) < 1e-4
        text = f"{value:.9f}" if small else str(value).lower() if isinstance(value, bool) else str(value)
        if not set_attribute(blueprint, name, text):
            raise Refusal("sensors", f"sensor `{sensor['id']}`: {sensor['type']} has no attribute `{name}` on this server")
    at = sensor.get("spawn_point", {})
    where = carla.Transform(
        carla.Location(x=at.get("x", 0.0), y=-at.get("y", 0.0), z=at.get("z", 0.0)),
        carla.Rotation(roll=at.get("roll", 0.0), pitch=-at.get("pitch", 0.0), yaw=-at.get("yaw", 0.0)))
    actor = session.world.spawn_actor(blueprint, where, attach_to=session.ego)
    session.sensors.append(actor)
    if ros and hasattr(actor, "enable_for_ros"):
        actor.enable_for_ros()
    return actor
