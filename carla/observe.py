"""What of the world the score is made of: places, lanes, lights and touches, as CARLA has them.

The rules by which a drive is judged are those of scenario_runner's criteria; they are not here but in the program that
asks. Here is what of them needs CARLA's own map and actors.
"""
import math
import threading

# Lights and road users farther than this are not told, m.
LIGHTS_M = 50.0
ACTORS_M = 120.0
# A stop sign is looked for over so much of the lane ahead, in such steps, m.
ONWARD_M = 4.0
STEP_M = 0.5
# A sign farther than this cannot matter at the next tick, m.
SIGN_M = 15.0
# Vehicles and walkers are listed anew after so many ticks.
LIST_TICKS = 20


def place(transform):
    """A transform as m and degrees."""
    at = transform.location
    return {"x": at.x, "y": at.y, "z": at.z, "yaw": transform.rotation.yaw}


def ahead(transform, distance_m):
    """The place so far along the heading, in the plane: x, y."""
    yaw = math.radians(transform.rotation.yaw)
    return transform.location.x + distance_m * math.cos(yaw), transform.location.y + distance_m * math.sin(yaw)


def inside(transform, offset):
    """An offset of an actor's own frame, in the world's; actors here stand upright."""
    yaw = math.radians(transform.rotation.yaw)
    at = transform.location
    return (at.x + offset.x * math.cos(yaw) - offset.y * math.sin(yaw),
            at.y + offset.x * math.sin(yaw) + offset.y * math.cos(yaw), at.z + offset.z)


