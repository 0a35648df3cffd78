//! One world's clock among what comes on `/clock`.

use crate::Time;

/// Simulated time that goes back by more than this is another world's, s: messages out of order are not that late.
const ANOTHER_WORLD_S: f64 = 1.0;
/// So many ticks in a row before the newest one are another world's as well, though it went back by less.
const OLD_TICKS: u32 = 10;
/// The world that is followed has to be silent for so long before another one takes its place, by the wall clock, s.
const SILENCE_S: f64 = 2.0;
/// And for so long once it came back after another one had taken its place, s.
const LONGEST_SILENCE_S: f64 = 30.0;
/// Another world that is silent for so long is gone, by the wall clock, s.
const GONE_S: f64 = 10.0;

/// What a clock message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// A new frame of the world that is followed.
    Frame,
    /// The same frame as before, or an earlier one that was overtaken.
    Old,
    /// Another world's, which is followed from now on: the one before it fell silent.
    Restart,
    /// Another world's, while the one that is followed goes on.
    Foreign,
}

#[derive(Debug, Clone, Copy)]
struct Track {
    newest: Time,
    /// By the wall clock.
    at: Time,
}

/// How the other world came to be that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It was first heard while one was followed.
    New,
    /// It was followed, and fell silent.
    Former,
    /// It was followed until a tick came that was far ahead: of this world, or of another one.
    Left,
}

#[derive(Debug, Clone, Copy)]
struct Other {
    track: Track,
    role: Role,
    /// Whether it ticked while it was not followed,
    heard: bool,
    /// and after that the one that is followed did.
    met: bool,
}

/// Follows the clock of one world. Another one's ticks, as those of a second server or of a server that was started anew,
/// are followed once this one has been silent for a while, so two that take turns do not begin everything anew with each
/// tick.
#[derive(Debug, Default)]
pub struct ClockTrack {
    followed: Option<Track>,
    other: Option<Other>,
    old: u32,
    /// As long as the followed one has to be silent, s, where that is longer than [`SILENCE_S`].
    silence_s: f64,
    reordered: u64,
}

impl ClockTrack {
    /// Takes a tick of simulated time `clock` at wall time `now`.
    pub fn take(&mut self, clock: Time, now: Time) -> Tick {
        self.other = self.other.filter(|other| now.since(other.track.at) < GONE_S);
        let tick = Track { newest: clock, at: now };
        let Some(followed) = self.followed else {
            self.followed = Some(tick);
            return Tick::Frame;
        };
        let ahead = clock.since(followed.newest);
        if let Some(other) = self.other {
            let of_other = clock.since(other.track.newest);
            let goes_on = of_other > 0.0 && of_other <= ANOTHER_WORLD_S && now.since(other.track.at) < SILENCE_S;
            if other.role == Role::Left && goes_on && of_other < ahead.abs() {
                // So what was far ahead was another world's.
                self.other = Some(Other { track: followed, role: Role::New, heard: true, met: true });
                (self.followed, self.old) = (Some(tick), 0);
                return Tick::Frame;
            }
            if other.role != Role::Left && of_other.abs() < 0.5 * ahead.abs() {
                return self.foreign(tick, followed);
            }
        }
        if ahead < -ANOTHER_WORLD_S {
            return self.foreign(tick, followed);
        }
        if let Some(other) = &mut self.other {
            other.met |= other.heard;
        }
        if ahead > 0.0 {
            if ahead > ANOTHER_WORLD_S && self.other.is_none_or(|other| other.role == Role::Left) {
                self.other = Some(Other { track: followed, role: Role::Left, heard: false, met: false });
            }
            (self.followed, self.old) = (Some(tick), 0);
            return Tick::Frame;
        }
        self.reordered += 1;
        self.old += u32::from(ahead < 0.0);
        if self.old >= OLD_TICKS {
            (self.followed, self.old) = (Some(tick), 0);
            return Tick::Restart;
        }
        Tick::Old
    }

    fn foreign(&mut self, tick: Track, followed: Track) -> Tick {
        let role = self.other.map_or(Role::New, |other| other.role);
        let least = self.silence_s.max(SILENCE_S);
        if tick.at.since(followed.at) < least {
            let met = self.other.is_some_and(|other| other.met);
            let role = if role == Role::Left { Role::New } else { role };
            self.other = Some(Other { track: tick, role, heard: true, met });
            return Tick::Foreign;
        }
        // One that had been followed before was not gone: both are slow.
        self.silence_s = if role == Role::Former { (4.0 * least).min(LONGEST_SILENCE_S) } else { SILENCE_S };
        self.other = Some(Other { track: followed, role: Role::Former, heard: false, met: false });
        (self.followed, self.old) = (Some(tick), 0);
        Tick::Restart
    }

    /// Simulated time; `None` before the first tick.
    pub fn now(&self) -> Option<Time> {
        self.followed.map(|track| track.newest)
    }

