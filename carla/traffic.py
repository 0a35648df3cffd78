"""Road users by seed: the same seed, the same blueprints, colours and places in the same order."""
import random

from refusal import Refusal

# Marks what is ours, so that it is found again after a crash. The leaderboard's speed criterion looks for `background`.
ROLE = "background"
# Nobody starts nearer to the ego than this, m.
CLEAR_M = 15.0


def spawn(session, vehicles=0, walkers=0, seed=0, port=8000):
    """Cars by CARLA's traffic manager on `port`, pedestrians by its own controllers."""
    manager = traffic_manager(session, port, seed)
    chance = random.Random(seed)
    drive(session, manager, vehicles, chance)
    walk(session, walkers, seed, chance)
    return {"vehicles": len(session.vehicles), "walkers": len(session.walkers)}


def traffic_manager(session, port, seed):
    """The traffic manager, in step with the world."""
    try:
        manager = session.client.get_trafficmanager(port)
    except RuntimeError as error:
        raise Refusal("traffic", f"no traffic manager on port {port}: another program holds the port; choose one with "
                      f"--traffic-port ({error})") from error
    session.traffic_manager = manager
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    manager.set_global_distance_to_leading_vehicle(2.5)
    return manager


def dressed(blueprint, chance):
    """With a colour by chance, and our mark."""
    for name in ("color", "driver_id"):
        if blueprint.has_attribute(name):
            blueprint.set_attribute(name, chance.choice(blueprint.get_attribute(name).recommended_values))
    blueprint.set_attribute("role_name", ROLE)
    return blueprint


def four_wheels(blueprint):
    """Two-wheelers fall over in the traffic manager's hands."""
    return not blueprint.has_attribute("number_of_wheels") or int(blueprint.get_attribute("number_of_wheels").as_int()) == 4


def drive(session, manager, count, chance):
    """Cars."""
    carla, world = session.carla, session.world
    kinds = sorted((b for b in world.get_blueprint_library().filter("vehicle.*") if four_wheels(b)), key=lambda b: b.id)
    points = session.map.get_spawn_points()
    if session.ego is not None:
        home = session.ego.get_location()
        points = [point for point in points if point.location.distance(home) > CLEAR_M]
    chance.shuffle(points)
    batch = []
    for point in points[:count]:
        blueprint = dressed(chance.choice(kinds), chance)
        autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, manager.get_port())
        batch.append(carla.command.SpawnActor(blueprint, point).then(autopilot))
    session.vehicles += spawned(session, batch)


def walk(session, count, seed, chance):
    """Pedestrians, each with a controller and somewhere to go."""
    if count == 0:
        return
    carla, world = session.carla, session.world
    world.set_pedestrians_seed(seed)
    kinds = sorted(world.get_blueprint_library().filter("walker.pedestrian.*"), key=lambda b: b.id)
    batch = []
    for _ in range(count):
        location = world.get_random_location_from_navigation()
        if location is not None:
            blueprint = chance.choice(kinds)
            blueprint.set_attribute("role_name", ROLE)
            if blueprint.has_attribute("is_invincible"):
                blueprint.set_attribute("is_invincible", "false")
            batch.append(carla.command.SpawnActor(blueprint, carla.Transform(location)))
    session.walkers += spawned(session, batch)
    controller = world.get_blueprint_library().find("controller.ai.walker")
    batch = [carla.command.SpawnActor(controller, carla.Transform(), walker) for walker in session.walkers]
    session.controllers += spawned(session, batch)
    # A controller can be started once the world knows it.
    world.tick(session.timeout_s)
    for number in session.controllers:
        actor = world.get_actor(number)
        actor.start()
        goal = world.get_random_location_from_navigation()
        if goal is not None:
            actor.go_to_location(goal)
        actor.set_max_speed(round(chance.uniform(0.8, 1.8), 2))


def spawned(session, batch):
    """Ids of those that found room."""
    return [answer.actor_id for answer in session.client.apply_batch_sync(batch, True) if not answer.error]
