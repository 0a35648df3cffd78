use std::path::{Path, PathBuf};

use road_map::{LaneGraph, LaneId, LaneKind};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::network::Network;
use crate::random::Random;
use crate::sky::Sky;

/// One drive: where from, where to, among whom, with what going wrong. Together with the map it fixes everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Fixes everything that is drawn at random.
    pub seed: u64,
    /// Where the car starts.
    pub start: Place,
    /// Where it is to go.
    pub goal: Place,
    /// After this time the drive is over, s.
    pub duration_s: f64,
    /// Who else is there.
    pub traffic: TrafficConfig,
    /// Day and weather.
    #[serde(default)]
    pub sky: Sky,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// A place on a lane's centre line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The lane.
    pub lane: LaneId,
    /// Arc length along it, m.
    pub s_m: f64,
}

/// How many road users there are, and how they behave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficConfig {
    /// Moving cars.
    pub cars: usize,
    /// Moving lorries and buses.
    pub trucks: usize,
    /// Cyclists.
    pub cyclists: usize,
    /// People on foot.
    pub pedestrians: usize,
    /// Cars parked beside the road.
    pub parked: usize,
    /// Cones and boxes on the road's edge.
    pub obstacles: usize,
    /// Whether traffic that is far from the car and out of its sight comes back near it.
    pub follow_ego: bool,
    /// How everybody behaves.
    pub manners: Manners,
}

/// Manners of traffic; each road user varies a little around them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manners {
    /// Desired speed as a share of the limit, 0.5..=1.3.
    pub speed_factor: f64,
    /// Desired time headway, 0.8..=3 s.
    pub headway_s: f64,
    /// Readiness to change lanes and to take small gaps, 0..=1.
    pub aggressiveness: f64,
    /// Mean time between a person's crossings away from crosswalks, s; 0 for never.
    pub jaywalk_interval_s: f64,
    /// How far parked cars and obstacles reach into the lane, 0..=0.8 m.
    pub intrusion_m: f64,
}

impl Default for TrafficConfig {
    /// A town at noon.
    fn default() -> Self {
        Self {
            cars: 26,
            trucks: 4,
            cyclists: 6,
            pedestrians: 24,
            parked: 24,
            obstacles: 4,
            follow_ego: true,
            manners: Manners::default(),
        }
    }
}

impl Default for Manners {
    fn default() -> Self {
        Self { speed_factor: 0.95, headway_s: 1.5, aggressiveness: 0.4, jaywalk_interval_s: 0.0, intrusion_m: 0.0 }
    }
}

/// Why a scenario cannot be driven.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("scenario {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no scenario.
    #[error("scenario {path}: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        source: Box<toml::de::Error>,
    },
    /// A value is out of range.
    #[error("scenario {field}: expected {expected}, got {value}")]
    Value {
        /// The field.
        field: String,
        /// What it may be.
        expected: String,
        /// What it was.
        value: String,
    },
    /// Start or goal is no place on a driving lane of this map.
    #[error("scenario {field}: {reason}")]
    Place {
        /// `start` or `goal`.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// No way leads from start to goal.
    #[error("no way leads from lane {} to lane {} on map {map}: choose another start or goal", from.0, to.0)]
    NoRoute {
        /// The start.
        from: LaneId,
        /// The goal.
        to: LaneId,
        /// The map's name.
        map: String,
    },
    /// The map has no route as long as asked for.
    #[error("map {map} has no route of {wanted_m} m or more (the longest found is {found_m:.0} m): use a larger map")]
    TooSmall {
        /// The map's name.
        map: String,
        /// What was asked for, m.
        wanted_m: f64,
        /// The longest that was found, m.
        found_m: f64,
    },
}

impl Scenario {
    /// Reads a scenario from a TOML file.
    ///
    /// # Errors
    /// [`ScenarioError`] naming the file, the line and the field.
    pub fn from_file(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Read { path: path.into(), source })?;
        let scenario: Self = toml::from_str(&text)
            .map_err(|source| ScenarioError::Form { path: path.into(), source: Box::new(source) })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks that every number is in range. Places are checked against the map when a world is made.
    ///
    /// # Errors
    /// [`ScenarioError::Value`] naming the field.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let manners = &self.traffic.manners;
        check("duration_s", self.duration_s, 1.0..=7200.0)?;
        check("traffic.manners.speed_factor", manners.speed_factor, 0.5..=1.3)?;
        check("traffic.manners.headway_s", manners.headway_s, 0.8..=3.0)?;
        check("traffic.manners.aggressiveness", manners.aggressiveness, 0.0..=1.0)?;
        check("traffic.manners.jaywalk_interval_s", manners.jaywalk_interval_s, 0.0..=1e6)?;
        check("traffic.manners.intrusion_m", manners.intrusion_m, 0.0..=0.8)?;
        let traffic = &self.traffic;
        for (name, count) in [
            ("cars", traffic.cars),
            ("trucks", traffic.trucks),
            ("cyclists", traffic.cyclists),
            ("pedestrians", traffic.pedestrians),
            ("parked", traffic.parked),
            ("obstacles", traffic.obstacles),
        ] {
            check(&format!("traffic.{name}"), count as f64, 0.0..=500.0)?;
        }
        self.sky.check().map_err(|(field, expected, value)| ScenarioError::Value {
            field: format!("sky.{field}"),
            expected: expected.into(),
            value,
        })?;
        for (number, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|(field, expected, value)| ScenarioError::Value {
                field: format!("faults[{number}].{field}"),
                expected: expected.into(),
                value,
            })?;
        }
        Ok(())
    }
}

