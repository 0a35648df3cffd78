//! Who goes first: signals, signs, priorities, gaps, people on crosswalks.
//!
//! A driver asks for a whole junction lane before it enters and holds it until its rear has left each conflict. Who has
//! to give way may roll on to where the way that it waits for begins, and asks again from there. Equals go in order of
//! arrival, then of id: that order is total, so someone can always go.

use geometry::angle_difference;
use road_map::{Conflict, Priority, StopReason, Turn};

use super::driver::{Driver, travel_time};
use super::walker::Walker;
use super::{Traffic, View};
use crate::signals::SignalColor;

/// Room between a waiting driver and the way of who goes first, m.
const WAITING_GAP_M: f64 = 1.2;
/// A car that has stood for this long gives no sign of going on, s: it is a body to pass, not a rival to wait for.
const EGO_RESTS_S: f64 = 6.0;
/// Who has stood for this long takes a gap in which those who go first need to slow down only gently, s.
const LETS_ITSELF_IN_S: f64 = 20.0;
/// What is gentle, m/s², and how long others take to see it, s.
const GENTLE: (f64, f64) = (1.5, 1.0);
/// Two entries with headings further apart than this face each other, rad.
const FACING_RAD: f64 = 2.3;

/// What a driver may do about the rules ahead of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Passage {
    /// Distance from the driver's front to where it has to stop, m.
    pub stop: Option<f64>,
    /// Junction lanes that it may drive.
    pub granted: Vec<usize>,
    /// The junction lane that it may roll into, to wait there for a gap.
    pub waits_inside: Option<usize>,
}

/// Two ways that meet, as one of the drivers sees it.
struct Meeting<'a> {
    lane: usize,
    other: usize,
    conflict: &'a Conflict,
    /// From the other one's front to its lane's start, m.
    distance: f64,
    /// When the driver reaches the conflict and when it has left it, s.
    enter: f64,
    leave: f64,
}

impl Passage {
    fn stopping(self, at: f64) -> Self {
        Self { stop: Some(at), ..self }
    }
}

impl Traffic {
    /// Where the driver has to stop, and the junction lanes that it may enter.
    pub(super) fn must_stop(
        &self,
        index: usize,
        path: &[(usize, f64)],
        leader: Option<(f64, f64)>,
        view: &View,
    ) -> Passage {
        let driver = &self.drivers[index];
        let mut passage = Passage::default();
        // The last line passed on the way to a junction: there one waits for it.
        let mut line_at: Option<f64> = None;
        let can_stop = |x: f64, deceleration: f64| x > driver.speed * driver.speed / (2.0 * deceleration) - 0.5;
        for &(lane, start) in path {
            let net = &self.network.lanes[lane];
            if start + net.length < -driver.actor.length {
                continue;
            }
            for line in &net.lane.stop_lines {
                let x = start + line.s;
                if x < -0.6 {
                    continue;
                }
                match line.reason {
                    StopReason::Signal(group) => {
                        let stop = match view.signals.state(group).color {
                            SignalColor::Red => can_stop(x, 6.0),
                            SignalColor::Yellow => can_stop(x, 3.0),
                            SignalColor::Green => false,
                        };
                        if stop {
                            return passage.stopping(x);
                        }
                    }
                    StopReason::StopSign => {
                        let stopped = driver.stopped_at == Some((lane, line.s));
                        if !stopped {
                            return passage.stopping(x);
                        }
                    }
                    StopReason::Yield | StopReason::Crosswalk(_) => {}
                }
                line_at = Some(x);
            }
            for &(crosswalk, from, _) in &net.crosswalks {
                let x = start + from - 0.8;
                if x > -0.8 && can_stop(x, 3.5) && self.people_first(driver, lane, crosswalk, from, x) {
                    return passage.stopping(x.min(line_at.filter(|l| x - l < 6.0).unwrap_or(x)));
                }
            }
            if net.conflicts.is_empty() {
                continue;
            }
            let inside = start < -0.5;
            if inside && driver.waits_inside != Some(lane) {
                // What is held stays held until the rear is out; only who stands in the way is waited for.
                passage.granted.push(lane);
                let taken = self.taken_ahead(index, lane, start, view).filter(|x| can_stop(*x, 7.0));
                if let (Some(x), true) = (taken, self.now_s > driver.squeezes_until_s) {
                    return passage.stopping(x);
                }
                continue;
            }
            let hold = line_at.filter(|line| start - line < 20.0).unwrap_or(start - 0.5);
            let sticky = driver.granted.contains(&lane);
            // Too near to stop: going on is the lesser evil.
            let committed = sticky && !can_stop(hold, 4.5);
            let room = inside || committed || has_room(driver, leader, start + net.length);
            let blocked = if committed { None } else { self.first_blocked(index, lane, start, sticky, view) };
            match blocked {
                None if room => passage.granted.push(lane),
                Some(from_s) if room => {
                    let wait = start + self.waiting_point(lane, from_s) - WAITING_GAP_M;
                    if inside && wait < -0.5 {
                        passage.granted.push(lane);
                        continue;
                    }
                    passage.waits_inside = Some(lane);
                    return passage.stopping(wait.max(hold));
                }
                _ => return passage.stopping(hold),
            }
        }
        passage
    }

