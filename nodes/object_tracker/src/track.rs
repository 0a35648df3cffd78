use geometry::{Map, OrientedBox, Point2, Pose2, Vector2, angle_difference};
use node::Time;

use crate::class::{Class, ClassVotes};
use crate::filter::Filter;
use crate::measurement::Measurement;
use crate::parameters::Parameters;

/// Extent of a box, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Along the heading.
    pub length: f64,
    /// Across.
    pub width: f64,
    /// Up.
    pub height: f64,
}

/// Something that has been detected at least once.
#[derive(Debug, Clone)]
pub struct Track {
    /// Unique in one tracker, never used again.
    pub id: u64,
    /// Motion.
    pub filter: Filter,
    /// Class.
    pub votes: ClassVotes,
    /// Extent.
    pub extent: Extent,
    /// Height of the box centre, m.
    pub z: f64,
    /// Detections so far.
    pub hits: u32,
    /// When it was first detected.
    pub born: Time,
    /// When it was last detected.
    pub last_hit: Time,
    /// Whether nearer road users hide it now.
    pub hidden: bool,
    /// One bit a frame, newest lowest: detected or not.
    history: u32,
    confirmed: bool,
    log_odds: f64,
    /// Where it was when it was last seen to move.
    anchor: Point2<Map>,
    anchored: Time,
    /// Detections that saw its front at our rear, less those that did not.
    reversed_votes: i32,
}

/// A track that leaves this circle about its anchor moves, m.
const ANCHOR_M: f64 = 0.35;
/// A track within it for this long stands, s.
const STANDS_AFTER_S: f64 = 1.0;
/// Faster than this it does not stand, m/s.
const STANDS_BELOW_MPS: f64 = 0.6;
const MAX_LOG_ODDS: f64 = 5.0;

impl Track {
    /// From a first detection.
    pub fn new(id: u64, stamp: Time, first: &Measurement) -> Self {
        Self {
            id,
            filter: Filter::new(first.class, first),
            votes: ClassVotes::new(first.class, first.score),
            extent: first.extent,
            z: first.z,
            hits: 1,
            born: stamp,
            last_hit: stamp,
            hidden: false,
            history: 1,
            confirmed: false,
            log_odds: first.score.clamp(0.05, 0.95).mul_add(3.0, -1.8),
            anchor: first.position(),
            anchored: stamp,
            reversed_votes: 0,
        }
    }

    /// Moves it on by `dt` seconds.
    pub fn predict(&mut self, dt: f64, parameters: &Parameters) {
        let class = self.votes.winner();
        // Short steps keep the turn filter's linearisation true over a gap of frames.
        let steps = (dt / 0.1).ceil().clamp(1.0, 50.0);
        for _ in 0..steps as u32 {
            self.filter.predict(class, dt / steps);
        }
        if self.hidden {
            self.filter.scale_speed((-dt / parameters.speed_decay_s).exp());
        }
    }

    /// Takes a detection.
    pub fn hit(&mut self, stamp: Time, measurement: &Measurement) {
        let class = self.votes.winner();
        self.votes.add(measurement.class, measurement.score);
        if self.votes.winner() != class {
            self.filter = self.filter.clone().converted(self.votes.winner());
        }
        if self.hits == 1 {
            self.turn_into_motion(measurement);
        }
        self.filter.update(measurement);
        self.resolve_direction(measurement);
        self.filter.limit_speed(self.votes.winner().max_speed_mps());
        // Boxes are seen cut short far more often than too long: growing is believed sooner than shrinking.
        let blend = |old: f64, new: f64| old + (new - old) * if new > old { 0.25 } else { 0.08 };
        self.extent = Extent {
            length: blend(self.extent.length, measurement.extent.length),
            width: blend(self.extent.width, measurement.extent.width),
            height: blend(self.extent.height, measurement.extent.height),
        };
        self.z += 0.3 * (measurement.z - self.z);
        self.hits += 1;
        self.last_hit = stamp;
        self.hidden = false;
        self.history = self.history << 1 | 1;
        self.log_odds = (self.log_odds + 0.4 + 1.2 * measurement.score).min(MAX_LOG_ODDS);
        self.watch_standing(stamp);
    }

    /// Takes a frame without a detection of it.
    pub fn miss(&mut self, hidden: bool) {
        self.hidden = hidden;
        self.history <<= 1;
        self.log_odds = (self.log_odds - if hidden { 0.1 } else { 0.6 }).max(-MAX_LOG_ODDS);
    }

