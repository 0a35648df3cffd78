"""A fake of CARLA's Python client, for tests only: no CARLA is in it, and none is reached.

It has those names, calls and arguments of the PyPI package `carla` 0.9.16 that the worker uses
(test_signatures.py holds them against the real package where that is installed), over a world that is one straight road
along x with a light, a stop sign and spawn points every 20 m. Cars drive straight ahead at constant speed.

FAKE_CARLA, JSON: refuse, server_version, town, synchronous, taken (spawn points), speed (of the ego, m/s), touch_at_x and
fail_at_x (where the ego touches a fence, and where the server goes away, m), and files: clock (written with the time at each
tick), log (a line for each change), go (the ego stands until it is there).
"""
import json
import math
import os

CLIENT_VERSION = "0.9.16"
ROAD_M = 400.0


class Location:
    def __init__(self, x=0.0, y=0.0, z=0.0):
        self.x, self.y, self.z = x, y, z

    def distance(self, location):
        return math.dist((self.x, self.y, self.z), (location.x, location.y, location.z))



class Rotation:
    def __init__(self, pitch=0.0, yaw=0.0, roll=0.0):
        self.pitch, self.yaw, self.roll = pitch, yaw, roll


class Transform:
    def __init__(self, location=None, rotation=None):
        self.location, self.rotation = location or Location(), rotation or Rotation()


class BoundingBox:
    def __init__(self, location=None, extent=None):
        self.location, self.extent = location or Location(), extent or Location(2.4, 0.9, 0.75)


class LaneType:
    Driving, Parking = "Driving", "Parking"


class WeatherParameters:
    def __init__(self, cloudiness=0.0, precipitation=0.0, sun_altitude_angle=45.0):
        self.cloudiness, self.precipitation, self.sun_altitude_angle = cloudiness, precipitation, sun_altitude_angle


class OpendriveGenerationParameters:
    def __init__(self, vertex_distance=2.0, max_road_length=50.0, wall_height=1.0, additional_width=0.6,
                 smooth_junctions=True, enable_mesh_visibility=True, enable_pedestrian_navigation=True):
        self.wall_height = wall_height


class WorldSettings:
    def __init__(self, synchronous_mode=False, no_rendering_mode=False, fixed_delta_seconds=0.0):
        self.synchronous_mode, self.no_rendering_mode = synchronous_mode, no_rendering_mode
        self.fixed_delta_seconds = fixed_delta_seconds or None
        self.substepping, self.max_substep_delta_time, self.max_substeps = True, 0.01, 10
        self.deterministic_ragdolls = False


class Timestamp:
    def __init__(self, frame, elapsed_seconds):
        self.frame, self.elapsed_seconds = frame, elapsed_seconds


class ActorSnapshot:
    def __init__(self, actor):
        self.id, self.actor = actor.id, actor

    def get_transform(self):
        return self.actor.get_transform()

    def get_velocity(self):
        return self.actor.get_velocity()


class WorldSnapshot:
    def __init__(self, server):
        self.server, self.frame = server, server.frame
        self.timestamp = Timestamp(server.frame, server.time)

    def find(self, actor_id):
        actor = self.server.actors.get(actor_id)
        return actor and ActorSnapshot(actor)


class Waypoint:
    def __init__(self, x):
        self.transform = Transform(Location(x))
        self.road_id, self.lane_id, self.lane_width, self.is_junction = 1, -1, 3.5, False

    def next(self, distance):
        x = self.transform.location.x + distance
        return [Waypoint(x)] if x < 200.0 or 200.0 < self.transform.location.x < ROAD_M else []


class Map:
    def __init__(self, name, xodr_content):
        self.name, self.text = name, xodr_content

    def get_spawn_points(self):
        return [Transform(Location(20.0 * n, 0.0, 0.3)) for n in range(20)]

    def get_waypoint(self, location, project_to_road=True, lane_type=LaneType.Driving):
        return Waypoint(location.x) if lane_type == LaneType.Driving else None

    def to_opendrive(self):
        return self.text


class ActorAttribute:
    def __init__(self, value, recommended_values=()):
        self.value, self.recommended_values = value, list(recommended_values)

    def as_int(self):
        return int(self.value)


class ActorBlueprint:
    def __init__(self, id, attributes):
        self.id, self.attributes = id, {key: ActorAttribute(*value) for key, value in attributes.items()}

    def has_attribute(self, id):
        return id in self.attributes

    def get_attribute(self, id):
        return self.attributes[id]

    def set_attribute(self, id, value):
        if not isinstance(value, str):
            raise TypeError(f"set_attribute: expected text, got {value!r}")
        self.attributes[id] = ActorAttribute(value, self.attributes[id].recommended_values)


