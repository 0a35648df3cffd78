use std::collections::VecDeque;

use geometry::{angle_difference, normalize_angle};
use node::Time;

/// Where the car was over the last second: a fix that comes late is held against the place where it was taken.
#[derive(Debug, Clone, Default)]
pub struct History {
    places: VecDeque<(Time, [f64; 3])>,
}

const SPAN_S: f64 = 1.0;
const CAPACITY: usize = 512;

impl History {
    /// Adds a place (x, y, yaw); stamps grow.
    pub fn push(&mut self, stamp: Time, place: [f64; 3]) {
        self.places.push_back((stamp, place));
        while self.places.len() > CAPACITY || self.places.front().is_some_and(|(at, _)| stamp.since(*at) > SPAN_S) {
            self.places.pop_front();
        }
    }

    /// The place at a moment, up to 0.1 s beyond the last one; `None` before or after.
    pub fn place_at(&self, stamp: Time) -> Option<[f64; 3]> {
        let next = self.places.partition_point(|(at, _)| *at < stamp);
        let (last, count) = (self.places.back()?, self.places.len());
        if next < count && self.places[next].0 == stamp {
            return Some(self.places[next].1);
        }
        if next == 0 || (next == count && stamp.since(last.0) > 0.1) {
            return None;
        }
        // Between two places, or straight on beyond the last two.
        let i = next.min(count - 1).max(1);
        let ((from, a), (to, b)) = (self.places.get(i.checked_sub(1)?)?, self.places.get(i)?);
        let ratio = stamp.since(*from) / to.since(*from).max(1e-6);
        let yaw = normalize_angle(a[2] + ratio * angle_difference(b[2], a[2]));
        Some([a[0] + ratio * (b[0] - a[0]), a[1] + ratio * (b[1] - a[1]), yaw])
    }

    /// Moves all places by a correction (x, y, yaw).
    pub fn shift(&mut self, by: [f64; 3]) {
        for (_, place) in &mut self.places {
            *place = [place[0] + by[0], place[1] + by[1], normalize_angle(place[2] + by[2])];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_places_between_and_shortly_after_and_none_beyond() {
        let mut history = History::default();
        for i in 0..100 {
            history.push(Time::from_seconds(f64::from(i) * 0.01), [f64::from(i), 0.0, 3.1]);
        }
        let at = |t: f64| history.place_at(Time::from_seconds(t)).map(|p| p[0]);
        assert!((at(0.505).unwrap() - 50.5).abs() < 1e-6 && (at(1.0).unwrap() - 100.0).abs() < 1e-6);
        assert!(at(-0.1).is_none() && at(1.2).is_none());
    }
}
