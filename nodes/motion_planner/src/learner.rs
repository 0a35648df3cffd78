//! The network's part in a cycle: asked, checked, laid on corridors.

use decoders::Trajectory;
use geometry::{BaseLink, Map, Point2, Pose2};
use vehicle::Vehicle;

use crate::corridor::Corridor;
use crate::features::Features;
use crate::laid::Laid;
use crate::network::{Network, STEP_S, STEPS};

/// Trajectories that are less likely than this are not tried.
const LEAST_PROBABILITY: f32 = 0.05;
/// No car of a passenger's is driven sharper, m/s².
const MOST_LATERAL_MPS2: f64 = 4.0;
/// What differences of points over half a second may be off, m/s².
const SLACK_MPS2: f64 = 1.5;
/// Steps shorter than this say nothing of curvature, m.
const SHORT_M: f64 = 0.8;

/// What came of the network's proposals in a cycle.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Opinion {
    /// Trajectories that were laid on a corridor.
    pub tried: usize,
    /// Trajectories that no car could drive.
    pub undrivable: usize,
    /// The one that is driven, by its rank.
    pub chosen: Option<usize>,
    /// Why there is none.
    pub fault: Option<String>,
}

/// The network.
pub(crate) struct Learner {
    network: Box<dyn Network>,
}

impl Learner {
    pub fn new(network: Box<dyn Network>) -> Self {
        Self { network }
    }

    /// Facts of the network for the status.
    pub fn facts(&self) -> Vec<(String, String)> {
        self.network.facts()
    }

    /// Asks the network and lays what a car could drive on the corridors, each on the one that it ends nearest to. `pose`
    /// is that of `base_link`, which the features are of.
    pub fn propose(
        &mut self,
        features: &Features,
        pose: Pose2<Map>,
        corridors: &[Corridor],
        vehicle: &Vehicle,
    ) -> (Vec<Vec<Laid>>, Opinion) {
        let mut laid = vec![Vec::new(); corridors.len()];
        let mut opinion = Opinion::default();
        let trajectories = match self.network.propose(features) {
            Ok(trajectories) => trajectories,
            Err(fault) => return (laid, Opinion { fault: Some(fault), ..opinion }),
        };
        if let Some(fault) = trajectories.iter().find_map(unsound) {
            return (laid, Opinion { fault: Some(fault), ..opinion });
        }
        let speed = corridors.first().map_or(0.0, |corridor| corridor.start.speed);
        for (mode, trajectory) in trajectories.iter().enumerate() {
            if trajectory.probability < LEAST_PROBABILITY {
                continue;
            }
            if !drivable(trajectory, speed, vehicle) {
                opinion.undrivable += 1;
                continue;
            }
            let points: Vec<Point2<Map>> = trajectory.points.iter().map(|p| to_map(pose, *p)).collect();
            let beside = |corridor: &Corridor| points.last().map_or(0.0, |end| corridor.axis.project(*end).1.abs());
            let nearest = corridors.iter().enumerate().min_by(|(_, a), (_, b)| beside(a).total_cmp(&beside(b)));
            let Some((index, corridor)) = nearest else { continue };
            if let Some(one) = Laid::new(mode, &points, corridor) {
                opinion.tried += 1;
                laid[index].push(one);
            }
        }
        (laid, opinion)
    }
}

fn to_map(pose: Pose2<Map>, [x, y]: [f32; 2]) -> Point2<Map> {
    pose.transform(Point2::<BaseLink>::new(f64::from(x), f64::from(y)))
}

/// Why a trajectory is none.
fn unsound(trajectory: &Trajectory) -> Option<String> {
    if trajectory.points.len() != STEPS {
        return Some(format!("expected trajectories of {STEPS} points, got one of {}", trajectory.points.len()));
    }
    let finite = trajectory.probability.is_finite() && trajectory.points.iter().flatten().all(|n| n.is_finite());
    (!finite).then(|| "expected finite points and probabilities".to_owned())
}

/// Whether a car at this speed (m/s) could be at these places when they say.
fn drivable(trajectory: &Trajectory, speed: f64, vehicle: &Vehicle) -> bool {
    let points: Vec<[f64; 2]> =
        std::iter::once([0.0, 0.0]).chain(trajectory.points.iter().map(|p| p.map(f64::from))).collect();
    let steps: Vec<[f64; 2]> = points.windows(2).map(|w| [w[1][0] - w[0][0], w[1][1] - w[0][1]]).collect();
    let lengths: Vec<f64> = steps.iter().map(|[x, y]| x.hypot(*y)).collect();
    let mut before = (speed, STEP_S / 2.0);
    for length in &lengths {
        let now = length / STEP_S;
        let acceleration = (now - before.0) / before.1;
        let (least, most) = (-vehicle.max_deceleration_mps2 - SLACK_MPS2, vehicle.max_acceleration_mps2 + SLACK_MPS2);
        if !(least..=most).contains(&acceleration) || now > vehicle.max_speed_mps {
            return false;
        }
        before = (now, STEP_S);
    }
    steps.windows(2).zip(lengths.windows(2)).all(|(step, length)| {
        if length[0].min(length[1]) < SHORT_M {
            return true;
        }
        let cross = step[0][0] * step[1][1] - step[0][1] * step[1][0];
        let dot = step[0][0] * step[1][0] + step[0][1] * step[1][1];
        let mean = (length[0] + length[1]) / 2.0;
        let curvature = cross.atan2(dot).abs() / mean;
        curvature <= vehicle.max_curvature() && curvature * (mean / STEP_S).powi(2) <= MOST_LATERAL_MPS2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along(place: impl Fn(f64) -> [f64; 2]) -> Trajectory {
        let points = (1..=STEPS).map(|i| place(i as f64 * STEP_S).map(|n| n as f32)).collect();
        Trajectory { probability: 1.0, points }
    }

    fn can(speed: f64, place: impl Fn(f64) -> [f64; 2]) -> bool {
        drivable(&along(place), speed, &Vehicle::default())
    }

    #[test]
    fn what_a_car_can_drive_is_let_through() {
        assert!(can(10.0, |t| [10.0 * t, 0.0]));
        assert!(can(10.0, |t| [10.0 * t.min(5.0) - t.min(5.0).powi(2), 0.0]), "brakes with 2 m/s² to a stand");
        assert!(can(5.0, |t| [15.0 * (t / 3.0).sin(), 15.0 * (1.0 - (t / 3.0).cos())]), "a bend of 15 m radius");
        assert!(can(0.0, |_| [0.0, 0.0]));
    }

    #[test]
    fn what_no_car_can_drive_is_not() {
        assert!(!can(2.0, |t| [10.0 * t, 0.0]), "leaps to 10 m/s");
        assert!(!can(14.0, |_| [0.1, 0.0]), "stands at once");
        assert!(!can(5.0, |t| [3.0 * (t / 0.6).sin(), 3.0 * (1.0 - (t / 0.6).cos())]), "turns on 3 m radius");
        assert!(!can(12.0, |t| [15.0 * (t / 1.25).sin(), 15.0 * (1.0 - (t / 1.25).cos())]), "9.6 m/s² sideways");
    }

    #[test]
    fn what_is_not_finite_or_of_another_length_is_told() {
        let mut short = along(|t| [t, 0.0]);
        short.points.pop();
        assert!(unsound(&short).unwrap().contains("12 points, got one of 11"));
        assert!(unsound(&along(|t| [f64::NAN * t, 0.0])).unwrap().contains("finite"));
        assert_eq!(unsound(&along(|t| [t, 0.0])), None);
    }
}
