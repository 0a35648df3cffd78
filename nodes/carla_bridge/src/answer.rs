//! One command for each frame: when it may be sent, and when the world has waited long enough for it.

use msgs::autoware_control_msgs::msg::Control;
use node::Time;

/// A world that waited for so many answers in a row waits for them.
const WAITED_FRAMES: u32 = 20;
/// A trajectory older than this is nobody's that still plans: it is not waited for, s of simulated time.
const NOT_PLANNING_S: f64 = 1.0;

/// How long is waited, as `params/carla_bridge.param.yaml` explains it.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A command made longer ago than this is nobody's who still drives, s of simulated time.
    pub control_timeout_s: f64,
    /// The trajectory that a command rests on may be this old, s of simulated time; 0: any age.
    pub trajectory_age_s: f64,
    /// Wall time that a frame waits at most while the stack drives, s.
    pub answer_limit_s: f64,
    /// Wall time that a frame waits while it does not, s.
    pub idle_answer_s: f64,
}

/// What to answer a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Nothing yet.
    Wait,
    /// This command; `late` where what it rests on is older than it should be.
    Drive {
        /// The command.
        control: Control,
        /// Whether the wait ended by its limit.
        late: bool,
    },
    /// Nobody drives: the brake.
    Hold,
}

/// The frame that waits, and what there is to answer it with.
#[derive(Debug, Default)]
pub struct Answers {
    /// Simulated time of the frame, and when it came by the wall clock.
    pending: Option<(Time, Time)>,
    control: Option<Control>,
    trajectory: Option<Time>,
    /// The world goes on without an answer.
    free: bool,
    /// Frames in a row whose answer was there before the next one came.
    waited: u32,
}

impl Answers {
    /// A frame of simulated time `clock` came at wall time `now`. One that comes before the last was answered, or had
    /// waited, tells a world that waits for nobody: it gets the newest command at once, until [`WAITED_FRAMES`] answers
    /// were in time again: one frame that came late from its own queue says little.
    pub fn frame(&mut self, clock: Time, now: Time, patience: &Patience) {
        let impatient = |since: Time| now.since(since) < patience.idle_answer_s.max(0.9 * patience.answer_limit_s);
        if self.pending.is_some_and(|(_, since)| impatient(since)) {
            (self.free, self.waited) = (true, 0);
        } else {
            self.waited = self.waited.saturating_add(1);
            self.free &= self.waited < WAITED_FRAMES;
        }
        self.pending = Some((clock, now));
    }

    /// A command came.
    pub fn control(&mut self, control: &Control) {
        self.control = Some(control.clone());
    }

    /// A trajectory came, of a measurement at `stamp`.
    pub fn trajectory(&mut self, stamp: Time) {
        self.trajectory = Some(stamp);
    }

    /// Another world begins.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The frame that waits and its answer at wall time `now`; one that is not [`Answer::Wait`] is the last for it.
    pub fn next(&mut self, now: Time, patience: &Patience) -> Option<(Time, Answer)> {
        let (clock, since) = self.pending?;
        let answer = self.answer(clock, now.since(since), patience);
        if answer != Answer::Wait {
            self.pending = None;
        }
        Some((clock, answer))
    }

