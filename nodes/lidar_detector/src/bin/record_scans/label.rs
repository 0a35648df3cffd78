use std::sync::Arc;

use simulation::lidar::{Instance, Scene, Shape, Surface, Target};
use simulation::{Actor, ActorClass};

/// Small fixed things get ids from here on.
const FIRST_SMALL: u32 = 1 << 20;

/// The truth of one thing to be found, in the map.
#[derive(Debug, Clone, Copy)]
pub struct Thing {
    pub id: u32,
    /// 0 car, 1 truck, 2 cyclist, 3 pedestrian, 4 obstacle.
    pub class: u32,
    /// Centre of its foot.
    pub foot: [f64; 3],
    pub yaw: f64,
    /// Length, width, height.
    pub size: [f64; 3],
}

/// The scene with points on every thing told apart, and the things: road users, obstacles, and what else is small, solid
/// and stands on the ground (bins, blocks), which is an obstacle too.
pub fn label(scene: &Scene, actors: &[Actor]) -> (Scene, Vec<Thing>) {
    let mut things: Vec<Thing> = actors.iter().map(of_actor).collect();
    let mark = |actor: &Actor| Instance { target: Target::Actor(actor.id), ..actor.instance() };
    let instances = actors.iter().map(mark).collect();
    let mut fixtures: Vec<Instance> = scene.fixtures.as_ref().clone();
    for (index, fixture) in fixtures.iter_mut().enumerate() {
        if let Some(size) = small(fixture) {
            let id = FIRST_SMALL + index as u32;
            fixture.target = Target::Actor(id);
            things.push(Thing { id, class: 4, foot: fixture.position.into(), yaw: fixture.yaw, size });
        }
    }
    (Scene { ground: Arc::clone(&scene.ground), fixtures: Arc::new(fixtures), actors: instances }, things)
}

fn of_actor(actor: &Actor) -> Thing {
    let class = match actor.class {
        ActorClass::Car => 0,
        ActorClass::Truck => 1,
        ActorClass::Cyclist => 2,
        ActorClass::Pedestrian => 3,
        ActorClass::Obstacle => 4,
    };
    Thing {
        id: actor.id,
        class,
        foot: [actor.pose.position.x, actor.pose.position.y, actor.z],
        yaw: actor.pose.yaw,
        size: [actor.length, actor.width, actor.height],
    }
}

/// Length, width and height of a fixture of one solid part, if it is small.
fn small(fixture: &Instance) -> Option<[f64; 3]> {
    let body = &fixture.body;
    let [part] = body.parts.as_slice() else { return None };
    if body.height > 1.6 || body.radius > 1.4 || part.surface != Surface::Opaque {
        return None;
    }
    let size = match &part.shape {
        Shape::Cylinder { radius, height, .. } => [2.0 * radius, 2.0 * radius, *height],
        Shape::Ellipsoid { .. } => return None,
        Shape::Convex(planes) => {
            let reach = |axis: usize| planes.iter().filter(|p| p.normal[axis] > 0.99).map(|p| p.offset).next();
            [2.0 * reach(0)?, 2.0 * reach(1)?, reach(2)?]
        }
    };
    (size[0] <= 1.8 && size[1] <= 1.8 && size[2] <= 1.4 && size.iter().all(|s| *s >= 0.2)).then_some(size)
}
