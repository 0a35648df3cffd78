use geometry::{Map, Point2, Pose2, Vector2, angle_difference};
use road_map::{LaneKind, StopReason, Turn};

use crate::agent::{Agent, Class};
use crate::road::Road;

/// Points of a path.
pub const POINTS: usize = 26;
/// Facts of a path beside its points.
pub const FACTS: usize = 20;
/// Paths of an agent.
pub const SLOTS: usize = 6;

/// A way that an agent may take: equally spaced points from beside it on.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The points.
    pub points: [Point2<Map>; POINTS],
    /// Distance between them along the way, m.
    pub spacing: f64,
    /// The agent's offset to the left of the way now, m.
    pub offset: f64,
    /// The agent's speed along the way now, m/s.
    pub speed: f64,
    /// What else is known of it; [`Path::facts`] gives them to the network.
    pub kind: Kind,
    /// Speed limit, m/s; 0 where there is none.
    pub limit: f64,
    /// First turn on it.
    pub turn: Turn,
    /// Next place to stop at: distance along the way (m) and why.
    pub stop: Option<(f64, StopReason)>,
    /// Nearest road user ahead on it: gap (m) and speed along the way (m/s).
    pub leader: Option<(f64, f64)>,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Along the lane it is on.
    Lane,
    /// Along a lane it may change to.
    Change,
    /// Along a crosswalk.
    Crosswalk,
    /// Along a sidewalk or the edge of the road.
    Sidewalk,
    /// As it heads.
    Free,
}

impl Path {
    /// The place `s` along the way (m, negative: behind) and `d` to its left (m). Beyond its ends the way is straight.
    pub fn at(&self, s: f64, d: f64) -> Point2<Map> {
        let along = s / self.spacing;
        let i = (along.floor().max(0.0) as usize).min(POINTS - 2);
        let step = self.points[i + 1] - self.points[i];
        let length = step.norm().max(1e-6);
        self.points[i] + step * (along - i as f64) + step.perpendicular() * (d / length)
    }

    /// Direction at its start.
    pub fn heading(&self) -> f64 {
        (self.points[1] - self.points[0]).angle()
    }

    /// Facts for the network, scaled to about -1..1. Layout: axes of `paths` in the model's manifest.
    pub fn facts(&self, agent: &Agent) -> [f32; FACTS] {
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        let reason = |wanted: fn(&StopReason) -> bool| flag(self.stop.is_some_and(|(_, r)| wanted(&r)));
        let bend = (0..POINTS - 2).map(|i| {
            let (a, b) = (self.points[i + 1] - self.points[i], self.points[i + 2] - self.points[i + 1]);
            (i as f64 * self.spacing, (angle_difference(b.angle(), a.angle()) / self.spacing).abs())
        });
        // Where a bend of less than 50 m radius begins, and the tightest on the way.
        let (mut first, mut tightest) = (80.0, 0.0_f64);
        for (s, curvature) in bend {
            if curvature > 0.02 && s < first {
                first = s;
            }
            tightest = tightest.max(curvature);
        }
        let (gap, leader) = self.leader.unwrap_or((60.0, 15.0));
        let values = [
            flag(self.kind == Kind::Lane),
            flag(self.kind == Kind::Change),
            flag(self.kind == Kind::Crosswalk),
            flag(self.kind == Kind::Sidewalk),
            flag(self.kind == Kind::Free),
            flag(self.turn == Turn::Left),
            flag(self.turn == Turn::Right),
            self.limit / 15.0,
            self.offset / 4.0,
            angle_difference(self.heading(), agent.pose.yaw),
            self.speed / 15.0,
            self.stop.map_or(60.0, |(s, _)| s).min(60.0) / 30.0,
            reason(|r| matches!(r, StopReason::Signal(_))),
            reason(|r| matches!(r, StopReason::StopSign)),
            reason(|r| matches!(r, StopReason::Yield)),
            reason(|r| matches!(r, StopReason::Crosswalk(_))),
            gap.min(60.0) / 30.0,
            leader / 15.0,
            first / 40.0,
            (tightest * 10.0).min(2.0),
        ];
        values.map(|v| v as f32)
    }
}