    /// Wall time since the last new tick of the world that is followed, s.
    pub fn stands_for_s(&self, now: Time) -> Option<f64> {
        self.followed.map(|track| now.since(track.at))
    }

    /// Whether another world ticked beside the one that is followed, in the last ten seconds by the wall clock.
    pub fn has_two_worlds(&self, now: Time) -> bool {
        self.other.is_some_and(|other| other.met && now.since(other.track.at) < GONE_S)
    }

    /// Ticks that came twice or late.
    pub fn reordered(&self) -> u64 {
        self.reordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(seconds)
    }

    /// A world that ran for five seconds.
    fn running() -> ClockTrack {
        let mut clock = ClockTrack::default();
        for n in 0..100 {
            let tick = clock.take(at(f64::from(n) * 0.05), at(f64::from(n) * 0.05));
            assert_eq!(tick, Tick::Frame);
        }
        clock
    }

    #[test]
    fn overtaken_ticks_are_old() {
        let mut clock = running();
        assert_eq!((clock.take(at(4.9), at(5.0)), clock.take(at(4.95), at(5.0))), (Tick::Old, Tick::Old));
        assert_eq!((clock.take(at(5.0), at(5.0)), clock.now(), clock.reordered()), (Tick::Frame, Some(at(5.0)), 2));
    }

    #[test]
    fn a_world_that_begins_after_the_one_before_fell_silent_is_followed_at_once() {
        let mut clock = running();
        assert_eq!(clock.take(at(0.05), at(10.0)), Tick::Restart);
        assert_eq!((clock.now(), clock.has_two_worlds(at(10.0))), (Some(at(0.05)), false));
        assert_eq!(clock.take(at(0.1), at(10.05)), Tick::Frame);
        // A jump ahead, as where ticks were lost, is none; and then one that is started again in a hurry.
        let hurried: Vec<Tick> =
            (0..30).map(|n| clock.take(at(f64::from(n) * 0.05 + 50.0), at(10.1 + f64::from(n) * 0.1))).collect();
        assert_eq!(hurried, [Tick::Frame; 30]);
        let hurried: Vec<Tick> =
            (0..30).map(|n| clock.take(at(f64::from(n) * 0.05), at(13.1 + f64::from(n) * 0.1))).collect();
        assert_eq!((hurried[0], hurried[29]), (Tick::Foreign, Tick::Frame));
        assert_eq!(hurried.iter().filter(|tick| **tick == Tick::Restart).count(), 1);
        assert!(!clock.has_two_worlds(at(16.1)));
    }

    #[test]
    fn of_two_worlds_that_take_turns_the_first_is_followed_whichever_is_ahead() {
        for other in [1.0, 80.0] {
            let mut clock = running();
            for n in 0..200 {
                let (sim, wall) = (f64::from(n) * 0.05, 5.0 + f64::from(n) * 0.05);
                clock.take(at(5.0 + sim), at(wall));
                clock.take(at(other + sim), at(wall));
            }
            let wall = at(15.0);
            assert!(clock.has_two_worlds(wall), "{other}");
            let restarts = (200..400).filter(|n| {
                let (sim, wall) = (f64::from(*n) * 0.05, 5.0 + f64::from(*n) * 0.05);
                clock.take(at(5.0 + sim), at(wall)) == Tick::Restart
                    || clock.take(at(other + sim), at(wall)) == Tick::Restart
            });
            assert_eq!(restarts.count(), 0, "{other}");
            // One of them ends.
            let (sim, wall) = (20.1, 25.1);
            assert!(clock.has_two_worlds(at(wall)));
            for n in 0..300 {
                clock.take(at(5.0 + sim + f64::from(n) * 0.05), at(wall + f64::from(n) * 0.05));
            }
            assert!(!clock.has_two_worlds(at(wall + 15.0)), "{other}");
        }
    }

    #[test]
    fn two_worlds_that_are_both_slow_take_each_others_place_less_and_less_often() {
        let mut clock = running();
        let restarts = (0..60).filter(|n| {
            let wall = 10.0 + f64::from(*n) * 3.0;
            let (a, b) = (at(5.0 + f64::from(*n) * 0.05), at(0.5 + f64::from(*n) * 0.05));
            let ticks = [clock.take(b, at(wall)), clock.take(a, at(wall + 2.9))];
            ticks.contains(&Tick::Restart)
        });
        assert!(restarts.count() <= 4);
    }

    #[test]
    fn a_restart_in_the_first_second_is_seen_by_its_ticks() {
        let mut clock = ClockTrack::default();
        for n in 1..=19 {
            clock.take(at(f64::from(n) * 0.05), at(f64::from(n) * 0.05));
        }
        let ticks: Vec<Tick> = (1..=12).map(|n| clock.take(at(f64::from(n) * 0.05), at(2.0))).collect();
        assert!(ticks.contains(&Tick::Restart), "{ticks:?}");
    }
}
