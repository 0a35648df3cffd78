//! Lane changes after MOBIL (Kesting, Treiber, Helbing 2007): changing must be safe for the follower and pay for oneself.

use road_map::Boundary;

use super::Traffic;
use super::driver::Driver;
use crate::actor::ActorClass;

/// Hardest braking that a change may force on the new follower, m/s².
const SAFE_BRAKING: f64 = 2.5;

impl Traffic {
    pub(super) fn consider_lane_change(&mut self, index: usize, path: &[(usize, f64)]) {
        let driver = &self.drivers[index];
        let net = &self.network.lanes[driver.lane];
        let room = net.length - driver.s;
        let ends = net.successors.is_empty();
        let settled = self.now_s >= driver.settled_until_s && driver.d.abs() < 0.4;
        if driver.actor.class == ActorClass::Cyclist || net.lane.junction.is_some() || !settled {
            return;
        }
        if !ends && (room < 35.0 || driver.speed < 2.5) || driver.s < 8.0 {
            return;
        }
        let here = self.leader(driver, path).map_or(f64::INFINITY, |(gap, speed)| driver.follow(15.0, gap, speed));
        let stay = here.min(driver.habits.acceleration);
        let mut best: Option<(f64, usize)> = None;
        for (side, boundary) in [(net.left, net.lane.left_boundary), (net.right, net.lane.right_boundary)] {
            let (Some(to), Boundary::Crossable) = (side, boundary) else { continue };
            if self.network.lanes[to].successors.is_empty() {
                continue;
            }
            let Some(gain) = self.gain(driver, to, stay) else { continue };
            let threshold = if ends { f64::NEG_INFINITY } else { 0.6 - 0.4 * driver.habits.aggressiveness };
            if gain > threshold && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, to));
            }
        }
        if let Some((_, to)) = best {
            let now_s = self.now_s;
            let network = std::sync::Arc::clone(&self.network);
            self.drivers[index].change_lane(&network, to, now_s);
        }
    }

    /// What the driver gains in acceleration on the other lane; `None` where the change is not safe.
    fn gain(&self, driver: &Driver, to: usize, stay: f64) -> Option<f64> {
        let projection = self.network.lanes[to].lane.center.project(driver.actor.pose.position);
        let mut there = driver.habits.acceleration;
        for occupant in self.occupants(to).filter(|o| o.id != driver.actor.id) {
            let between = occupant.s - projection.s;
            let gap = between.abs() - occupant.half - driver.half();
            if gap < 2.0 {
                return None;
            }
            if between > 0.0 {
                let acceleration = driver.follow(15.0, gap, occupant.speed);
                if acceleration < -2.0 {
                    return None;
                }
                there = there.min(acceleration);
            } else {
                let closing = occupant.speed - driver.speed;
                let needed = if closing > 0.0 { closing * closing / (2.0 * (gap - 1.5).max(0.1)) } else { 0.0 };
                if needed > SAFE_BRAKING || gap < 3.0 + 0.6 * occupant.speed {
                    return None;
                }
            }
        }
        // What is about to enter from the lane behind counts too.
        for &previous in &self.network.lanes[to].predecessors {
            let length = self.network.lanes[previous].length;
            for occupant in self.occupants(previous).filter(|o| o.id != driver.actor.id) {
                let gap = projection.s + length - occupant.s - occupant.half - driver.half();
                if gap < 3.0 + 1.2 * occupant.speed {
                    return None;
                }
            }
        }
        Some(there - stay)
    }
}
