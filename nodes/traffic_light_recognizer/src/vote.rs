use node::Time;
use road_map::LampShape;

use crate::network::{Reading, State};

/// What a group of lights is said to show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// A colour, or why there is none.
    pub state: State,
    /// How sure that is, 0..=1.
    pub confidence: f32,
    /// Of the lamp that is lit.
    pub shape: LampShape,
}

/// The state of one group over the last images.
///
/// Red is believed at once. Amber and green must be read some images in a row, and are dropped for anything that stops a
/// car. What cannot be read any more is kept for a short while, since cars and posts pass before lights.
#[derive(Debug, Clone)]
pub struct Vote {
    believed: Option<(Time, Shown)>,
    /// What is to become believed, and how many images in a row have shown it.
    rising: Option<(State, usize)>,
}

/// How a vote is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rules {
    pub least_confidence: f32,
    pub images_to_believe: usize,
    pub hold_s: f64,
}

impl Vote {
    /// Of a group that was never seen.
    pub const fn new() -> Self {
        Self { believed: None, rising: None }
    }

    /// Takes what an image shows of the group's lights, and says what the group shows.
    pub(crate) fn take(&mut self, now: Time, readings: &[Reading], rules: Rules) -> Shown {
        let seen = of_image(readings, rules.least_confidence);
        if !seen.state.is_lit() {
            self.rising = None;
            return self.held(now, rules.hold_s).unwrap_or(seen);
        }
        let count = match self.rising {
            Some((state, count)) if state == seen.state => count + 1,
            _ => 1,
        };
        self.rising = Some((seen.state, count));
        let known = self.held(now, rules.hold_s).is_some_and(|held| held.state == seen.state);
        if seen.state == State::Red || known || count >= rules.images_to_believe {
            self.believed = Some((now, seen));
            return seen;
        }
        // Not believed yet: what was believed before holds, but no green beside something that is none.
        match self.held(now, rules.hold_s) {
            Some(held) if held.state != State::Green => held,
            _ => Shown { state: if seen.state == State::Amber { State::Amber } else { State::Occluded }, ..seen },
        }
    }

    /// What is believed where no light of the group was looked at.
    pub fn held(&self, now: Time, hold_s: f64) -> Option<Shown> {
        self.believed.filter(|(at, _)| (0.0..=hold_s).contains(&now.since(*at))).map(|(_, shown)| shown)
    }
}

impl Default for Vote {
    fn default() -> Self {
        Self::new()
    }
}

/// What one image shows of a group: the most careful of the colours that its lights are read as surely; where there is
/// none, why.
fn of_image(readings: &[Reading], least_confidence: f32) -> Shown {
    let likeliest = readings.iter().map(|reading| {
        let (state, confidence) = reading.likeliest();
        Shown { state, confidence, shape: reading.shape }
    });
    let sure = likeliest.clone().filter(|shown| shown.state.is_lit() && shown.confidence >= least_confidence);
    // Red before amber before green.
    if let Some(shown) = sure.min_by(|a, b| a.state.cmp(&b.state).then(b.confidence.total_cmp(&a.confidence))) {
        return shown;
    }
    let why = likeliest.max_by(|a, b| a.confidence.total_cmp(&b.confidence));
    let none = Shown { state: State::Occluded, confidence: 0.0, shape: LampShape::Circle };
    why.map_or(none, |shown| if shown.state.is_lit() { Shown { confidence: shown.confidence, ..none } } else { shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { least_confidence: 0.6, images_to_believe: 2, hold_s: 0.5 };

    fn reading(state: State, confidence: f32) -> Reading {
        let rest = (1.0 - confidence) / 5.0;
        let states = State::ALL.map(|s| if s == state { confidence } else { rest });
        Reading { states, shape: LampShape::Circle }
    }

    fn run(images: &[&[Reading]]) -> Vec<State> {
        let mut vote = Vote::new();
        let at = |i: usize| Time::from_seconds(i as f64 * 0.1);
        images.iter().enumerate().map(|(i, readings)| vote.take(at(i), readings, RULES).state).collect()
    }

    #[test]
    fn red_is_believed_at_once_and_green_after_two_images() {
        let (red, green) = ([reading(State::Red, 0.9)], [reading(State::Green, 0.9)]);
        assert_eq!(run(&[&red]), [State::Red]);
        assert_eq!(run(&[&red, &green, &green]), [State::Red, State::Red, State::Green]);
        assert_eq!(run(&[&green, &green, &red]), [State::Occluded, State::Green, State::Red]);
    }

    #[test]
    fn green_gives_way_to_amber_at_once() {
        let (amber, green) = ([reading(State::Amber, 0.9)], [reading(State::Green, 0.9)]);
        assert_eq!(run(&[&green, &green, &amber]), [State::Occluded, State::Green, State::Amber]);
    }

    #[test]
    fn of_two_lights_that_differ_the_more_careful_one_counts() {
        let both = [reading(State::Green, 0.99), reading(State::Red, 0.7)];
        assert_eq!(run(&[&both]), [State::Red]);
    }

    #[test]
    fn what_is_hidden_is_kept_for_a_while_and_then_unknown_and_doubt_is_no_green() {
        let (green, hidden) = ([reading(State::Green, 0.9)], [reading(State::Occluded, 0.9)]);
        let states = run(&[&green, &green, &hidden, &hidden, &hidden, &hidden, &hidden, &hidden]);
        assert_eq!(states[2..7], [State::Green; 5]);
        assert_eq!(states[7], State::Occluded);
        let doubtful = [reading(State::Green, 0.5)];
        assert_eq!(run(&[&doubtful, &doubtful, &doubtful]), [State::Occluded; 3]);
        assert_eq!(run(&[&[], &[]]), [State::Occluded; 2]);
    }
}
