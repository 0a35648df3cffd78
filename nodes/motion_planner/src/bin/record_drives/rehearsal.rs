//! What everybody is going to do, tried in a copy of the world in which the car drives on as it plans.

use std::collections::BTreeMap;

use geometry::{BaseLink, Map, Point2, Pose2};
use msgs::autoware_planning_msgs::msg::Trajectory;
use node::Time;
use simulation::{Command, World};
use trajectory_predictor::forecast::STEP_S;

/// Places of a future, the first now.
const FUTURE_STEPS: usize = 14;

/// Time between the car's commands, s.
const COMMAND_S: f64 = 0.1;
/// How far ahead on its plan the car steers to, s.
const PREVIEW_S: f64 = 0.9;

/// Futures of all road users by their id; who is gone stays where it was last.
pub fn futures(world: &World, plan: Option<&Trajectory>) -> BTreeMap<u32, Vec<Pose2<Map>>> {
    let mut world = world.clone();
    let mut found: BTreeMap<u32, Vec<Pose2<Map>>> =
        world.actors().iter().map(|actor| (actor.id, vec![actor.pose])).collect();
    let (commands, steps) = ((STEP_S / COMMAND_S).round() as usize, (COMMAND_S / simulation::STEP_S).round() as usize);
    for _ in 1..FUTURE_STEPS {
        for _ in 0..commands {
            let command = plan.map_or_else(Command::default, |plan| command(&world, plan));
            world.set_command(command);
            for _ in 0..steps {
                world.step();
            }
        }
        let now: BTreeMap<u32, Pose2<Map>> = world.actors().iter().map(|actor| (actor.id, actor.pose)).collect();
        for (id, future) in &mut found {
            let last = future[future.len() - 1];
            // Traffic far from the car comes back elsewhere.
            let next = now.get(id).filter(|next| next.position.distance(last.position) < 20.0);
            future.push(next.copied().unwrap_or(last));
        }
    }
    found
}

/// Pure pursuit of a plan (Coulter 1992).
fn command(world: &World, plan: &Trajectory) -> Command {
    let (state, vehicle, now) = (world.ego().vehicle, world.vehicle(), world.time_s());
    let age = now - Time::from(&plan.header.stamp).seconds();
    let at = |t: f64| &plan.points[((t * 10.0).round().max(0.0) as usize).min(plan.points.len() - 1)];
    let aim = &at(age + PREVIEW_S).pose.position;
    let aim: Point2<BaseLink> = state.pose.inverse_transform(Point2::<Map>::new(aim.x, aim.y));
    let square = aim.x * aim.x + aim.y * aim.y;
    let curvature = if square > 1.0 { 2.0 * aim.y / square } else { 0.0 };
    let speed = f64::from(at(age + 0.4).longitudinal_velocity_mps);
    Command {
        steering_rad: vehicle.steering_for_curvature(curvature),
        steering_rate_radps: 0.0,
        acceleration_mps2: (2.0 * (speed - state.speed_mps)).clamp(-6.0, 2.0),
        stamp_s: now,
    }
}