def blueprints():
    named = {"role_name": ("",), "ros_name": ("",)}
    car = {**named, "color": ("0,0,0", ("0,0,0", "255,0,0", "0,255,0")), "number_of_wheels": ("4",)}
    tick = {**named, "sensor_tick": ("0.0",)}
    return {
        "vehicle.tesla.model3": car, "vehicle.audi.tt": car, "vehicle.mini.cooper_s": car,
        "vehicle.yamaha.yzf": {**car, "number_of_wheels": ("2",)},
        "walker.pedestrian.0001": {"role_name": ("",), "is_invincible": ("true",)},
        "walker.pedestrian.0002": {"role_name": ("",), "is_invincible": ("true",)},
        "controller.ai.walker": {"role_name": ("",)},
        "sensor.lidar.ray_cast": {**tick, **{key: ("0",) for key in (
            "range", "channels", "points_per_second", "upper_fov", "lower_fov", "rotation_frequency", "noise_stddev",
            "dropoff_general_rate", "dropoff_intensity_limit", "dropoff_zero_intensity", "noise_seed",
            "atmosphere_attenuation_rate")}},
        "sensor.camera.rgb": {**tick, "image_size_x": ("800",), "image_size_y": ("600",), "fov": ("90",)},
        "sensor.other.gnss": {**tick, **{f"noise_{axis}_{what}": ("0",) for axis in ("lat", "lon", "alt")
                                         for what in ("stddev", "bias")}, "noise_seed": ("0",)},
        "sensor.other.imu": {**tick, **{f"noise_accel_stddev_{axis}": ("0",) for axis in "xyz"},
                             **{f"noise_gyro_{what}_{axis}": ("0",) for axis in "xyz" for what in ("stddev", "bias")},
                             "noise_seed": ("0",)},
        "sensor.other.collision": named, "sensor.other.lane_invasion": named,
    }


class BlueprintLibrary(list):
    def find(self, id):
        for blueprint in self:
            if blueprint.id == id:
                return blueprint
        raise IndexError(f"blueprint '{id}' not found")

    def filter(self, wildcard_pattern):
        return BlueprintLibrary(b for b in self if matches(b.id, wildcard_pattern))


def matches(name, pattern):
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


class ActorList(list):
    def filter(self, wildcard_pattern):
        return ActorList(a for a in self if matches(a.type_id, wildcard_pattern))


class Actor:
    def __init__(self, server, id, type_id, transform, parent=None, attributes=None):
        self.server, self.id, self.type_id, self.parent = server, id, type_id, parent
        self.transform, self.attributes = transform, attributes or {}
        self.bounding_box = BoundingBox(Location(0.0, 0.0, 0.75))
        self.trigger_volume = BoundingBox(Location(), Location(1.75, 2.0, 1.0))
        self.speed = 0.0
        self.state = "Green"

    def get_transform(self):
        return self.transform

    def get_location(self):
        return self.transform.location

    def get_velocity(self):
        return Location(self.speed)

    def destroy(self):
        self.server.note(f"destroy {self.id} {self.type_id}")
        return self.server.actors.pop(self.id, None) is not None


class WheelPhysicsControl:
    max_steer_angle = 70.0


class Vector2D:
    def __init__(self, x=0.0, y=0.0):
        self.x, self.y = x, y


class VehiclePhysicsControl:
    wheels = [WheelPhysicsControl()] * 4
    steering_curve = [Vector2D(0.0, 1.0), Vector2D(20.0, 0.9), Vector2D(60.0, 0.8), Vector2D(120.0, 0.7)]


class Vehicle(Actor):
    def get_speed_limit(self):
        return 30.0

    def get_physics_control(self):
        return VehiclePhysicsControl()

    def set_autopilot(self, enabled=True, tm_port=8000):
        self.speed = 6.0


class Sensor(Actor):
    callback = None

    @property
    def is_listening(self):
        return self.callback is not None

    def listen(self, callback):
        self.callback = callback

    def stop(self):
        self.callback = None


class ServerSideSensor(Sensor):
    ros = False

    def enable_for_ros(self):
        self.ros = True
        self.server.note(f"ros {self.attributes['role_name']}")


class LaneInvasionSensor(Sensor):
    pass


