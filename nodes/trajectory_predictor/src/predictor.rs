use geometry::{BaseLink, Map, Point2};
use node::Time;

use crate::agent::{Agent, Histories};
use crate::features::{AGENTS, AgentFeatures, Features};
use crate::forecast::{Future, STEPS, constant_speed, decode};
use crate::path::{SLOTS, candidates};
use crate::road::Road;

/// What a network answers for a batch: row-major, the agent first.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// `[AGENTS, SLOTS, STEPS, 2]`, m.
    pub motion: Vec<f32>,
    /// `[AGENTS, SLOTS]`.
    pub logits: Vec<f32>,
}

/// The network, as the predictor needs it.
pub trait Network: Send {
    /// Runs one batch.
    ///
    /// # Errors
    /// A text for the node's status: what failed and what to do.
    fn run(&mut self, features: &Features) -> Result<Answer, String>;

    /// Facts for the node's status: which model, what runs it.
    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Futures of one frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// For each agent in the order given, its futures, likeliest first; probabilities sum to 1.
    pub futures: Vec<Vec<Future>>,
    /// Agents that were predicted at constant speed since the batch was full.
    pub beyond_batch: usize,
    /// Agents for which the network gave numbers that are not finite.
    pub unsound: usize,
}

/// Predicts all agents of a frame: the nearest [`AGENTS`] by the network, the others at constant speed.
pub struct Predictor {
    road: Road,
    network: Box<dyn Network>,
    histories: Histories,
}

impl Predictor {
    /// On this map, by this network.
    pub fn new(road: Road, network: Box<dyn Network>) -> Self {
        Self { road, network, histories: Histories::default() }
    }

    /// The network's facts.
    pub fn facts(&self) -> Vec<(String, String)> {
        self.network.facts()
    }

    /// Stamp of the newest frame.
    pub fn last(&self) -> Option<Time> {
        self.histories.last()
    }

    /// Predicts one frame; stamps must grow, the caller sees to it. `ego` is the car, which others mind.
    ///
    /// # Errors
    /// What the network says.
    pub fn predict(&mut self, stamp: Time, agents: &[Agent], ego: Option<&Agent>) -> Result<Frame, String> {
        self.histories.push(stamp, agents);
        let mut others = agents.to_vec();
        others.extend(ego);
        let order = order(agents, ego.map(|e| e.pose.position));
        let near = &order[..order.len().min(AGENTS)];
        let told: Vec<AgentFeatures> =
            near.iter().map(|&i| AgentFeatures::new(&self.road, &agents[i], &others, &self.histories, stamp)).collect();
        let mut frame = Frame { futures: vec![Vec::new(); agents.len()], ..Frame::default() };
        if !told.is_empty() {
            let answer = self.network.run(&Features::batch(&told))?;
            if answer.motion.len() != AGENTS * SLOTS * STEPS * 2 || answer.logits.len() != AGENTS * SLOTS {
                return Err(format!(
                    "the network gave {} motions and {} logits, expected {} and {}: use a model made for this version",
                    answer.motion.len(),
                    answer.logits.len(),
                    AGENTS * SLOTS * STEPS * 2,
                    AGENTS * SLOTS
                ));
            }
            let motions = answer.motion.chunks_exact(SLOTS * STEPS * 2);
            for (((&i, one), motion), logits) in
                near.iter().zip(&told).zip(motions).zip(answer.logits.chunks_exact(SLOTS))
            {
                frame.futures[i] = decode(&agents[i], &one.ways, motion, logits).unwrap_or_else(|| {
                    frame.unsound += 1;
                    vec![constant_speed(&agents[i], &one.ways[0])]
                });
            }
        }
        for &i in &order[near.len()..] {
            frame.beyond_batch += 1;
            let ways = candidates(&self.road, &agents[i], &[]);
            frame.futures[i] = vec![constant_speed(&agents[i], &ways[0])];
        }
        Ok(frame)
    }
}

/// Indices of the agents, nearest to the car first; without a car in the order given.
fn order(agents: &[Agent], ego: Option<Point2<Map>>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..agents.len()).collect();
    if let Some(ego) = ego {
        let distance = |i: usize| agents[i].pose.position.distance(ego);
        order.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b)));
    }
    order
}

/// The car as one of the agents: its box from the vehicle's footprint about `base_link`.
pub fn ego_agent(vehicle: &vehicle::Vehicle, pose: geometry::Pose2<Map>, speed_mps: f64, yaw_rate: f64) -> Agent {
    let footprint = vehicle.footprint(pose);
    Agent {
        // Track numbers begin at 1 and fill the low bytes.
        id: u128::MAX,
        class: crate::agent::Class::Car,
        pose: footprint.center,
        velocity: pose.rotate(geometry::Vector2::<BaseLink>::new(speed_mps, 0.0)),
        yaw_rate,
        length: footprint.length,
        width: footprint.width,
        stationary: speed_mps.abs() < 0.1,
    }
}