    /// How far one may roll into a junction lane while the way that begins at `from_s` is not free, m.
    ///
    /// Who turns left on a main road or at a green light waits in the middle, everyone else before the first way.
    fn waiting_point(&self, lane: usize, from_s: f64) -> f64 {
        let net = &self.network.lanes[lane];
        let signed = |lane: usize| {
            let lines = &self.network.lanes[lane].lane.stop_lines;
            lines.iter().any(|l| matches!(l.reason, StopReason::Yield | StopReason::StopSign))
        };
        if net.lane.turn == Turn::Left && !signed(lane) && !net.predecessors.iter().any(|p| signed(*p)) {
            return from_s;
        }
        self.first_way(lane).min(from_s)
    }

    /// Where the first way of others on a junction lane begins, m.
    fn first_way(&self, lane: usize) -> f64 {
        let others = self.network.lanes[lane].conflicts.iter().filter(|(other, _)| !self.parts(lane, *other));
        others.map(|(_, conflict)| conflict.from_s).fold(f64::INFINITY, f64::min)
    }

    /// Whether two lanes begin at the same lane: who is on them goes one after the other anyway.
    fn parts(&self, lane: usize, other: usize) -> bool {
        self.network.lanes[other].predecessors.iter().any(|p| self.network.lanes[lane].predecessors.contains(p))
    }

    /// Where on a junction lane that begins `start` metres ahead the first way begins that is not free.
    fn first_blocked(&self, index: usize, lane: usize, start: f64, sticky: bool, view: &View) -> Option<f64> {
        let driver = &self.drivers[index];
        let net = &self.network.lanes[lane];
        let mut first: Option<f64> = None;
        for (other, conflict) in &net.conflicts {
            let known = first.is_some_and(|s| s <= conflict.from_s);
            if known || self.parts(lane, *other) || start + conflict.to_s + driver.actor.length < 0.0 {
                continue;
            }
            let top = self.network.speed_at(lane, conflict.from_s).max(3.0);
            let enter = driver.travel_time(start + conflict.from_s, top);
            let leave = driver.travel_time(start + conflict.to_s + driver.actor.length, top);
            let clear = self.ego_lets(driver, lane, *other, conflict, enter, leave)
                && view.approach[*other].iter().all(|&(rival, distance)| {
                    let meeting = Meeting { lane, other: *other, conflict, distance, enter, leave };
                    rival == index || self.rival_lets(index, rival, &meeting, sticky, view)
                });
            if !clear {
                first = Some(conflict.from_s);
            }
        }
        first
    }

    /// Whether the two ways end in the same lane.
    pub(super) fn joins(&self, lane: usize, other: usize) -> bool {
        self.network.lanes[lane].successors.iter().any(|next| self.network.lanes[other].successors.contains(next))
    }

