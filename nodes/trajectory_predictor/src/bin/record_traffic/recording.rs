//! Training samples from simulated traffic: what the node would tell the network, and what happened next.

use std::collections::BTreeMap;

use geometry::{BaseLink, Map, Point2, Vector2};
use node::Time;
use simulation::{Random, STEP_S, World};

use trajectory_predictor::agent::{Agent, Class, Histories};
use trajectory_predictor::features::{AgentFeatures, NEIGHBOR, NEIGHBORS, PATH, SAMPLE, SAMPLES, STATE};
use trajectory_predictor::forecast::{STEP_S as FUTURE_STEP_S, STEPS};
use trajectory_predictor::path::SLOTS;
use trajectory_predictor::road::Road;
use trajectory_predictor::tracking_errors::{FRAME_S, TrackingErrors, agent};

/// Numbers of one sample: history, state, neighbours, paths, then the future (x, y in the agent's frame, m), whether
/// each step of it is known, the class, and the place in the map (x, y, m).
pub const ROW: usize = SAMPLES * SAMPLE + STATE + NEIGHBORS * NEIGHBOR + SLOTS * PATH + STEPS * 2 + STEPS + 3;

/// The car under test among the agents.
const EGO: u128 = 0;

/// Runs the world for `duration_s` and gives the samples of it, [`ROW`] numbers each; the car under test stands.
pub fn record(world: &mut World, duration_s: f64, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed ^ 0x7ac5_1e5e);
    let road = Road::new(world.map().lanes(), &world.map().crosswalks);
    let mut errors: BTreeMap<u128, TrackingErrors> = BTreeMap::new();
    let (mut truths, mut frames) = (Vec::new(), Vec::new());
    let steps = (FRAME_S / STEP_S).round() as u32;
    for _ in 0..(duration_s / FRAME_S) as usize {
        for _ in 0..steps {
            world.step();
        }
        let truth: BTreeMap<u128, Agent> = world.actors().iter().map(agent).map(|a| (a.id, a)).collect();
        let mut seen = Vec::new();
        for (id, one) in &truth {
            let error = errors.entry(*id).or_default();
            error.step(&mut random, one.velocity.norm());
            seen.extend(error.seen(one).filter(|one| one.class != Class::Unknown));
        }
        truths.push(truth);
        frames.push(seen);
    }
    let footprint = world.vehicle().footprint(world.ego().vehicle.pose);
    let ego = Agent {
        id: EGO,
        class: Class::Car,
        pose: footprint.center,
        velocity: Vector2::ZERO,
        yaw_rate: 0.0,
        length: footprint.length,
        width: footprint.width,
        stationary: true,
    };
    let mut rows = Vec::new();
    let mut histories = Histories::default();
    let ahead = (FUTURE_STEP_S / FRAME_S).round() as usize;
    for (index, seen) in frames.iter().enumerate().take(frames.len().saturating_sub(STEPS * ahead)) {
        let now = Time::from_seconds(index as f64 * FRAME_S);
        histories.push(now, seen);
        if index < 10 {
            continue;
        }
        let mut others = seen.clone();
        others.push(ego);
        for one in seen {
            // Those who move are worth more than those who never will; a second apart samples differ enough.
            let worth = if one.stationary { 0.02 } else { 0.1 };
            if !random.chance(worth) {
                continue;
            }
            let features = AgentFeatures::new(&road, one, &others, &histories, now);
            let later = |step: usize| truths[index + (step + 1) * ahead].get(&one.id);
            for part in [&features.history, &features.state, &features.neighbors, &features.paths] {
                rows.extend(part);
            }
            for step in 0..STEPS {
                let place: Point2<BaseLink> = later(step).map_or(Point2::ZERO, |a| {
                    one.pose.inverse_transform(Point2::<Map>::new(a.pose.position.x, a.pose.position.y))
                });
                rows.extend([place.x as f32, place.y as f32]);
            }
            rows.extend((0..STEPS).map(|step| if later(step).is_some() { 1.0 } else { 0.0 }));
            rows.push(one.class as u8 as f32);
            rows.extend([one.pose.position.x as f32, one.pose.position.y as f32]);
        }
    }
    rows
}
