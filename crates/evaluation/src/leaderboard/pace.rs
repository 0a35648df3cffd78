//! `MinimumSpeedRouteTest`: in each quarter of the route, the ego's mean speed against that of the traffic.

use super::infraction::{Infraction, InfractionKind};
use super::observation::Observation;
use super::route::ScoredRoute;

const CHECKPOINTS: f64 = 4.0;
const WINDOW: usize = 2;
/// The last checkpoint counts where so much of the route is driven.
const LAST: f64 = 0.95;

#[derive(Debug, Default)]
pub(super) struct Pace {
    index: usize,
    from_m: f64,
    traffic: f64,
    ego: f64,
    count: u32,
}

impl Pace {
    pub fn update(&mut self, route: &ScoredRoute, now: &Observation, out: &mut Vec<Infraction>) {
        self.index = route.advance(self.index, WINDOW, &now.ego);
        let way = route.way(self.index);
        if way - self.from_m > route.length_m() / CHECKPOINTS {
            self.check(now.time, out);
            *self = Self { index: self.index, from_m: way, ..Self::default() };
        }
        if let Some(traffic) = now.traffic_speed {
            self.traffic += traffic;
            self.ego += now.speed();
            self.count += 1;
        }
    }

    pub fn finish(&mut self, route: &ScoredRoute, time_s: f64, out: &mut Vec<Infraction>) {
        if route.way(self.index) / route.length_m() > LAST {
            self.check(time_s, out);
        }
    }

    fn check(&self, time_s: f64, out: &mut Vec<Infraction>) {
        if self.count == 0 || !(self.traffic > 0.0) {
            return;
        }
        let percentage = (self.ego / self.traffic * 1e4).round() / 100.0;
        if percentage < 100.0 {
            let message = format!("Average speed is {percentage}% of the surrounding traffic's one");
            out.push(Infraction {
                percentage: Some(percentage),
                ..Infraction::new(InfractionKind::MinSpeedInfractions, time_s, message)
            });
        }
    }
}