class WalkerAIController(Actor):
    def start(self):
        self.server.note(f"walk {self.id}")

    def stop(self):
        self.server.note(f"stop {self.id}")

    def go_to_location(self, destination):
        self.goal = destination

    def set_max_speed(self, speed):
        self.server.note(f"speed {speed}")


class CollisionEvent:
    def __init__(self, other_actor):
        self.other_actor = other_actor


class command:
    FutureActor = 0

    class DestroyActor:
        def __init__(self, actor):
            self.actor = actor

    class SetAutopilot:
        def __init__(self, actor, enabled, tm_port=8000):
            self.actor, self.enabled, self.tm_port = actor, enabled, tm_port

    class SpawnActor:
        def __init__(self, blueprint, transform, parent=None):
            copy = ActorBlueprint(blueprint.id, {})
            copy.attributes = dict(blueprint.attributes)
            self.blueprint, self.transform, self.parent, self.following = copy, transform, parent, []

        def then(self, command):
            self.following.append(command)
            return self

    class Response:
        def __init__(self, actor_id, error=""):
            self.actor_id, self.error = actor_id, error


class TrafficManager:
    def __init__(self, server, port):
        self.server, self.port = server, port

    def get_port(self):
        return self.port

    def set_synchronous_mode(self, mode_switch):
        self.server.note(f"traffic manager synchronous {mode_switch}")

    def set_random_device_seed(self, value):
        self.server.note(f"traffic manager seed {value}")

    def set_global_distance_to_leading_vehicle(self, distance):
        self.server.note(f"distance {distance}")


class World:
    def __init__(self, server):
        self.server = server

    def get_map(self):
        return self.server.map

    def get_settings(self):
        return WorldSettings(self.server.settings.synchronous_mode, self.server.settings.no_rendering_mode,
                             self.server.settings.fixed_delta_seconds)

    def apply_settings(self, settings, seconds=0.0):
        self.server.settings = settings
        self.server.note(f"settings synchronous={settings.synchronous_mode} delta={settings.fixed_delta_seconds}")
        return self.server.frame

    def get_weather(self):
        return WeatherParameters(**vars(self.server.weather))

    def set_weather(self, weather):
        self.server.weather = weather
        self.server.note(f"weather {weather.cloudiness}")

    def get_snapshot(self):
        return WorldSnapshot(self.server)

    def get_actors(self):
        return ActorList(self.server.actors.values())

    def get_actor(self, actor_id):
        return self.server.actors.get(actor_id)

    def get_blueprint_library(self):
        return BlueprintLibrary(ActorBlueprint(name, attributes) for name, attributes in blueprints().items())

    def try_spawn_actor(self, blueprint, transform, attach_to=None):
        return self.server.spawn(blueprint, transform, attach_to)

    def spawn_actor(self, blueprint, transform, attach_to=None):
        actor = self.try_spawn_actor(blueprint, transform, attach_to)
        if actor is None:
            raise RuntimeError("Spawn failed because of collision at spawn position")
        return actor

    def get_random_location_from_navigation(self):
        return Location(10.0 + 3.0 * len(self.server.actors), 6.0)

    def set_pedestrians_seed(self, seed):
        self.server.note(f"pedestrians seed {seed}")

    def tick(self, seconds=0.0):
        return self.server.tick()