fn check(field: &str, value: f64, range: std::ops::RangeInclusive<f64>) -> Result<(), ScenarioError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ScenarioError::Value {
        field: field.into(),
        expected: format!("{}..={}", range.start(), range.end()),
        value: value.to_string(),
    })
}

/// A short drive of 600 to 1000 m for the smoke suite: the seed chooses start, goal, traffic and its manners.
///
/// # Errors
/// [`ScenarioError::TooSmall`] where the map has no such route.
pub fn smoke_scenario(map: &LaneGraph, seed: u64) -> Result<Scenario, ScenarioError> {
    random_scenario(map, seed, 600.0, 1000.0)
}

/// A drive of at least `min_route_m` (m) in dense traffic.
///
/// # Errors
/// [`ScenarioError::TooSmall`] where the map has no such route.
pub fn drive_scenario(map: &LaneGraph, seed: u64, min_route_m: f64) -> Result<Scenario, ScenarioError> {
    random_scenario(map, seed, min_route_m, min_route_m * 1.5)
}

fn random_scenario(map: &LaneGraph, seed: u64, min_m: f64, max_m: f64) -> Result<Scenario, ScenarioError> {
    let network = Network::new(map);
    let mut random = Random::new(seed ^ 0x5ce0_a210);
    let usable: Vec<usize> = (0..network.lanes.len())
        .filter(|&i| {
            let lane = &network.lanes[i];
            lane.lane.kind == LaneKind::Driving
                && lane.lane.junction.is_none()
                && lane.length > 25.0
                && !lane.successors.is_empty()
        })
        .collect();
    let (mut longest, mut best) = (0.0, None);
    for _ in 0..400 {
        let (from, to) = (random.index(usable.len()), random.index(usable.len()));
        let (Some(&from), Some(&to)) = (usable.get(from), usable.get(to)) else { break };
        let place = |lane: usize, random: &mut Random| random.uniform(8.0, network.lanes[lane].length - 12.0);
        let (start, goal) = ((from, place(from, &mut random)), (to, place(to, &mut random)));
        let Some(way) = network.route(start, goal) else { continue };
        let length = way_length(&network, &way, start.1, goal.1);
        if length > longest && length <= max_m {
            (longest, best) = (length, Some((start, goal, length)));
        }
        if (min_m..=max_m).contains(&length) {
            break;
        }
    }
    let Some((start, goal, length)) = best.filter(|_| longest >= min_m) else {
        return Err(ScenarioError::TooSmall { map: map.name.clone(), wanted_m: min_m, found_m: longest });
    };
    let manners = Manners {
        speed_factor: random.uniform(0.85, 1.05),
        headway_s: random.uniform(1.2, 2.0),
        aggressiveness: random.uniform(0.1, 0.7),
        jaywalk_interval_s: if random.chance(0.3) { 600.0 } else { 0.0 },
        intrusion_m: if random.chance(0.3) { random.uniform(0.0, 0.25) } else { 0.0 },
    };
    let traffic = TrafficConfig {
        cars: 16 + random.index(18),
        trucks: 1 + random.index(5),
        cyclists: 2 + random.index(6),
        pedestrians: 12 + random.index(18),
        parked: 10 + random.index(20),
        obstacles: random.index(6),
        follow_ego: true,
        manners,
    };
    let place = |(lane, s_m): (usize, f64)| Place { lane: network.lanes[lane].lane.id, s_m };
    let duration_s = (120.0 + length / 2.5).ceil();
    Ok(Scenario {
        seed,
        start: place(start),
        goal: place(goal),
        duration_s,
        traffic,
        sky: Sky::random(seed),
        faults: Vec::new(),
    })
}

/// Length of a way of lanes, m; a lane that is left sideways counts once with its neighbour.
pub(crate) fn way_length(network: &Network, way: &[usize], from_s: f64, to_s: f64) -> f64 {
    let mut length = -from_s;
    for (k, &lane) in way.iter().enumerate() {
        let last = k + 1 == way.len();
        let sideways = !last && !network.lanes[lane].successors.contains(&way[k + 1]);
        length += if last {
            to_s
        } else if sideways {
            0.0
        } else {
            network.lanes[lane].length
        };
    }
    length
}