    /// Passes the frame's verdict.
    pub fn settle(&mut self, parameters: &Parameters) {
        self.confirmed |= self.frames_hit(parameters.confirm_window) >= parameters.confirm_hits;
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Time, parameters: &Parameters) -> bool {
        let since = now.since(self.last_hit);
        let limit = match (self.confirmed, self.hidden) {
            (true, true) => parameters.occluded_coast_s,
            (true, false) => parameters.coast_s,
            (false, _) => parameters.coast_s.min(0.25),
        };
        // Also what moves out of the sensor's sight unseen grows too vague to be of use.
        let fresh = since <= limit && self.filter.position_covariance().trace() <= 60.0;
        !fresh || !self.filter.is_sound()
    }

    /// Whether detections have confirmed it.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether others are to hear of it: confirmed, or detected often enough in a row.
    pub fn is_published(&self, parameters: &Parameters) -> bool {
        self.confirmed || self.frames_hit(parameters.publish_hits) >= parameters.publish_hits
    }

    /// Probability that it is there, 0..1.
    pub fn existence_probability(&self) -> f64 {
        let ceiling = if self.confirmed { 1.0 } else { 0.6 };
        ceiling / (1.0 + (-self.log_odds).exp())
    }

    /// Whether it stands still.
    pub fn is_stationary(&self, now: Time) -> bool {
        now.since(self.anchored) >= STANDS_AFTER_S && self.filter.velocity().norm() < STANDS_BELOW_MPS
    }

    /// The box on the ground.
    pub fn footprint(&self) -> OrientedBox<Map> {
        OrientedBox::new(self.filter.pose(), self.extent.length, self.extent.width)
    }

    /// Cost of taking this detection for the track, `None` where it is out of the question.
    pub fn cost(&self, measurement: &Measurement, parameters: &Parameters) -> Option<f64> {
        let mismatch = self.votes.winner().mismatch(measurement.class)?;
        let distance = self.filter.distance_squared(measurement.position(), measurement.position_covariance());
        let within = distance < parameters.gate;
        if !within {
            return None;
        }
        let ratio = |a: f64, b: f64| (a / b).ln().powi(2);
        let size =
            ratio(self.extent.length, measurement.extent.length) + ratio(self.extent.width, measurement.extent.width);
        Some(distance + mismatch + size.min(2.0))
    }

    fn frames_hit(&self, window: u32) -> u32 {
        (self.history & u32::MAX.checked_shr(32 - window).unwrap_or(0)).count_ones()
    }

    /// A heading that was plainly wrong at birth would keep the filter from ever following the motion.
    fn turn_into_motion(&mut self, second: &Measurement) {
        let Filter::Turn(filter) = &mut self.filter else { return };
        let moved: Vector2<Map> = second.position() - self.anchor;
        let doubt = angle_difference(moved.angle(), filter.pose().yaw).abs();
        let across = doubt.min(std::f64::consts::PI - doubt);
        if moved.norm() > 5.0 * second.sigma[1] && across > 0.6 {
            filter.state[2] = moved.angle();
            filter.covariance[(2, 2)] = 0.1;
        }
    }

    /// Decides which end is the front: motion says so, and at rest the detector's votes do.
    fn resolve_direction(&mut self, measurement: &Measurement) {
        let Filter::Turn(filter) = &mut self.filter else { return };
        let backwards = angle_difference(measurement.pose.yaw, filter.pose().yaw).abs() > std::f64::consts::FRAC_PI_2;
        if measurement.yaw_signed {
            self.reversed_votes = (self.reversed_votes + if backwards { 1 } else { -1 }).clamp(-8, 8);
        }
        let doubt = filter.covariance[(3, 3)].sqrt();
        let drives_backwards = filter.speed() < -1.2 && filter.speed() < -2.0 * doubt;
        let stands_reversed = filter.speed().abs() < 1.0 && self.reversed_votes >= 6;
        if drives_backwards || stands_reversed {
            filter.reverse();
            self.reversed_votes = 0;
        }
    }

    fn watch_standing(&mut self, stamp: Time) {
        let position = self.filter.pose().position;
        if position.distance(self.anchor) < ANCHOR_M {
            // Drift of the estimate must not look like motion.
            self.anchor = self.anchor.lerp(position, 0.03);
        } else {
            self.anchor = position;
            self.anchored = stamp;
        }
        if self.is_stationary(stamp) {
            self.filter.update_standing();
        }
    }

    /// Pose of the box centre.
    pub fn pose(&self) -> Pose2<Map> {
        self.filter.pose()
    }

    /// Class that leads.
    pub fn class(&self) -> Class {
        self.votes.winner()
    }
}
