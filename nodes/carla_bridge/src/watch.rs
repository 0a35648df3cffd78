//! What comes in from one topic: stale, doubled, out of order, of another world's time, or from two senders.

use node::Time;

/// So many messages of equal stamp and other content within [`MEMORY_S`] are a second sender's.
const SECOND_SENDER: usize = 3;
/// Wall time that is looked back on, s.
const MEMORY_S: f64 = 3.0;
/// Nothing is measured so long before its frame, s of simulated time: its stamp is another world's.
const AHEAD_S: f64 = 1.0;

/// Times of something suspicious, by the wall clock; those longer ago than [`MEMORY_S`] are forgotten.
#[derive(Debug, Default)]
struct Suspicion(Vec<Time>);

impl Suspicion {
    fn note(&mut self, now: Time) {
        self.0.push(now);
        self.0.retain(|at| now.since(*at) < MEMORY_S);
    }

    fn within(&self, now: Time) -> usize {
        self.0.iter().filter(|at| now.since(**at) < MEMORY_S).count()
    }
}

/// One topic's messages.
#[derive(Debug, Default)]
pub struct SensorWatch {
    /// The topic, for messages.
    pub topic: String,
    newest: Option<(Time, u64)>,
    /// Messages that came twice.
    pub doubled: u64,
    /// Messages older than one that came before them.
    pub reordered: u64,
    /// Messages of a time that the world has not reached.
    pub ahead: u64,
    /// Messages that could not be used.
    pub refused: u64,
    /// Why the last of them could not.
    pub refusal: Option<String>,
    others: Suspicion,
}

impl SensorWatch {
    /// Of a topic.
    pub fn new(topic: String) -> Self {
        Self { topic, ..Self::default() }
    }

    /// Whether to use a message of this stamp; `clock` is simulated time, if there is one, `digest` tells equal contents
    /// apart from others, `now` is wall time.
    pub fn accept(&mut self, stamp: Time, clock: Option<Time>, digest: u64, now: Time) -> bool {
        if is_ahead(stamp, clock) {
            self.ahead += 1;
            return false;
        }
        // Accepted while another world's time was taken for this one's.
        self.newest = self.newest.filter(|(newest, _)| !is_ahead(*newest, clock));
        match self.newest {
            Some((newest, before)) if stamp == newest => {
                self.doubled += 1;
                if digest != before {
                    self.others.note(now);
                }
                false
            }
            Some((newest, _)) if stamp < newest => {
                self.reordered += 1;
                false
            }
            _ => {
                self.newest = Some((stamp, digest));
                true
            }
        }
    }

    /// Counts one that cannot be used.
    pub fn refuse(&mut self, reason: String) {
        self.refused += 1;
        self.refusal = Some(reason);
    }

    /// Takes a message that could be used.
    pub fn sound(&mut self) {
        self.refusal = None;
    }

    /// Forgets what came, as another world begins.
    pub fn restart(&mut self) {
        self.newest = None;
        self.refusal = None;
    }

    /// Stamp of the newest message.
    pub fn newest(&self) -> Option<Time> {
        self.newest.map(|(stamp, _)| stamp)
    }

    /// Whether two senders publish on the topic.
    pub fn has_second_sender(&self, now: Time) -> bool {
        self.others.within(now) >= SECOND_SENDER
    }

    /// Why the topic does not give what it should at simulated time `clock`.
    pub fn fault(&self, clock: Time, timeout_s: f64) -> Option<String> {
        let because = self.refusal.as_ref().map_or(String::new(), |reason| format!(" (newest refused: {reason})"));
        let Some(newest) = self.newest() else {
            return Some(format!("waiting for {}{because}", self.topic));
        };
        if let Some(reason) = &self.refusal {
            return Some(format!("{}: {reason}", self.topic));
        }
        let age = clock.since(newest);
        if age > timeout_s {
            return Some(format!("no {} for {age:.1} s of simulated time{because}", self.topic));
        }
        None
    }
}

/// Whether a message is of a time that the world has not reached, as another world's may be: after it, all that this one
/// measures would be older than what came.
pub fn is_ahead(stamp: Time, clock: Option<Time>) -> bool {
    clock.is_some_and(|clock| stamp.since(clock) > AHEAD_S)
}

/// A number that messages of other contents have otherwise: FNV-1a over at most a kilobyte from either end.
pub fn digest(bytes: &[u8]) -> u64 {
    let (head, tail) = (&bytes[..bytes.len().min(1024)], &bytes[bytes.len().saturating_sub(1024)..]);
    head.iter().chain(tail).fold(0xcbf2_9ce4_8422_2325_u64 ^ bytes.len() as u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The same of numbers.
pub fn digest_of(numbers: &[f64]) -> u64 {
    numbers.iter().fold(1, |hash, number| (hash ^ number.to_bits()).wrapping_mul(0x0100_0000_01b3).rotate_left(17))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(seconds)
    }

    #[test]
    fn doubled_and_overtaken_messages_are_left_out_and_a_second_sender_is_told() {
        let mut watch = SensorWatch::new("/carla/hero/imu".into());
        assert!(watch.accept(at(1.0), None, 1, at(100.0)) && watch.accept(at(1.05), None, 2, at(100.05)));
        assert!(!watch.accept(at(1.05), None, 2, at(100.06)) && !watch.accept(at(1.0), None, 1, at(100.07)));
        assert_eq!((watch.doubled, watch.reordered, watch.has_second_sender(at(100.1))), (1, 1, false));
        for n in 0..5 {
            let (sim, wall) = (2.0 + f64::from(n) * 0.05, 101.0 + f64::from(n) * 0.05);
            assert!(watch.accept(at(sim), None, 3, at(wall)));
            assert!(!watch.accept(at(sim), None, 4, at(wall)));
        }
        assert!(watch.has_second_sender(at(101.3)));
        // It went away.
        assert!(!watch.has_second_sender(at(105.0)));
    }

    #[test]
    fn silence_and_refusals_have_a_reason() {
        let mut watch = SensorWatch::new("/carla/hero/lidar".into());
        assert_eq!(watch.fault(at(9.0), 0.5).as_deref(), Some("waiting for /carla/hero/lidar"));
        watch.accept(at(9.0), None, 1, at(0.0));
        assert_eq!(watch.fault(at(9.4), 0.5), None);
        assert!(watch.fault(at(9.7), 0.5).is_some_and(|reason| reason.contains("for 0.7 s")));
        watch.refuse("no field x".into());
        assert!(watch.fault(at(9.1), 0.5).is_some_and(|reason| reason.contains("no field x")));
        watch.restart();
        assert!(watch.accept(at(0.1), None, 1, at(1.0)));
    }

    #[test]
    fn what_another_world_measured_later_does_not_make_this_one_s_messages_old() {
        let mut watch = SensorWatch::new("/carla/hero/gnss".into());
        let clock = Some(at(5.0));
        assert!(watch.accept(at(5.0), clock, 1, at(0.0)) && !watch.accept(at(80.0), clock, 2, at(0.0)));
        assert!(watch.accept(at(5.05), clock, 3, at(0.05)));
        assert_eq!((watch.ahead, watch.reordered), (1, 0));
    }
}
