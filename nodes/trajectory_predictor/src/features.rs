use geometry::{BaseLink, Map, Point2, Pose2, angle_difference};
use node::Time;

use crate::agent::{Agent, Class, Histories};
use crate::path::{FACTS, POINTS, Path, SLOTS, candidates};
use crate::road::Road;

/// Agents of one batch.
pub const AGENTS: usize = 32;
/// Samples of an agent's past: now and every 0.2 s back to 2 s.
pub const SAMPLES: usize = 11;
/// Numbers of a sample: x, y, cos and sin of the heading, speed, whether it was seen.
pub const SAMPLE: usize = 6;
/// Numbers of an agent's present state.
pub const STATE: usize = 14;
/// Others that an agent minds.
pub const NEIGHBORS: usize = 8;
/// Numbers of one of them.
pub const NEIGHBOR: usize = 10;
/// Numbers of a path.
pub const PATH: usize = 2 * POINTS + FACTS;

/// Interval of the past's samples, s.
const SAMPLE_S: f64 = 0.2;
/// Others further away than this are not minded, m.
const MINDS_M: f64 = 40.0;
/// Lengths are given to the network in this unit, m.
const LENGTH_M: f64 = 10.0;

/// What the network is told of a batch: row-major tensors whose first axis is the agent. Every number is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// `[AGENTS, SAMPLES, SAMPLE]`.
    pub history: Vec<f32>,
    /// `[AGENTS, STATE]`.
    pub state: Vec<f32>,
    /// `[AGENTS, NEIGHBORS, NEIGHBOR]`.
    pub neighbors: Vec<f32>,
    /// `[AGENTS, SLOTS, PATH]`.
    pub paths: Vec<f32>,
}

/// An agent's part of the features, with the paths they were made from.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentFeatures {
    /// `[SAMPLES, SAMPLE]`.
    pub history: Vec<f32>,
    /// `[STATE]`.
    pub state: Vec<f32>,
    /// `[NEIGHBORS, NEIGHBOR]`.
    pub neighbors: Vec<f32>,
    /// `[SLOTS, PATH]`.
    pub paths: Vec<f32>,
    /// The ways it may take.
    pub ways: [Path; SLOTS],
}

impl AgentFeatures {
    /// Of `agent` at `now`, in the frame of its own pose. `others` may hold the agent itself and the car.
    pub fn new(road: &Road, agent: &Agent, others: &[Agent], histories: &Histories, now: Time) -> Self {
        let ways = candidates(road, agent, others);
        let mut paths = Vec::with_capacity(SLOTS * PATH);
        for way in &ways {
            for point in way.points {
                paths.extend(local(agent.pose, point));
            }
            paths.extend(way.facts(agent));
        }
        let history = history(agent, histories, now);
        let state = state(agent, histories.known_for_s(agent.id, now));
        Self { history, state, neighbors: neighbors(agent, others), paths, ways }
    }
}

impl Features {
    /// A batch of at most [`AGENTS`]; rows left over are zero.
    pub fn batch(agents: &[AgentFeatures]) -> Self {
        let fill = |size: usize, part: fn(&AgentFeatures) -> &[f32]| {
            let mut tensor: Vec<f32> = agents.iter().take(AGENTS).flat_map(part).copied().collect();
            tensor.resize(AGENTS * size, 0.0);
            tensor
        };
        Self {
            history: fill(SAMPLES * SAMPLE, |a| &a.history),
            state: fill(STATE, |a| &a.state),
            neighbors: fill(NEIGHBORS * NEIGHBOR, |a| &a.neighbors),
            paths: fill(SLOTS * PATH, |a| &a.paths),
        }
    }
}

fn local(pose: Pose2<Map>, point: Point2<Map>) -> [f32; 2] {
    let p: Point2<BaseLink> = pose.inverse_transform(point);
    [(p.x / LENGTH_M) as f32, (p.y / LENGTH_M) as f32]
}

fn history(agent: &Agent, histories: &Histories, now: Time) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(SAMPLES * SAMPLE);
    for i in 0..SAMPLES {
        match histories.at(agent.id, now, i as f64 * SAMPLE_S) {
            Some((pose, speed)) => {
                let turned = angle_difference(pose.yaw, agent.pose.yaw);
                numbers.extend(local(agent.pose, pose.position));
                numbers.extend([turned.cos() as f32, turned.sin() as f32, (speed / 15.0) as f32, 1.0]);
            }
            None => numbers.extend([0.0; SAMPLE]),
        }
    }
    numbers
}

fn state(agent: &Agent, known_for_s: f64) -> Vec<f32> {
    let velocity = agent.velocity.rotated(-agent.pose.yaw);
    let is = |class: Class| if agent.class == class { 1.0 } else { 0.0 };
    [
        is(Class::Car),
        is(Class::Truck),
        is(Class::Cyclist),
        is(Class::Pedestrian),
        is(Class::Unknown),
        agent.length / LENGTH_M,
        agent.width / LENGTH_M,
        velocity.x / 15.0,
        velocity.y / 15.0,
        agent.yaw_rate,
        if agent.stationary { 1.0 } else { 0.0 },
        known_for_s.min(2.5) / 2.5,
        velocity.norm().min(3.0) / 3.0,
        if velocity.norm() > 0.5 { 1.0 } else { 0.0 },
    ]
    .map(|n| n as f32)
    .to_vec()
}

fn neighbors(agent: &Agent, others: &[Agent]) -> Vec<f32> {
    let distance = |o: &Agent| o.pose.position.distance(agent.pose.position);
    let mut near: Vec<&Agent> = others.iter().filter(|o| o.id != agent.id && distance(o) < MINDS_M).collect();
    near.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.id.cmp(&b.id)));
    let mut numbers = Vec::with_capacity(NEIGHBORS * NEIGHBOR);
    for other in near.into_iter().take(NEIGHBORS) {
        let turned = angle_difference(other.pose.yaw, agent.pose.yaw);
        let velocity = other.velocity.rotated(-agent.pose.yaw);
        numbers.push(1.0);
        numbers.extend(local(agent.pose, other.pose.position));
        numbers.extend(
            [
                turned.cos(),
                turned.sin(),
                velocity.x / 15.0,
                velocity.y / 15.0,
                other.length / LENGTH_M,
                other.width / LENGTH_M,
                if other.class == Class::Pedestrian { 1.0 } else { 0.0 },
            ]
            .map(|n| n as f32),
        );
    }
    numbers.resize(NEIGHBORS * NEIGHBOR, 0.0);
    numbers
}