    fn answer(&self, clock: Time, waited_s: f64, patience: &Patience) -> Answer {
        let made = |control: &Control| Time::from(&control.control_time);
        let alive = self.control.as_ref().filter(|c| clock.since(made(c)) <= patience.control_timeout_s);
        let Some(control) = alive else {
            return if waited_s >= patience.idle_answer_s { Answer::Hold } else { Answer::Wait };
        };
        let planned = self.trajectory.map_or(f64::INFINITY, |stamp| clock.since(stamp));
        let aged = !self.free
            && patience.trajectory_age_s > 0.0
            && (patience.trajectory_age_s..=NOT_PLANNING_S).contains(&planned);
        if made(control) >= clock && !aged {
            return Answer::Drive { control: control.clone(), late: false };
        }
        if waited_s >= patience.answer_limit_s {
            return Answer::Drive { control: control.clone(), late: true };
        }
        Answer::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { control_timeout_s: 0.3, trajectory_age_s: 0.15, answer_limit_s: 0.5, idle_answer_s: 0.05 };

    fn at(seconds: f64) -> Time {
        Time::from_seconds(seconds)
    }

    fn control(made: f64) -> Control {
        Control { control_time: at(made).to_message(), ..Control::default() }
    }

    #[test]
    fn a_frame_is_answered_with_a_command_made_in_it_that_rests_on_a_fresh_plan() {
        let mut answers = Answers::default();
        assert_eq!(answers.next(at(0.0), &PATIENCE), None);
        answers.frame(at(5.0), at(100.0), &PATIENCE);
        answers.control(&control(4.95));
        answers.trajectory(at(4.9));
        assert_eq!(answers.next(at(100.01), &PATIENCE), Some((at(5.0), Answer::Wait)));
        answers.control(&control(5.0));
        let (clock, answer) = answers.next(at(100.02), &PATIENCE).unwrap();
        assert_eq!((clock, answer), (at(5.0), Answer::Drive { control: control(5.0), late: false }));
        // One answer a frame.
        assert_eq!(answers.next(at(100.03), &PATIENCE), None);
        answers.frame(at(5.1), at(100.05), &PATIENCE);
        answers.control(&control(5.1));
        assert_eq!(answers.next(at(100.06), &PATIENCE), Some((at(5.1), Answer::Wait)));
        answers.trajectory(at(5.0));
        assert!(matches!(answers.next(at(100.07), &PATIENCE), Some((_, Answer::Drive { late: false, .. }))));
    }

    #[test]
    fn the_world_waits_no_longer_than_the_limit() {
        let mut answers = Answers::default();
        answers.control(&control(5.0));
        answers.trajectory(at(4.9));
        answers.frame(at(5.1), at(100.0), &PATIENCE);
        assert_eq!(answers.next(at(100.4), &PATIENCE), Some((at(5.1), Answer::Wait)));
        assert!(matches!(answers.next(at(100.5), &PATIENCE), Some((_, Answer::Drive { late: true, .. }))));
    }

    #[test]
    fn where_nobody_drives_the_brake_holds() {
        let mut answers = Answers::default();
        answers.frame(at(5.0), at(100.0), &PATIENCE);
        assert_eq!(answers.next(at(100.01), &PATIENCE), Some((at(5.0), Answer::Wait)));
        assert_eq!(answers.next(at(100.06), &PATIENCE), Some((at(5.0), Answer::Hold)));
        answers.control(&control(5.0));
        answers.frame(at(5.4), at(101.0), &PATIENCE);
        assert_eq!(answers.next(at(101.06), &PATIENCE), Some((at(5.4), Answer::Hold)));
    }

    #[test]
    fn a_world_that_waits_for_nobody_gets_the_newest_command() {
        let mut answers = Answers::default();
        answers.control(&control(5.0));
        answers.trajectory(at(4.8));
        answers.frame(at(5.0), at(100.0), &PATIENCE);
        assert_eq!(answers.next(at(100.0), &PATIENCE), Some((at(5.0), Answer::Wait)));
        answers.frame(at(5.05), at(100.05), &PATIENCE);
        answers.control(&control(5.06));
        assert!(matches!(answers.next(at(100.06), &PATIENCE), Some((_, Answer::Drive { late: false, .. }))));
    }

    #[test]
    fn one_frame_in_haste_does_not_make_a_world_one_that_waits_for_nobody_for_ever() {
        let mut answers = Answers::default();
        let mut answer = |sim: f64, wall: f64| {
            answers.frame(at(sim), at(wall), &PATIENCE);
            answers.control(&control(sim));
            answers.trajectory(at(sim - 0.2));
            answers.next(at(wall), &PATIENCE).unwrap().1
        };
        // Its plan is too old: it is waited for, and the next frame does not wait.
        assert_eq!(answer(5.0, 100.0), Answer::Wait);
        for n in 1..=20 {
            let since = f64::from(n) * 0.05;
            assert!(matches!(answer(5.0 + since, 100.0 + since), Answer::Drive { .. }), "frame {n}");
        }
        assert_eq!(answer(6.05, 101.05), Answer::Wait);
    }

    #[test]
    fn a_planner_that_stopped_is_not_waited_for() {
        let mut answers = Answers::default();
        answers.trajectory(at(3.0));
        answers.control(&control(5.0));
        answers.frame(at(5.0), at(100.0), &PATIENCE);
        assert!(matches!(answers.next(at(100.0), &PATIENCE), Some((_, Answer::Drive { late: false, .. }))));
    }
}
