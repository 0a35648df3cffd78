use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use msgs::builtin_interfaces::msg::Time as TimeMessage;

/// A moment, in nanoseconds since the clock's epoch: simulated time starts at 0, wall time in 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    /// From seconds, rounded to the nanosecond.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e9).round() as i64)
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 * 1e-9
    }

    /// Seconds since `earlier`; negative where that lies in the future.
    pub fn since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 * 1e-9
    }

    /// As the ROS message.
    pub fn to_message(self) -> TimeMessage {
        TimeMessage { sec: self.0.div_euclid(1_000_000_000) as i32, nanosec: self.0.rem_euclid(1_000_000_000) as u32 }
    }
}

impl From<&TimeMessage> for Time {
    fn from(message: &TimeMessage) -> Self {
        Self(i64::from(message.sec) * 1_000_000_000 + i64::from(message.nanosec))
    }
}

impl From<Time> for TimeMessage {
    fn from(time: Time) -> Self {
        time.to_message()
    }
}

impl Add<Duration> for Time {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub for Time {
    type Output = Duration;
    /// Time since `earlier`, zero where that lies in the future.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_round_trip_before_and_after_epoch() {
        for nanos in [-1_500_000_000, -1, 0, 1, 1_999_999_999] {
            assert_eq!(Time::from(&Time(nanos).to_message()), Time(nanos));
        }
    }
}