const VEHICLE_SPACING_M: f64 = 3.2;
const WALK_SPACING_M: f64 = 1.0;

/// The ways an agent may take: likely ones first, the last as it heads now. Slots left over repeat the first ones.
pub fn candidates(road: &Road, agent: &Agent, others: &[Agent]) -> [Path; SLOTS] {
    let mut paths = if agent.class.follows_lanes() { lane_paths(road, agent) } else { walk_paths(road, agent) };
    paths.truncate(SLOTS - 1);
    let known = paths.len();
    while paths.len() < SLOTS - 1 {
        let repeated = if known == 0 { free(agent) } else { paths[(paths.len() - known) % known].clone() };
        paths.push(repeated);
    }
    paths.push(free(agent));
    for path in &mut paths {
        path.leader = leader(path, agent, others);
    }
    std::array::from_fn(|i| paths[i].clone())
}

fn lane_paths(road: &Road, agent: &Agent) -> Vec<Path> {
    let kinds: &[LaneKind] =
        if agent.class == Class::Cyclist { &[LaneKind::Driving, LaneKind::Biking] } else { &[LaneKind::Driving] };
    let matches = road.followed(agent.pose, 4.5, kinds);
    let mut paths: Vec<Path> = Vec::new();
    let Some(best) = matches.first() else { return paths };
    let reach = VEHICLE_SPACING_M * POINTS as f64;
    // Where lanes of a junction fan out the agent is on several at once.
    for found in matches.iter().filter(|m| m.on.d.abs() <= best.on.d.abs() + 1.0).take(3) {
        for chain in road.chains(found.lane, found.on.s, reach, 4) {
            add_lane_path(&mut paths, road, agent, &chain, found.on.s, Kind::Lane);
        }
    }
    for other in road.changes(best.lane) {
        let on = road.lane(other).center.project(agent.pose.position);
        for chain in road.chains(other, on.s, reach, 1) {
            add_lane_path(&mut paths, road, agent, &chain, on.s, Kind::Change);
        }
    }
    paths
}

/// Adds the path unless one like it is there: paths that part only after what the agent can reach in 5 s are one.
fn add_lane_path(paths: &mut Vec<Path>, road: &Road, agent: &Agent, chain: &[usize], from: f64, kind: Kind) {
    let points = along(road, chain, from);
    let speed = agent.velocity.norm();
    let reached = ((5.0 * speed + 15.0) / VEHICLE_SPACING_M) as usize;
    let last = reached.min(POINTS - 1);
    if paths.iter().any(|p| (0..=last).all(|i| p.points[i].distance(points[i]) < 1.5)) {
        return;
    }
    let start = road.lane(chain[0]).center.pose_at(from);
    let (mut turn, mut stop, mut passed) = (Turn::Straight, None, -from);
    for &index in chain {
        let lane = road.lane(index);
        if turn == Turn::Straight && passed < 50.0 {
            turn = lane.turn;
        }
        let next = lane.stop_lines.iter().find(|line| passed + line.s > agent.length / 2.0 - 2.0);
        stop = stop.or(next.map(|line| (passed + line.s - agent.length / 2.0, line.reason)));
        passed += lane.center.length();
    }
    paths.push(Path {
        points,
        spacing: VEHICLE_SPACING_M,
        offset: (agent.pose.position - start.position).dot(start.forward().perpendicular()),
        speed: agent.velocity.dot(start.forward()),
        kind,
        limit: road.lane(chain[0]).speed_limit_mps,
        turn,
        stop,
        leader: None,
    });
}

