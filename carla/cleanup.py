"""Takes away what was brought."""
import sys

from traffic import ROLE


def attempt(what, act):
    """One step that fails must not keep the others from being done."""
    try:
        return act()
    except RuntimeError as error:
        print(f"not cleaned up: {what}: {error}", file=sys.stderr, flush=True)
        return None


def teardown(session):
    """Everything of this session, in the order in which nothing hangs in the air; can be called again."""
    if session.world is None:
        return {}
    watcher, session.watcher = session.watcher, None
    if watcher is not None:
        watcher.stop()
    numbers = [sensor.id for sensor in session.sensors]
    for sensor in session.sensors:
        if getattr(sensor, "is_listening", False):
            attempt(f"sensor {sensor.id}", sensor.stop)
    for number in session.controllers:
        actor = attempt(f"controller {number}", lambda n=number: session.world.get_actor(n))
        if actor is not None:
            attempt(f"controller {number}", actor.stop)
    numbers += session.controllers + session.walkers + session.vehicles
    if session.ego is not None:
        numbers.append(session.ego.id)
    destroyed = destroy(session, numbers)
    session.sensors, session.controllers, session.walkers, session.vehicles, session.ego = [], [], [], [], None
    if session.traffic_manager is not None:
        attempt("traffic manager", lambda: session.traffic_manager.set_synchronous_mode(False))
        session.traffic_manager = None
    if session.original is not None:
        attempt("world settings", lambda: session.world.apply_settings(session.original))
        attempt("weather", lambda: session.world.set_weather(session.original_weather))
        session.original = None
    return {"destroyed": destroyed}


def destroy(session, numbers):
    """How many of these actors were there to be destroyed. Without a tick: the world may be anybody's."""
    if not numbers:
        return 0
    batch = [session.carla.command.DestroyActor(number) for number in numbers]
    answers = attempt(f"{len(numbers)} actors", lambda: session.client.apply_batch_sync(batch, False))
    return sum(1 for answer in answers or [] if not answer.error)


def down(session, role_name, settings):
    """What a killed session left: the ego of this role name with its sensors, traffic of our mark; the clock is let go.

    `settings`: what the world had before, where it is known.
    """
    actors = session.world.get_actors()
    ours = [actor for actor in actors.filter("vehicle.*") if actor.attributes.get("role_name") in (role_name, ROLE)]
    ours += [actor for actor in actors.filter("walker.*") if actor.attributes.get("role_name") == ROLE]
    numbers = {actor.id for actor in ours}
    attached = [actor for pattern in ("sensor.*", "controller.*") for actor in actors.filter(pattern)
                if actor.parent is not None and actor.parent.id in numbers]
    for actor in attached:
        if actor.type_id.startswith("controller."):
            attempt(f"controller {actor.id}", actor.stop)
    destroyed = destroy(session, [actor.id for actor in attached + ours])
    now = session.world.get_settings()
    was_synchronous = now.synchronous_mode
    settings = settings or {}
    if was_synchronous:
        now.synchronous_mode = bool(settings.get("synchronous", False))
        now.fixed_delta_seconds = settings.get("fixed_delta_s") or None
        now.no_rendering_mode = bool(settings.get("no_rendering", False))
        session.world.apply_settings(now)
    return {"destroyed": destroyed, "was_synchronous": bool(was_synchronous), "town": session.map.name.split("/")[-1]}
