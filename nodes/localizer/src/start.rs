use geometry::{BaseLink, Map, Point2, Pose2};
use msgs::geometry_msgs::msg::PoseWithCovarianceStamped;
use node::Time;

/// What is said of the car's place may be this old, s: after that it may have driven on.
const FRESH_S: f64 = 2.0;
/// A reckoned pose and a fix further apart in time than this are not compared, s.
const TOGETHER_S: f64 = 0.5;
/// So far apart a reckoned pose and a fix may lie beyond three sigma, m: what is driven between the two.
const APART_M: f64 = 2.0;

/// Where the car is said to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// x, y (m) and yaw (rad) of `base_link` in `map`.
    pub place: [f64; 3],
    /// m².
    pub position_variance: f64,
    /// rad².
    pub yaw_variance: f64,
}

impl Start {
    /// `None` where the message is not in `map`, not finite, or has no unit quaternion.
    pub fn read(message: &PoseWithCovarianceStamped) -> Option<Self> {
        let (p, q) = (&message.pose.pose.position, &message.pose.pose.orientation);
        let norm = (q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w).sqrt();
        let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
        if message.header.frame_id != "map" || !(p.x + p.y + yaw).is_finite() || !((norm - 1.0).abs() < 0.02) {
            return None;
        }
        let given = |index: usize, least: f64, otherwise: f64| {
            let variance = message.pose.covariance[index];
            if variance > 0.0 && variance.is_finite() { variance.max(least) } else { otherwise }
        };
        // Nobody is surer than 5 cm and half a degree; nothing said is taken for 1 m and 6 degrees.
        Some(Self {
            place: [p.x, p.y, yaw],
            position_variance: given(0, 0.0025, 1.0),
            yaw_variance: given(35, 1e-4, 0.01),
        })
    }
}

/// What was said of the car's place while nobody had one, and why it was not believed.
#[derive(Debug, Default)]
pub struct Starts {
    operator: Option<Start>,
    reckoned: Option<(Time, Start)>,
    refusal: Option<String>,
}

impl Starts {
    /// What an operator says; the start to take now, if any. `running`: there is a place already, so that the same
    /// said again changes nothing.
    ///
    /// One that was kept for late joiners is not believed: where a fix agrees with it, the car may still have turned.
    pub fn hear_operator(&mut self, now: Time, stamp: Time, start: Start, running: bool) -> Option<Start> {
        let age_s = now.since(stamp);
        if !(age_s <= FRESH_S) {
            self.refusal = Some(format!("the initial pose is {age_s:.0} s old, the car may have moved since"));
            return None;
        }
        if running && self.operator == Some(start) {
            return None;
        }
        self.operator = Some(start);
        Some(start)
    }

    /// What another node reckoned while this one told nothing.
    pub fn hear_reckoned(&mut self, stamp: Time, start: Start) {
        self.reckoned = Some((stamp, start));
    }

    /// The reckoned pose where a GNSS fix agrees with it: `fix` with `variance` (m²) of the antenna, which lies `arm`
    /// (m) ahead and to the left of `base_link`.
    pub fn agreeing(&mut self, stamp: Time, fix: Point2<Map>, arm: [f64; 2], variance: f64) -> Option<Start> {
        let (at, start) = self.reckoned?;
        if !(stamp.since(at).abs() <= TOGETHER_S) {
            return None;
        }
        let [x, y, yaw] = start.place;
        let expected: Point2<Map> = Pose2::new(x, y, yaw).transform(Point2::<BaseLink>::new(arm[0], arm[1]));
        let (apart, limit) = (expected.distance(fix), APART_M + 3.0 * (variance + start.position_variance).sqrt());
        if !(apart <= limit) {
            self.refusal = Some(format!("the reckoned pose lies {apart:.1} m from the GNSS fix, limit {limit:.1} m"));
            return None;
        }
        Some(start)
    }

    /// What would give a place, and why what came did not.
    pub fn wanted(&self) -> String {
        let because = self.refusal.as_ref().map_or(String::new(), |refusal| format!(" ({refusal})"));
        format!(
            "waiting for ~/input/initial_pose, ~/input/reckoned_pose with GNSS, or 2 m of motion with GNSS{because}"
        )
    }
}