fn along(road: &Road, chain: &[usize], from: f64) -> [Point2<Map>; POINTS] {
    let mut points = [Point2::ZERO; POINTS];
    let (mut link, mut passed) = (0, -from);
    for (i, point) in points.iter_mut().enumerate() {
        let s = i as f64 * VEHICLE_SPACING_M;
        while link + 1 < chain.len() && s > passed + road.lane(chain[link]).center.length() {
            passed += road.lane(chain[link]).center.length();
            link += 1;
        }
        let center = &road.lane(chain[link]).center;
        let beyond = (s - passed - center.length()).max(0.0);
        let pose = center.pose_at((s - passed).min(center.length()));
        *point = pose.position + pose.forward() * beyond;
    }
    points
}

fn walk_paths(road: &Road, agent: &Agent) -> Vec<Path> {
    let place = agent.pose.position;
    let ahead = if agent.velocity.norm() > 0.3 { agent.velocity } else { agent.pose.forward() };
    let mut paths = Vec::new();
    if let Some((crosswalk, _)) = road.crosswalk(place, 8.0) {
        let ends = [crosswalk.path.pose_at(0.0).position, crosswalk.path.pose_at(crosswalk.path.length()).position];
        let far = if (ends[0] - place).dot(ahead) > (ends[1] - place).dot(ahead) { ends } else { [ends[1], ends[0]] };
        for end in far.into_iter().filter(|end| end.distance(place) > 1.0) {
            paths.push(straight(agent, place, (end - place).angle(), Kind::Crosswalk));
        }
    }
    let beside = road.near(place, 8.0, &[LaneKind::Sidewalk]);
    let beside = beside.into_iter().chain(road.near(place, 8.0, &[LaneKind::Driving])).next();
    if let Some(found) = beside {
        let along = found.on.foot.yaw;
        let same = angle_difference(along, ahead.angle()).abs() < std::f64::consts::FRAC_PI_2;
        let [first, second] = if same { [0.0, std::f64::consts::PI] } else { [std::f64::consts::PI, 0.0] };
        paths.push(straight(agent, place, along + first, Kind::Sidewalk));
        paths.push(straight(agent, place, along + second, Kind::Sidewalk));
    }
    paths.insert(paths.len().min(1), free(agent));
    paths
}

fn free(agent: &Agent) -> Path {
    let moves = agent.velocity.norm() > 0.5;
    let heading = if moves { agent.velocity.angle() } else { agent.pose.yaw };
    straight(agent, agent.pose.position, heading, Kind::Free)
}

fn straight(agent: &Agent, from: Point2<Map>, heading: f64, kind: Kind) -> Path {
    let spacing = if agent.class.follows_lanes() { VEHICLE_SPACING_M } else { WALK_SPACING_M };
    let start = Pose2 { position: from, yaw: heading };
    Path {
        points: std::array::from_fn(|i| from + Vector2::from_polar(spacing * i as f64, heading)),
        spacing,
        offset: 0.0,
        speed: agent.velocity.dot(start.forward()),
        kind,
        limit: 0.0,
        turn: Turn::Straight,
        stop: None,
        leader: None,
    }
}

/// The nearest other on the way: gap between the boxes and its speed along the way.
fn leader(path: &Path, agent: &Agent, others: &[Agent]) -> Option<(f64, f64)> {
    let mut nearest: Option<(f64, f64)> = None;
    for other in others.iter().filter(|o| o.id != agent.id) {
        if other.pose.position.distance(agent.pose.position) > 70.0 {
            continue;
        }
        for i in 0..POINTS - 1 {
            let step = path.points[i + 1] - path.points[i];
            let direction = step * (1.0 / step.norm().max(1e-6));
            let from = other.pose.position - path.points[i];
            let (s, d) = (from.dot(direction), direction.cross(from));
            if !(0.0..path.spacing).contains(&s) || d.abs() > (other.width + agent.width) / 2.0 + 0.2 {
                continue;
            }
            let gap = i as f64 * path.spacing + s - (other.length + agent.length) / 2.0;
            if gap > -0.5 && nearest.is_none_or(|(best, _)| gap < best) {
                nearest = Some((gap.max(0.0), other.velocity.dot(direction)));
            }
            break;
        }
    }
    nearest
}