    /// Where the driver, within a junction, has to stop for somebody who is in its way right now.
    fn taken_ahead(&self, index: usize, lane: usize, start: f64, view: &View) -> Option<f64> {
        let driver = &self.drivers[index];
        let net = &self.network.lanes[lane];
        let ahead = |c: &Conflict| start + c.from_s > 0.3;
        let ways = net.conflicts.iter().filter(|(other, c)| ahead(c) && !self.parts(lane, *other));
        ways.filter(|(other, conflict)| {
            let enter =
                driver.travel_time(start + conflict.from_s, self.network.speed_at(lane, conflict.from_s).max(3.0));
            let taken = |distance: f64, length: f64, speed: f64| {
                let (front, rear) = (-distance, -distance - length);
                let there = front > conflict.other_from_s - 0.3 && rear < conflict.other_to_s;
                there && (conflict.other_to_s - rear) / speed.max(0.1) + 0.2 > enter
            };
            let ego = !self.ego_stands_clear(driver, lane, conflict)
                && self.ego.reach.get(other).is_some_and(|d| taken(*d, self.ego.length, self.ego.speed));
            let other_driver = || {
                view.approach[*other].iter().any(|&(rival, distance)| {
                    let them = &self.drivers[rival];
                    rival != index && taken(distance, them.actor.length, them.speed)
                })
            };
            !self.joins(lane, *other) && (ego || other_driver())
        })
        .map(|(_, conflict)| start + conflict.from_s - 0.2)
        .reduce(f64::min)
    }

    /// Whether a rival leaves the way free. Who holds a lane already looks only for who holds the other one too.
    fn rival_lets(&self, index: usize, rival: usize, meeting: &Meeting<'_>, sticky: bool, view: &View) -> bool {
        let (me, them) = (&self.drivers[index], &self.drivers[rival]);
        let &Meeting { lane, other, conflict, distance, enter, leave } = meeting;
        let their_enter = distance + conflict.other_from_s;
        let their_leave = distance + conflict.other_to_s + them.actor.length;
        if their_leave < 0.0 {
            return true;
        }
        // Who waits for a gap, before all ways or in the middle for those it faces, does not stand in mine.
        let waits = view.waits_inside[rival] == Some(other)
            && their_enter > 0.2
            && (-distance < self.first_way(other) || self.faces(lane, other));
        let entered = !waits && distance < -0.5;
        let equal = conflict.priority == Priority::Equal && self.turns_alike(lane, other);
        let order = |d: &Driver| (d.arrived_s.unwrap_or(f64::INFINITY), d.actor.id);
        let first = order(me) < order(them);
        let gives_way = self.gives_way(lane, other, conflict.priority);
        let room = their_enter - 3.0 - GENTLE.1 * them.speed;
        let gentle = !entered && room > them.speed * them.speed / (2.0 * GENTLE.0);
        if gives_way && gentle && (sticky || me.waiting_s > LETS_ITSELF_IN_S) {
            return true;
        }
        if entered || view.granted[rival].contains(&other) {
            // They leave before I come, and move.
            let turning = self.network.speed_at(other, conflict.other_from_s).min(them.speed);
            let on_lane = conflict.other_to_s + them.actor.length + distance.min(0.0);
            let time = distance.max(0.0) / them.speed.max(0.1) + on_lane / turning.max(0.1);
            if sticky {
                let mine = !entered && !gives_way && (!equal || first);
                return mine || time < enter;
            }
            let margin = if self.joins(lane, other) { 1.2 } else { 0.8 };
            // Who stands anyway lets them get out first: they may be held up.
            let soon = time < 1.5 || me.speed > 4.0;
            return them.speed > 2.0 && time + margin < enter && soon;
        }
        if sticky || view.stopped_by_signal[rival] {
            return true;
        }
        if !gives_way {
            let near = their_enter < 12.0 || travel_time(their_enter, them.speed, them.speed.max(4.0), 1.5) < leave;
            return !equal || first || !near || them.waiting_s > 6.0 && me.waiting_s > 3.0;
        }
        if them.speed < 0.5 && them.waiting_s > 1.5 {
            return true;
        }
        let margin = 2.2 - 1.2 * me.habits.aggressiveness;
        travel_time(their_enter, them.speed, self.network.speed_at(other, 0.0), 1.5) > leave + margin
    }

    /// Whether traffic on two lanes of a junction comes from opposite sides.
    fn faces(&self, lane: usize, other: usize) -> bool {
        let yaw = |lane: usize| self.network.lanes[lane].lane.center.pose_at(0.0).yaw;
        angle_difference(yaw(lane), yaw(other)).abs() > FACING_RAD
    }

