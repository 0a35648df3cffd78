"""The worker against the fake client: what it asks of a server, and what it leaves behind."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import fake_carla  # noqa: E402
import worker  # noqa: E402
from session import Session  # noqa: E402

SENSORS = str(HERE / "sensors.json")


class Asked:
    """A session over a fake server of its own."""

    def __init__(self, **options):
        fake_carla.SERVER = self.server = fake_carla.Server(**options)
        self.session = Session(fake_carla)

    def __call__(self, name, **request):
        return worker.answer(self.session, json.dumps({"do": name, **request}))

    def up(self, start=None, **traffic):
        folder = tempfile.mkdtemp()
        ok(self("connect"))
        loaded = ok(self("load", save_map=os.path.join(folder, "map.xodr")))
        ok(self("settings", fixed_delta_s=0.05))
        ego = ok(self("ego", sensors_file=SENSORS, start=start or {"index": 2}))
        if traffic:
            ok(self("traffic", **traffic))
        return loaded, ego, ok(self("facts"))


def ok(answer):
    assert "ok" in answer, answer
    return answer["ok"]


class Connecting(unittest.TestCase):
    def test_nothing_that_listens_is_told_with_the_place_and_what_to_do(self):
        error = Asked(refuse=True)("connect", host="10.0.0.9", port=2005, timeout_s=2.0)["error"]
        self.assertEqual(error["kind"], "refused")
        self.assertTrue(error["message"].startswith(
            "no CARLA server answers at 10.0.0.9:2005 within 2 s: start one (`./CarlaUE4.sh --ros2`), or say where it is "
            "with --host and --port"), error)

    def test_another_version_is_refused_unless_any_is_asked_for(self):
        error = Asked(server_version="0.9.15-187-g7f0d2c9")("connect")["error"]
        self.assertEqual(error["kind"], "version")
        self.assertIn("is 0.9.15-187-g7f0d2c9, the client package is 0.9.16", error["message"])
        self.assertIn("pip install carla==0.9.15`", error["message"])
        self.assertEqual(ok(Asked(server_version="0.9.15")("connect", any_version=True))["server_version"], "0.9.15")
        # A build of the same version is the same version.
        ok(Asked(server_version="0.9.16-dirty")("connect"))

    def test_a_town_that_is_not_there_is_told_with_those_that_are(self):
        asked = Asked()
        ok(asked("connect"))
        error = asked("load", save_map=os.devnull, town="Town77")["error"]
        self.assertEqual(error["message"], "the server has no town `Town77`; it has: Town01, Town02")

    def test_the_town_that_is_there_is_not_loaded_again_and_another_is(self):
        asked = Asked()
        ok(asked("connect"))
        ok(asked("load", save_map=os.devnull, town="Town01"))
        self.assertNotIn("load Town01", asked.server.notes)
        self.assertEqual(ok(asked("load", save_map=os.devnull, town="Town02"))["town"], "Town02")

    def test_an_opendrive_file_becomes_the_world(self):
        asked = Asked()
        with tempfile.TemporaryDirectory() as folder:
            source, saved = os.path.join(folder, "a.xodr"), os.path.join(folder, "b.xodr")
            pathlib.Path(source).write_text("<OpenDRIVE>ours</OpenDRIVE>")
            ok(asked("connect"))
            self.assertEqual(ok(asked("load", save_map=saved, opendrive=source))["town"], "OpenDriveMap")
            self.assertEqual(pathlib.Path(saved).read_text(), "<OpenDRIVE>ours</OpenDRIVE>")


class Spawning(unittest.TestCase):
    def test_the_car_is_named_and_its_sensors_stand_mirrored_and_publish(self):
        asked = Asked()
        _, ego, _ = asked.up()
        self.assertEqual(ego["sensors"], ["lidar", "gnss", "collision"])
        lidar = next(a for a in asked.server.actors.values() if a.type_id == "sensor.lidar.ray_cast")
        at, turned = lidar.transform.location, lidar.transform.rotation
        self.assertEqual((at.x, at.y, at.z, turned.pitch, turned.yaw), (-0.2, -0.5, 1.9, -10.0, -90.0))
        self.assertEqual(lidar.attributes["channels"], "32")
        self.assertEqual(lidar.attributes["ros_name"], "lidar")
        self.assertEqual(lidar.parent.attributes["ros_name"], "hero")
        self.assertEqual([n for n in asked.server.notes if n.startswith("ros ")], ["ros lidar", "ros gnss", "ros collision"])

    def test_without_the_native_interface_no_sensor_publishes(self):
        asked = Asked()
        ok(asked("connect"))
        ok(asked("ego", sensors_file=SENSORS, role_name="ego_vehicle", ros=False))
        self.assertFalse([n for n in asked.server.notes if n.startswith("ros ")])

    def test_a_taken_spawn_point_is_left_for_the_nearest_free_one(self):
        _, ego, _ = Asked(taken=[5, 4]).up(start={"index": 5})
        self.assertEqual(ego["start"]["x"], 120.0)
        self.assertEqual(ego["note"], "spawn point 5: taken by vehicle.audi.tt (actor 3); the ego stands at spawn point 6, "
                                      "20 m away, instead")

    def test_a_full_map_and_a_taken_place_are_refused(self):
        asked = Asked(taken=range(20))
        ok(asked("connect"))
        error = asked("ego", sensors_file=SENSORS, start={"index": 5})["error"]
        self.assertEqual(error["message"], "no spawn point is free for the ego: taken by vehicle.audi.tt (actor 8) at 5, and "
                         "the other 19 are taken too; `ferrodrive carla down` takes away what an earlier run left")
        error = asked("ego", sensors_file=SENSORS, start={"x": 41.0, "y": 0.0})["error"]
        self.assertIn("the ego cannot stand at (41.0, 0.0): taken by vehicle.audi.tt (actor 5)", error["message"])
        error = asked("ego", sensors_file=SENSORS, start={"index": 20})["error"]
        self.assertEqual(error["message"], "no spawn point 20: the map has 20, 0 to 19")

    def test_the_shipped_sensor_file_is_taken(self):
        shipped = HERE.parent.parent / "params" / "carla_sensors.json"
        if not shipped.exists():
            self.skipTest(f"no {shipped}")
        asked = Asked()
        ok(asked("connect"))
        spawned = ok(asked("ego", sensors_file=str(shipped)))["sensors"]
        self.assertLessEqual({"lidar", "front", "gnss", "imu"}, set(spawned))

    def test_what_is_wrong_with_a_sensor_file_is_named(self):
        asked = Asked()
        ok(asked("connect"))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sensors.json")
            text = pathlib.Path(SENSORS).read_text()
            for change, expected in [(("channels", "chanels"), "sensor `lidar`: sensor.lidar.ray_cast has no attribute `chanels`"),
                                     (("vehicle.tesla.model3", "vehicle.no.such"), "no blueprint `vehicle.no.such`"),
                                     (("vehicle.", "truck."), "expected the form of carla-ros-bridge's objects.json"),
                                     (("{", "["), "expected the form of carla-ros-bridge's objects.json")]:
                pathlib.Path(path).write_text(text.replace(*change))
                self.assertIn(expected, asked("ego", sensors_file=path)["error"]["message"])
        self.assertIn("no/such.json", asked("ego", sensors_file="no/such.json")["error"]["message"])


class Traffic(unittest.TestCase):
    def notes(self, seed):
        asked = Asked()
        asked.up(vehicles=6, walkers=3, seed=seed)
        return [n for n in asked.server.notes if n.startswith(("spawn", "walk", "speed", "traffic", "pedestrians"))]

    def test_the_same_seed_makes_the_same_traffic_and_another_another(self):
        self.assertEqual(self.notes(7), self.notes(7))
        self.assertNotEqual(self.notes(7), self.notes(8))

    def test_it_is_marked_in_step_and_clear_of_the_ego(self):
        asked = Asked()
        asked.up(vehicles=30, walkers=2, seed=1)
        cars = [a for a in asked.server.actors.values() if a.attributes.get("role_name") == "background"]
        self.assertEqual(sum(a.type_id.startswith("walker.") for a in cars), 2)
        places = [a.transform.location.x for a in cars if a.type_id.startswith("vehicle.")]
        self.assertEqual(len(places), 19)
        self.assertIn("traffic manager synchronous True", asked.server.notes)
        self.assertFalse(any(a.type_id == "vehicle.yamaha.yzf" for a in cars))


class Observing(unittest.TestCase):
    def test_a_tick_tells_what_the_score_is_made_of(self):
        asked = Asked(speed=8.0, touch_at_x=41.0)
        _, _, facts = asked.up(vehicles=2, seed=3)
        self.assertEqual([len(facts["world"][key]) for key in ("lights", "stops")], [1, 1])
        self.assertAlmostEqual(facts["world"]["ego_half_length"], 2.4)
        light = facts["world"]["lights"][0]
        self.assertEqual(light["lines"][0][:2], [1, -1])
        self.assertGreater(light["lines"][0][2]["x"], 195.0)
        seen = [ok(asked("tick")) for _ in range(4)]
        self.assertEqual([one["frame"] for one in seen], list(range(seen[0]["frame"], seen[0]["frame"] + 4)))
        self.assertAlmostEqual(seen[1]["time"] - seen[0]["time"], 0.05)
        self.assertEqual(sum(len(one["collisions"]) for one in seen), 1)
        self.assertEqual(seen[3]["lane"]["road"], 1)
        self.assertEqual(seen[3]["traffic_speed"], 6.0)
        self.assertIsNone(seen[3]["parking"])

    def test_a_server_that_is_gone_is_told(self):
        asked = Asked(fail_at_x=40.5, speed=8.0)
        asked.up()
        ok(asked("tick"))
        error = asked("tick")["error"]
        self.assertEqual(error["kind"], "server")
        self.assertIn("the CARLA server did not do `tick`: time-out", error["message"])


class Ending(unittest.TestCase):
    def assert_as_before(self, server, synchronous=False):
        self.assertEqual([a.type_id for a in server.actors.values()], ["traffic.traffic_light", "traffic.stop"])
        self.assertEqual(server.settings.synchronous_mode, synchronous)
        self.assertEqual(server.settings.fixed_delta_seconds, 0.05 if synchronous else None)

    def test_nothing_is_left_and_settings_are_as_before(self):
        for synchronous in (False, True):
            asked = Asked(synchronous=synchronous)
            asked.up(vehicles=5, walkers=2, seed=1)
            ok(asked("weather", parameters={"cloudiness": 80.0, "no_such": 1.0}))
            self.assertTrue(asked.server.settings.synchronous_mode)
            ok(asked("teardown"))
            self.assert_as_before(asked.server, synchronous)
            self.assertEqual(asked.server.weather.cloudiness, 0.0)
            self.assertIn("traffic manager synchronous False", asked.server.notes)
            self.assertEqual(ok(asked("teardown")).get("destroyed"), 0)

    def test_a_step_that_fails_does_not_keep_the_others(self):
        asked = Asked()
        asked.up(vehicles=2, walkers=1, seed=1)
        def fails(_self):
            raise RuntimeError("gone")
        stop, fake_carla.WalkerAIController.stop = fake_carla.WalkerAIController.stop, fails
        try:
            ok(asked("teardown"))
        finally:
            fake_carla.WalkerAIController.stop = stop
        self.assert_as_before(asked.server)

    def test_a_fault_is_answered_and_the_world_put_back_at_the_end(self):
        asked = Asked()
        asked.up()
        self.assertEqual(asked("tick", no_such=1)["error"]["kind"], "fault")
        self.assertEqual(asked("no such")["error"]["kind"], "protocol")
        self.assertEqual(worker.answer(asked.session, "nonsense")["error"]["kind"], "protocol")
        ok(asked("teardown"))
        self.assert_as_before(asked.server)

    def test_down_takes_away_what_a_killed_session_left_and_nothing_else(self):
        asked = Asked(taken=[9])
        asked.up(vehicles=3, walkers=2, seed=1)
        # Its memory is gone; the actors are still there.
        asked.session = Session(fake_carla)
        ok(asked("connect"))
        left = ok(asked("down", role_name="hero", settings={"synchronous": False}))
        self.assertTrue(left["was_synchronous"])
        self.assertEqual([a.type_id for a in asked.server.actors.values()],
                         ["traffic.traffic_light", "traffic.stop", "vehicle.audi.tt"])
        self.assertFalse(asked.server.settings.synchronous_mode)


class Process(unittest.TestCase):
    """The worker as a process, ended in each of the ways in which it can be ended."""

    def end(self, how):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log")
            child = subprocess.Popen([sys.executable, str(HERE / "fake_worker.py")], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True,
                                     env={**os.environ, "FAKE_CARLA": json.dumps({"log": log})})

            def ask(name, **request):
                child.stdin.write(json.dumps({"do": name, **request}) + "\n")
                child.stdin.flush()
                return ok(json.loads(child.stdout.readline()))
            ask("connect")
            ask("load", save_map=os.devnull)
            ask("settings")
            ask("ego", sensors_file=SENSORS)
            ask("traffic", vehicles=2, walkers=1, seed=1)
            ask("facts")
            ask("tick")
            how(child)
            self.assertEqual(child.wait(timeout=60), 0)
            child.stdin.close()
            child.stdout.close()
            notes = pathlib.Path(log).read_text().splitlines()
        spawned = sum(note.startswith("spawn ") for note in notes)
        self.assertEqual(sum(note.startswith("destroy ") for note in notes), spawned)
        self.assertIn("settings synchronous=False delta=None", notes)

    def test_when_its_input_ends(self):
        self.end(lambda child: child.stdin.close())

    def test_on_sigterm_and_not_on_ctrl_c(self):
        def terminate(child):
            child.send_signal(signal.SIGINT)
            child.send_signal(signal.SIGTERM)
        self.end(terminate)


if __name__ == "__main__":
    unittest.main()