class Server:
    """What the fake client speaks with."""

    def __init__(self, **options):
        self.options = options
        self.map = Map(options.get("town", "Carla/Maps/Town01"), options.get("opendrive", "<OpenDRIVE/>"))
        self.settings = WorldSettings(options.get("synchronous", False), False,
                                      0.05 if options.get("synchronous") else None)
        self.weather = WeatherParameters()
        self.frame, self.time, self.ticks = 100, 5.0, 0
        self.notes, self.actors, self.next_id = [], {}, 1
        self.add(Actor, "traffic.traffic_light", Transform(Location(200.0, 4.0)))
        self.add(Actor, "traffic.stop", Transform(Location(300.0, 0.0)))
        for index in options.get("taken", []):
            self.add(Vehicle, "vehicle.audi.tt", Transform(Location(20.0 * index)))

    def note(self, text):
        self.notes.append(text)
        if "log" in self.options:
            with open(self.options["log"], "a", encoding="utf-8") as file:
                file.write(text + "\n")

    def add(self, kind, type_id, transform, parent=None, attributes=None):
        actor = kind(self, self.next_id, type_id, transform, parent, attributes)
        self.actors[self.next_id] = actor
        self.next_id += 1
        return actor

    def egos(self):
        return [actor for actor in self.actors.values() if actor.attributes.get("role_name") in ("hero", "ego_vehicle")]

    def spawn(self, blueprint, transform, parent=None):
        kinds = {"vehicle": Vehicle, "walker": Actor, "sensor": ServerSideSensor, "controller": WalkerAIController}
        kind = kinds[blueprint.id.split(".")[0]]
        if blueprint.id == "sensor.other.lane_invasion":
            kind = LaneInvasionSensor
        if kind is Vehicle and any(isinstance(a, Vehicle) and a.get_location().distance(transform.location) < 5.0
                                   for a in self.actors.values()):
            return None
        values = {key: attribute.value for key, attribute in blueprint.attributes.items()}
        actor = self.add(kind, blueprint.id, transform, parent, values)
        self.note(f"spawn {actor.id} {actor.type_id} {values.get('role_name', '')} {values.get('color', '')} "
                  f"x={transform.location.x:g}")
        return actor

    def tick(self):
        self.ticks += 1
        ego = max((actor.transform.location.x for actor in self.egos()), default=0.0)
        if ego >= self.options.get("fail_at_x", math.inf):
            raise RuntimeError("time-out of 10000ms while waiting for the simulator")
        delta = self.settings.fixed_delta_seconds or 0.05
        self.frame, self.time = self.frame + 1, self.time + delta
        for actor in self.actors.values():
            if isinstance(actor, Vehicle):
                if actor in self.egos():
                    goes = "go" not in self.options or os.path.exists(self.options["go"])
                    actor.speed = self.options.get("speed", 0.0) if goes else 0.0
                at = actor.transform.location
                actor.transform = Transform(Location(at.x + actor.speed * delta, at.y, at.z), actor.transform.rotation)
        if ego >= self.options.get("touch_at_x", math.inf):
            del self.options["touch_at_x"]
            other = Actor(self, 0, "static.fence", Transform())
            for sensor in list(self.actors.values()):
                if sensor.type_id == "sensor.other.collision" and sensor.callback:
                    sensor.callback(CollisionEvent(other))
        if "clock" in self.options:
            part = self.options["clock"] + ".part"
            with open(part, "w", encoding="utf-8") as file:
                file.write(repr(self.time))
            os.replace(part, self.options["clock"])
        return self.frame


# Set by tests within one process; else made by what the environment says.
SERVER = None


class Client:
    def __init__(self, host="127.0.0.1", port=2000, worker_threads=0):
        global SERVER
        if SERVER is None:
            SERVER = Server(**json.loads(os.environ.get("FAKE_CARLA", "{}")))
        self.server = SERVER
        self.timeout = 5.0

    def set_timeout(self, seconds):
        self.timeout = seconds

    def get_client_version(self):
        return CLIENT_VERSION

    def get_server_version(self):
        if self.server.options.get("refuse"):
            raise RuntimeError(f"time-out of {int(self.timeout * 1000)}ms while waiting for the simulator, make sure the "
                               "simulator is ready and connected to 127.0.0.1:2000")
        return self.server.options.get("server_version", CLIENT_VERSION)

    def get_available_maps(self):
        return ["/Game/Carla/Maps/Town01", "/Game/Carla/Maps/Town02"]

    def get_world(self):
        return World(self.server)

    def load_world(self, map_name, reset_settings=True):
        self.server.note(f"load {map_name}")
        self.server.map = Map(f"Carla/Maps/{map_name}", self.server.map.text)
        return World(self.server)

    def generate_opendrive_world(self, opendrive, parameters=None, reset_settings=True):
        self.server.note("opendrive")
        self.server.map = Map("Carla/Maps/OpenDriveMap", opendrive)
        return World(self.server)

    def get_trafficmanager(self, port=8000):
        return TrafficManager(self.server, port)

    def apply_batch_sync(self, commands, do_tick=False):
        answers = []
        for one in commands:
            if isinstance(one, command.DestroyActor):
                actor = self.server.actors.get(one.actor)
                if actor is not None:
                    actor.destroy()
                answers.append(command.Response(one.actor, "" if actor else "actor not found"))
                continue
            parent = self.server.actors.get(one.parent)
            actor = self.server.spawn(one.blueprint, one.transform, parent)
            if actor is not None and one.following:
                actor.set_autopilot(True, one.following[0].tm_port)
            answers.append(command.Response(actor.id if actor else 0, "" if actor else "collision"))
        if do_tick:
            self.server.tick()
        return answers
