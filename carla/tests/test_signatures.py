"""The fake against the real client package, where that is installed: same names, same arguments."""
import inspect
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# Without the folder above: `import carla` must find the package.
sys.path[:] = [str(HERE)] + [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() not in (HERE.parent.parent,)]

import fake_carla  # noqa: E402

try:
    import carla
    REAL = hasattr(carla, "Client")
except ImportError:
    REAL = False

# Of the fake alone: what it speaks with, and names that the package has under another type.
OWN = {"Server"}
# Instance attributes that are read by the worker, which a class of the package has as properties.
READ = {
    "Actor": ["id", "type_id", "parent", "attributes", "bounding_box"], "ActorAttribute": ["recommended_values"],
    "ActorBlueprint": ["id"], "BoundingBox": ["location", "extent"], "CollisionEvent": ["other_actor"],
    "LaneInvasionEvent": ["crossed_lane_markings"], "LaneMarking": ["type"], "Location": ["x", "y", "z"],
    "Map": ["name"], "Rotation": ["pitch", "yaw", "roll"], "Timestamp": ["frame", "elapsed_seconds"],
    "TrafficLight": ["state", "trigger_volume"], "TrafficSign": ["trigger_volume"],
    "Transform": ["location", "rotation"], "VehiclePhysicsControl": ["wheels", "steering_curve"],
    "Vector2D": ["x", "y"],
    "Waypoint": ["transform", "road_id", "lane_id", "lane_width", "is_junction"],
    "WheelPhysicsControl": ["max_steer_angle"], "WorldSnapshot": ["frame", "timestamp"],
    "WorldSettings": ["synchronous_mode", "no_rendering_mode", "fixed_delta_seconds", "substepping", "max_substep_delta_time",
                      "max_substeps", "deterministic_ragdolls"],
}


def real_arguments(function):
    """The most arguments after the first that the package's call takes, and their names where it tells them."""
    lines = [line for line in (function.__doc__ or "").splitlines() if "->" in line and line.lstrip().startswith(
        function.__name__ + "(")]
    most, names = -1, set()
    for line in lines:
        found = re.findall(r"\(([\w:.]+)\)(\w+)", line.split("->")[0])
        most = max(most, len(found) - 1)
        names |= {name for _, name in found[1:]}
    return most, names


@unittest.skipUnless(REAL, "skipped: the package `carla` is not installed here, so the fake is held against nothing")
class Signatures(unittest.TestCase):
    def test_every_name_and_call_of_the_fake_is_in_the_package(self):
        for name, kind in vars(fake_carla).items():
            if not inspect.isclass(kind) or kind.__module__ != "fake_carla" or name in OWN:
                continue
            real = getattr(carla, name)
            for call, function in vars(kind).items():
                if call.startswith("_") or not inspect.isfunction(function):
                    continue
                with self.subTest(call=f"{name}.{call}"):
                    self.check(getattr(real, call), function)

    def check(self, real, function):
        most, names = real_arguments(real)
        asked = list(inspect.signature(function).parameters.values())[1:]
        self.assertGreaterEqual(most, len(asked))
        for one in asked:
            if not any(re.fullmatch(r"arg\d+", name) for name in names):
                self.assertIn(one.name, names)

    def test_every_attribute_that_is_read_is_in_the_package(self):
        for name, attributes in READ.items():
            for attribute in attributes:
                with self.subTest(attribute=f"{name}.{attribute}"):
                    self.assertTrue(hasattr(getattr(carla, name), attribute))

    def test_commands_and_lane_types(self):
        for name in ("SpawnActor", "DestroyActor", "SetAutopilot", "FutureActor", "Response"):
            self.assertTrue(hasattr(carla.command, name))
        self.assertTrue(hasattr(carla.command.SpawnActor, "then"))
        self.assertTrue(hasattr(carla.LaneType, "Driving") and hasattr(carla.LaneType, "Parking"))
        self.assertEqual(str(carla.TrafficLightState.Red).lower(), "red")
        options = carla.OpendriveGenerationParameters(wall_height=0.0, additional_width=0.6)
        self.assertEqual(options.wall_height, 0.0)
        for key in vars(fake_carla.WeatherParameters()):
            self.assertTrue(hasattr(carla.WeatherParameters(), key))

    def test_what_the_worker_makes_can_be_made(self):
        at = carla.Transform(carla.Location(x=1.0, y=2.0, z=3.0), carla.Rotation(roll=1.0, pitch=2.0, yaw=3.0))
        self.assertEqual((at.location.y, at.rotation.yaw), (2.0, 3.0))
        self.assertAlmostEqual(carla.Location(x=3.0).distance(carla.Location(y=4.0)), 5.0)
        carla.command.DestroyActor(3)
        settings = carla.WorldSettings(True, False, 0.05)
        settings.fixed_delta_seconds = None
        self.assertIsNone(settings.fixed_delta_seconds)

    def test_nothing_that_listens_is_an_error_of_the_kind_that_is_caught(self):
        client = carla.Client("127.0.0.1", 1)
        client.set_timeout(0.2)
        with self.assertRaises(RuntimeError):
            client.get_server_version()


if __name__ == "__main__":
    unittest.main()
