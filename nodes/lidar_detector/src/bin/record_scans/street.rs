use std::f64::consts::PI;

use geometry::Pose2;
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use simulation::lidar::{LidarConfigError, Target, TrainingScene};
use simulation::{Actor, ActorClass, Random};
use vehicle::Vehicle;

use crate::label::label;
use crate::sample::{Drive, Recorder, measured};
use crate::sensor::Sensor;

/// One scan in a street of its own, which `scene` makes of a seed, with obstacles strewn on the road.
pub fn record(
    recorder: &mut Recorder,
    scene: fn(u64) -> TrainingScene,
    seed: u64,
    varied: bool,
    turned: bool,
) -> Result<Vec<u8>, LidarConfigError> {
    let mut random = Random::new(seed ^ 0x57_2ee7);
    let mut street = scene(seed);
    let mut ego = street.ego;
    if turned {
        // Nobody is where the car is now; it keeps its lane where there is no room to turn.
        for _ in 0..10 {
            let pose = Pose2 { yaw: random.uniform(-PI, PI), ..ego };
            let footprint = Vehicle::default().footprint(pose).inflated(0.3);
            if !street.actors.iter().any(|a| a.footprint().overlaps(&footprint)) {
                ego = pose;
                break;
            }
        }
    }
    let own = geometry::OrientedBox::new(Pose2 { position: ego.position + ego.forward() * 1.4, ..ego }, 6.0, 2.8);
    for number in 0..random.index(9) as u32 {
        let x = random.uniform(-30.0, 65.0) * if random.chance(0.4) { 0.5 } else { 1.0 };
        let pose = Pose2::new(x, ego.position.y + random.uniform(-6.0, 6.0), random.uniform(-3.1, 3.1));
        let z = street.scene.ground.height(pose.position.x, pose.position.y);
        let actor = Actor::random(10_000 + number, ActorClass::Obstacle, pose, z, &mut random);
        let wide = actor.footprint().inflated(0.3);
        if !wide.overlaps(&own) && !street.actors.iter().any(|a| a.footprint().overlaps(&wide)) {
            street
                .scene
                .actors
                .push(simulation::lidar::Instance { target: Target::Actor(actor.id), ..actor.instance() });
            street.actors.push(actor);
        }
    }
    let mut sensor = Sensor::random(varied, &mut random)?;
    let speed = if random.chance(0.3) { 0.0 } else { street.ego_speed_mps };
    let (pitch, roll) = (random.normal(0.0, 0.012), random.normal(0.0, 0.012));
    let pose = |back_s: f64| {
        let place = ego.position + ego.forward() * (-back_s * speed);
        let z = street.scene.ground.height(place.x, place.y);
        let ahead = place + ego.forward() * 2.0;
        let slope = street.scene.ground.height(ahead.x, ahead.y) - z;
        let rotation = UnitQuaternion::from_euler_angles(roll, pitch - slope / 2.0, ego.yaw);
        Isometry3::from_parts(Translation3::new(place.x, place.y, z), rotation)
    };
    let drive = Drive { poses: vec![pose(0.1), pose(0.05), pose(0.0)], twist: measured(speed, 0.0, &mut random) };
    let (scene, things) = label(&street.scene, &street.actors);
    Ok(recorder.sample(&scene, &things, &mut sensor, &drive, seed))
}