    /// Whether one on `lane` lets one on `other` go first by rule rather than by order of arrival.
    fn gives_way(&self, lane: usize, other: usize, priority: Priority) -> bool {
        match priority {
            Priority::Mine => false,
            Priority::Other => true,
            Priority::Equal => {
                self.network.lanes[lane].lane.turn == Turn::Left && self.network.lanes[other].lane.turn != Turn::Left
            }
        }
    }

    fn turns_alike(&self, lane: usize, other: usize) -> bool {
        let left = |l: usize| self.network.lanes[l].lane.turn == Turn::Left;
        left(lane) == left(other)
    }

    /// Whether the ego car stands, seems to go on standing, and leaves room to pass on the lane where the ways meet.
    fn ego_stands_clear(&self, driver: &Driver, lane: usize, conflict: &Conflict) -> bool {
        if self.ego.speed > 0.3 || self.ego.waiting_s < EGO_RESTS_S {
            return false;
        }
        // Long bodies cut the corner: in the tight turns of a crossing by about this much.
        let cuts = 0.012 * driver.actor.length.powi(2);
        let room = driver.actor.width / 2.0 + 0.4 + cuts;
        let center = &self.network.lanes[lane].lane.center;
        let steps = (conflict.to_s - conflict.from_s).max(1.0).ceil();
        (0..=steps as usize).all(|i| {
            let s = conflict.from_s + (conflict.to_s - conflict.from_s) * i as f64 / steps;
            self.ego.footprint.distance_to_point(center.pose_at(s).position) > room
        })
    }

    /// Whether the ego car leaves the way free: it is given more room than anyone, for nobody knows its plans.
    fn ego_lets(
        &self,
        driver: &Driver,
        lane: usize,
        other: usize,
        conflict: &Conflict,
        enter: f64,
        leave: f64,
    ) -> bool {
        let Some(&distance) = self.ego.reach.get(&other) else { return true };
        let (ego_enter, ego_leave) =
            (distance + conflict.other_from_s, distance + conflict.other_to_s + self.ego.length);
        if ego_leave < 0.0 || self.ego_stands_clear(driver, lane, conflict) {
            return true;
        }
        let speed = self.ego.speed;
        if ego_enter < 0.3 {
            return speed > 2.0 && ego_leave / speed + 1.0 < enter;
        }
        let committed = distance < -1.0 && speed > 0.5;
        let cannot_stop = ego_enter < speed * speed / (2.0 * 3.0) + 2.0 && speed > 1.0;
        if committed || cannot_stop {
            return speed > 2.0 && ego_leave / speed + 1.0 < enter;
        }
        if self.ego.facing_red {
            return true;
        }
        let mine = conflict.priority == Priority::Mine
            || (conflict.priority == Priority::Equal && self.gives_way(other, lane, Priority::Equal));
        if mine || (speed < 0.5 && (self.ego.waiting_s > 5.0 || ego_enter > 15.0)) {
            return true;
        }
        let margin = 3.0 - driver.habits.aggressiveness;
        travel_time(ego_enter, speed, speed.max(4.0), 1.5) > leave + margin
    }

    /// Whether people on a crosswalk, or about to step on it, keep the driver off it.
    fn people_first(&self, driver: &Driver, lane: usize, crosswalk: usize, lane_s: f64, x: f64) -> bool {
        let path = &self.network.crosswalks[crosswalk].path;
        let at = self.network.lanes[lane].lane.center.pose_at(lane_s).position;
        let place = path.project(at).s;
        let (left, right) = self.network.half_widths(lane, lane_s);
        let half = left.max(right);
        let signalised = self.network.crosswalks[crosswalk].signal.is_some();
        self.walkers.iter().any(|walker: &Walker| match walker.on_crosswalk(crosswalk) {
            Some((u, direction, true)) => {
                // Positive while they have not passed the lane yet.
                let ahead = direction * (place - u);
                ahead > -(half + 0.7)
            }
            Some((_, _, false)) => !signalised && x > driver.speed * driver.speed / (2.0 * 2.2),
            None => false,
        })
    }
}

/// Whether the driver, once over the junction lane that ends `end` metres ahead, fits in behind its leader.
fn has_room(driver: &Driver, leader: Option<(f64, f64)>, end: f64) -> bool {
    leader.is_none_or(|(gap, speed)| {
        speed > 1.5 || gap < end - 60.0 || gap > end + driver.actor.length + 1.5 || gap < 0.0
    })
}

#[cfg(test)]
mod tests;