class Watcher:
    """Observes the ego of a session."""

    def __init__(self, session):
        self.carla = session.carla
        self.world = session.world
        self.map = session.map
        self.ego = session.ego
        self.lock = threading.Lock()
        self.touches = []
        self.crossed = []
        self.ticks = 0
        self.others = {}
        self.own = []
        actors = self.world.get_actors()
        self.lights = list(actors.filter("traffic.traffic_light*"))
        self.signs = list(actors.filter("traffic.stop*"))
        self.parking = self.nearest(self.ego.get_location(), self.carla.LaneType.Parking) is not None
        self.listen(session)

    def listen(self, session):
        """To the car's own collision and lane sensors, or to ones of our own where the sensor file has none."""
        handlers = {"sensor.other.collision": self.touched, "sensor.other.lane_invasion": self.over_a_line}
        library = self.world.get_blueprint_library()
        for kind, handler in handlers.items():
            sensor = next((s for s in session.sensors if s.type_id == kind), None)
            if sensor is None:
                sensor = self.world.spawn_actor(library.find(kind), self.carla.Transform(), attach_to=self.ego)
                session.sensors.append(sensor)
            sensor.listen(handler)
            self.own.append(sensor)

    def stop(self):
        """Hears no more."""
        for sensor in self.own:
            try:
                sensor.stop()
            except RuntimeError:
                # It went with the server.
                pass

    def touched(self, event):
        """On a thread of the client library."""
        with self.lock:
            self.touches.append({"id": event.other_actor.id, "kind": event.other_actor.type_id})

    def over_a_line(self, event):
        """On a thread of the client library."""
        with self.lock:
            self.crossed += [str(marking.type) for marking in event.crossed_lane_markings]

    def nearest(self, location, kind):
        """The waypoint of a kind of lane, or None."""
        return self.map.get_waypoint(location, project_to_road=True, lane_type=kind)

    # Facts

    def facts(self):
        """Lights with their stop lines, stop signs, the ego's size."""
        box = self.ego.bounding_box
        return {"world": {"lights": [self.light(light) for light in self.lights],
                          "stops": [self.sign(sign) for sign in self.signs],
                          "ego_half_length": box.extent.x},
                "vehicle": self.vehicle()}

    def vehicle(self):
        """Size, m, largest steering angle, degrees, of the ego, and the share of it at speeds, m/s."""
        box = self.ego.bounding_box
        physics = self.ego.get_physics_control()
        wheels = physics.wheels
        # The client's are km/h.
        curve = sorted([point.x / 3.6, point.y] for point in physics.steering_curve)
        return {"length": 2.0 * box.extent.x, "width": 2.0 * box.extent.y, "height": 2.0 * box.extent.z,
                "center_x": box.location.x, "max_steer_deg": max((w.max_steer_angle for w in wheels), default=0.0),
                "steering_curve": curve}

    def light(self, light):
        """As RunningRedLightTest has it: the trigger box's lanes, each followed to the junction."""
        base, box = light.get_transform(), light.trigger_volume
        x, y, z = inside(base, box.location)
        yaw = math.radians(base.rotation.yaw)
        starts = []
        step = -0.9 * box.extent.x
        while step < 0.9 * box.extent.x:
            at = self.carla.Location(x=x + step * math.cos(yaw), y=y + step * math.sin(yaw), z=z)
            step += 1.0
            waypoint = self.nearest(at, self.carla.LaneType.Driving)
            if waypoint is None:
                continue
            if not starts or (starts[-1].road_id, starts[-1].lane_id) != (waypoint.road_id, waypoint.lane_id):
                starts.append(waypoint)
        lines = []
        for waypoint in starts:
            while not waypoint.is_junction:
                following = waypoint.next(STEP_M)
                if not following or following[0].is_junction:
                    break
                waypoint = following[0]
            lines.append([waypoint.road_id, waypoint.lane_id, place(waypoint.transform), waypoint.lane_width])
        return {"id": light.id, "place": place(base), "center": {"x": x, "y": y, "z": z, "yaw": 0.0}, "lines": lines}

    @staticmethod
    def sign(sign):
        """A stop sign's box."""
        x, y, z = inside(sign.get_transform(), sign.trigger_volume.location)
        extent = sign.trigger_volume.extent
        return {"id": sign.id, "place": place(sign.get_transform()), "center": {"x": x, "y": y, "z": z, "yaw": 0.0},
                "extent": [extent.x, extent.y]}

    # Each tick

    def observe(self, snapshot):
        """The world as it is now."""
        carla, ego = self.carla, self.ego
        transform, velocity = ego.get_transform(), ego.get_velocity()
        location = transform.location
        driving = self.nearest(location, carla.LaneType.Driving)
        parking = self.nearest(location, carla.LaneType.Parking) if self.parking else None
        x, y = ahead(transform, -ego.bounding_box.extent.x - 1.0)
        tail = self.nearest(carla.Location(x=x, y=y, z=location.z), carla.LaneType.Driving)
        actors, traffic_speed = self.around(snapshot, location)
        with self.lock:
            touches, self.touches = self.touches, []
            crossed, self.crossed = self.crossed, []
        return {
            "frame": snapshot.frame,
            "time": snapshot.timestamp.elapsed_seconds,
            "ego": place(transform),
            "velocity": [velocity.x, velocity.y, velocity.z],
            "speed_limit": ego.get_speed_limit(),
            "lane": driving and {"road": driving.road_id, "lane": driving.lane_id, "yaw": driving.transform.rotation.yaw,
                                 "junction": driving.is_junction, "width": driving.lane_width,
                                 "distance": location.distance(driving.transform.location)},
            "parking": parking and {"width": parking.lane_width,
                                    "distance": location.distance(parking.transform.location)},
            "tail": tail and [tail.road_id, tail.lane_id],
            "lights": [[light.id, str(light.state).lower()] for light in self.lights
                       if light.get_location().distance(location) < LIGHTS_M],
            "onward": self.onward(driving, location),
            "collisions": touches,
            "crossed": crossed,
            "traffic_speed": traffic_speed,
            "actors": actors,
        }

    def onward(self, waypoint, location):
        """The lane ahead, where a stop sign is near."""
        if waypoint is None or all(sign.get_location().distance(location) > SIGN_M for sign in self.signs):
            return []
        places = [place(waypoint.transform)]
        for _ in range(int(ONWARD_M / STEP_M)):
            following = waypoint.next(STEP_M)
            if not following:
                break
            waypoint = following[0]
            places.append(place(waypoint.transform))
        return places

    def around(self, snapshot, location):
        """Road users near the ego, and the mean speed of the traffic."""
        if self.ticks % LIST_TICKS == 0:
            actors = self.world.get_actors()
            self.others = {actor.id: actor for pattern in ("vehicle.*", "walker.pedestrian.*")
                           for actor in actors.filter(pattern) if actor.id != self.ego.id}
        self.ticks += 1
        near, speeds = [], []
        for number, actor in self.others.items():
            now = snapshot.find(number)
            if now is None:
                continue
            transform, velocity = now.get_transform(), now.get_velocity()
            if actor.attributes.get("role_name") == "background" and actor.type_id.startswith("vehicle."):
                speeds.append(math.hypot(velocity.x, velocity.y))
            if transform.location.distance(location) < ACTORS_M:
                box = actor.bounding_box
                x, y, z = inside(transform, box.location)
                near.append({"id": number, "place": {"x": x, "y": y, "z": z, "yaw": transform.rotation.yaw},
                             "velocity": [velocity.x, velocity.y], "size": [2.0 * box.extent.x, 2.0 * box.extent.y],
                             "walker": actor.type_id.startswith("walker.")})
        return near, (sum(speeds) / len(speeds) if speeds else None)
