"""What is held of a server: the connection, the world, what was put into it, and how all of it is taken away again."""
import sys

import cleanup
import ego
import observe
import traffic
from refusal import Refusal

# Loading a town takes the server long.
LOADING_S = 120.0


def say(text):
    """For the user, by way of standard error."""
    print(text, file=sys.stderr, flush=True)


def place(transform):
    """A transform as m and degrees."""
    at, turned = transform.location, transform.rotation
    return {"x": at.x, "y": at.y, "z": at.z, "yaw": turned.yaw}


class Session:
    """One connection."""

    def __init__(self, carla):
        self.carla = carla
        self.client = None
        self.world = None
        self.map = None
        self.timeout_s = 10.0
        self.original = None
        self.original_weather = None
        self.traffic_manager = None
        self.ego = None
        self.sensors = []
        self.vehicles = []
        self.walkers = []
        self.controllers = []
        self.watcher = None

    # Connection and world

    def connect(self, host="127.0.0.1", port=2000, timeout_s=10.0, any_version=False):
        """Reaches the server and looks at its version."""
        self.timeout_s = timeout_s
        client = self.carla.Client(host, port)
        client.set_timeout(timeout_s)
        try:
            server = client.get_server_version()
        except RuntimeError as error:
            raise Refusal("refused", f"no CARLA server answers at {host}:{port} within {timeout_s:g} s: start one "
                          f"(`./CarlaUE4.sh --ros2`), or say where it is with --host and --port ({error})") from error
        own = client.get_client_version()
        if server.split("-")[0] != own.split("-")[0] and not any_version:
            raise Refusal("version", f"the CARLA server at {host}:{port} is {server}, the client package is {own}: install "
                          f"the server's version (`.ferrodrive/carla/bin/pip install carla=={server.split('-')[0]}`), "
                          "or try all the same with --any-version")
        self.client = client
        self.world = client.get_world()
        self.map = self.world.get_map()
        return {"server_version": server, "client_version": own, **self.what_is_there()}

    def what_is_there(self):
        """Town, clock and actors of the world as it is."""
        settings = self.world.get_settings()
        actors = self.world.get_actors()
        egos = [vehicle for vehicle in actors.filter("vehicle.*")
                if vehicle.attributes.get("role_name", "") in ("hero", "ego_vehicle", "ego")]
        stamp = self.world.get_snapshot().timestamp
        return {
            "town": self.map.name.split("/")[-1],
            "synchronous": settings.synchronous_mode,
            "fixed_delta_s": settings.fixed_delta_seconds or 0.0,
            "frame": stamp.frame,
            "time": stamp.elapsed_seconds,
            "vehicles": len(actors.filter("vehicle.*")),
            "walkers": len(actors.filter("walker.*")),
            "sensors": len(actors.filter("sensor.*")),
            "egos": [{"id": vehicle.id, "role_name": vehicle.attributes.get("role_name", ""), "type": vehicle.type_id,
                      **place(vehicle.get_transform())} for vehicle in egos],
        }

    def load(self, save_map, town=None, opendrive=None):
        """Loads a town by its name, or a road network from an OpenDRIVE file; writes the OpenDRIVE text that is driven."""
        self.keep_original()
        client = self.client
        client.set_timeout(max(LOADING_S, self.timeout_s))
        try:
            if opendrive is not None:
                with open(opendrive, encoding="utf-8") as file:
                    text = file.read()
                # No walls along the roads: they would hide what the sensors are to see.
                options = self.carla.OpendriveGenerationParameters(wall_height=0.0, additional_width=0.6)
                self.world = client.generate_opendrive_world(text, options)
            elif town is not None and town != self.map.name.split("/")[-1]:
                known = sorted(name.split("/")[-1] for name in client.get_available_maps())
                if town not in known:
                    raise Refusal("town", f"the server has no town `{town}`; it has: {', '.join(known)}")
                self.world = client.load_world(town)
        finally:
            client.set_timeout(self.timeout_s)
        self.map = self.world.get_map()
        with open(save_map, "w", encoding="utf-8") as file:
            file.write(self.map.to_opendrive())
        return {"town": self.map.name.split("/")[-1], "spawn_points": [place(at) for at in self.map.get_spawn_points()]}

    def keep_original(self):
        """Remembers what is put back at the end."""
        if self.original is None:
            self.original = self.world.get_settings()
            self.original_weather = self.world.get_weather()

    def settings(self, fixed_delta_s=0.05, rendering=True):
        """Takes the clock: from here on the world stands until `tick`."""
        self.keep_original()
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = fixed_delta_s
        settings.no_rendering_mode = not rendering
        # The physics must fit into the step.
        settings.substepping = True
        settings.max_substep_delta_time = 0.01
        settings.max_substeps = 10
        settings.deterministic_ragdolls = True
        self.world.apply_settings(settings)
        return {"was_synchronous": bool(self.original.synchronous_mode)}

    def weather(self, parameters):
        """Sets the weather; keys as in `carla.WeatherParameters`. Those that it has not are told."""
        weather = self.world.get_weather()
        unknown = []
        for key, value in parameters.items():
            if hasattr(weather, key):
                setattr(weather, key, float(value))
            else:
                unknown.append(key)
        self.world.set_weather(weather)
        return {"unknown": unknown}

    # What is put into the world

    def spawn_ego(self, **request):
        """The car and its sensors: see ego.spawn."""
        return ego.spawn(self, **request)

    def spawn_traffic(self, **request):
        """Road users: see traffic.spawn."""
        return traffic.spawn(self, **request)

    # Time

    def facts(self):
        """What of the world does not change while it is driven; from here on `tick` observes the ego."""
        self.watcher = observe.Watcher(self)
        return self.watcher.facts()

    def tick(self):
        """One step, and what is there after it."""
        frame = self.world.tick(self.timeout_s)
        snapshot = self.world.get_snapshot()
        if self.watcher is None:
            return {"frame": frame, "time": snapshot.timestamp.elapsed_seconds}
        return self.watcher.observe(snapshot)

    # The end

    def status(self):
        """What is there, changing nothing."""
        return self.what_is_there()

    def down(self, role_name="hero", settings=None):
        """Takes away what a session that was killed left: see cleanup.down."""
        return cleanup.down(self, role_name, settings)

    def teardown(self):
        """Takes away what this session brought and puts the settings back; can be called again."""
        return cleanup.teardown(self)

    ACTIONS = {"connect": connect, "load": load, "settings": settings, "weather": weather, "ego": spawn_ego,
               "traffic": spawn_traffic, "facts": facts, "tick": tick, "status": status, "down": down,
               "teardown": teardown}
