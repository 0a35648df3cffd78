//! From the places that a route leads through to the points it is scored by, and the goals that make it driven.

use anyhow::{Context as _, bail};
use evaluation::leaderboard::{Place, ScoredRoute};
use geometry::{Map, Pose2};
use road_map::{LaneGraph, LaneKind, LanePosition, Route, RouteOptions};

use super::place::{to_carla, to_map};
use super::routes::Keypoint;

/// Between points of the scored route, m.
const STEP_M: f64 = 1.0;
/// Lanes farther than this are not meant, m.
const NEAR_M: f64 = 4.0;
/// Lanes that are looked at for one place: they overlap in junctions.
const CANDIDATES: usize = 4;
/// Largest angle to a heading that is given, rad.
const HEADING_RAD: f64 = 0.8;
/// A way longer than the route's by more than this is another way, m.
const SAME_WAY_M: f64 = 5.0;

/// A route over the lanes.
pub struct Planned {
    /// What it is scored by, in CARLA's frame.
    pub scored: ScoredRoute,
    /// Goals in order: the shortest way to each is the route's; and the way along the route to each, m.
    pub goals: Vec<(Pose2<Map>, f64)>,
}

/// Lays a route through places.
///
/// # Errors
/// Which place is off the road, or between which places there is no way.
pub fn plan(map: &LaneGraph, keypoints: &[Keypoint]) -> anyhow::Result<Planned> {
    let chosen = choose(map, keypoints)?;
    let pieces: Vec<Route> = chosen
        .windows(2)
        .map(|pair| way(map, &pair[0], &pair[1]).context("no way over driving lanes between two places of the route"))
        .collect::<Result<_, _>>()?;
    let mut points: Vec<Place> = Vec::new();
    for piece in &pieces {
        sample(map, piece, &mut points);
    }
    let scored = ScoredRoute::new(points)?;
    Ok(Planned { scored, goals: goals(map, &chosen, &pieces) })
}

/// Which lane each place is on: those that make the whole way shortest.
fn choose(map: &LaneGraph, keypoints: &[Keypoint]) -> anyhow::Result<Vec<LanePosition>> {
    let candidates: Vec<Vec<LanePosition>> =
        keypoints.iter().map(|point| near(map, point)).collect::<Result<_, _>>()?;
    // Cost to each candidate of a place, and the candidate before it.
    let mut best: Vec<Vec<(f64, usize)>> = Vec::new();
    for (n, here) in candidates.iter().enumerate() {
        let costs: Vec<(f64, usize)> = here
            .iter()
            .map(|to| {
                let Some(before) = n.checked_sub(1) else { return (10.0 * to.distance, 0) };
                let options = candidates[before].iter().enumerate().filter_map(|(k, from)| {
                    let length = way(map, from, to)?.length_m;
                    Some((best[before][k].0 + length + 10.0 * to.distance, k))
                });
                options.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0))
            })
            .collect();
        if !costs.iter().any(|(cost, _)| cost.is_finite()) {
            let (a, b) = (keypoints[n.saturating_sub(1)].place, keypoints[n].place);
            bail!("no way over driving lanes from ({:.1}, {:.1}) to ({:.1}, {:.1})", a.x, a.y, b.x, b.y);
        }
        best.push(costs);
    }
    let last = best.last().context("a route needs places")?;
    let mut k = (0..last.len()).min_by(|a, b| last[*a].0.total_cmp(&last[*b].0)).unwrap_or(0);
    let mut chosen = Vec::new();
    for n in (0..candidates.len()).rev() {
        chosen.push(candidates[n][k]);
        k = best[n][k].1;
    }
    chosen.reverse();
    Ok(chosen)
}

fn near(map: &LaneGraph, point: &Keypoint) -> anyhow::Result<Vec<LanePosition>> {
    let pose = to_map(&point.place);
    let mut found: Vec<LanePosition> = map
        .lanes_near(pose.position, NEAR_M)
        .into_iter()
        .filter(|p| map.lane(p.lane).is_some_and(|lane| lane.kind == LaneKind::Driving))
        .filter(|p| !point.headed || geometry::angle_difference(p.heading, pose.yaw).abs() < HEADING_RAD)
        .collect();
    found.truncate(CANDIDATES);
    if found.is_empty() {
        let Place { x, y, .. } = point.place;
        bail!(
            "({x:.1}, {y:.1}) is off the road: expected a driving lane within {NEAR_M} m; is it a route of this town?"
        );
    }
    Ok(found)
}

fn way(map: &LaneGraph, from: &LanePosition, to: &LanePosition) -> Option<Route> {
    map.shortest_route((from.lane, from.s), (to.lane, to.s), RouteOptions::default())
}

fn sample(map: &LaneGraph, route: &Route, points: &mut Vec<Place>) {
    for segment in &route.segments {
        let Some(lane) = map.lane(segment.lane) else { continue };
        let length = (segment.to_s - segment.from_s).max(0.0);
        let count = (length / STEP_M).ceil().max(1.0) as usize;
        for n in 0..=count {
            let s = segment.from_s + length * n as f64 / count as f64;
            let place = to_carla(&lane.pose_at(s), lane.elevation_at(s));
            if points.last().is_none_or(|last| last.flat_distance(&place) > STEP_M / 4.0) {
                points.push(place);
            }
        }
    }
}

/// The farthest place to which the shortest way is the route's, and so on from there.
fn goals(map: &LaneGraph, chosen: &[LanePosition], pieces: &[Route]) -> Vec<(Pose2<Map>, f64)> {
    let mut goals = Vec::new();
    let (mut from, mut along) = (0, 0.0);
    while from + 1 < chosen.len() {
        let along_to = |to: usize| pieces[from..to].iter().map(|piece| piece.length_m).sum::<f64>();
        let same = |to: &usize| {
            way(map, &chosen[from], &chosen[*to]).is_some_and(|direct| along_to(*to) - direct.length_m < SAME_WAY_M)
        };
        let to = (from + 1..chosen.len()).rev().find(same).unwrap_or(from + 1);
        along += along_to(to);
        if let Some(lane) = map.lane(chosen[to].lane) {
            goals.push((lane.pose_at(chosen[to].s), along));
        }
        from = to;
    }
    goals
}

/// A goal by seed: of the spawn points, one to which the way is 400 to 1500 m long, else the farthest that is reached.
///
/// # Errors
/// Where none is reached.
pub fn any_goal(map: &LaneGraph, start: Place, points: &[Place], seed: u64) -> anyhow::Result<Place> {
    let from = near(map, &Keypoint { place: start, headed: true })?;
    let from = from.first().context("the ego stands on no driving lane")?;
    let mut order: Vec<usize> = (0..points.len()).collect();
    // Which one comes first depends on nothing but the seed.
    order.sort_by_key(|n| mixed(seed, *n as u64));
    let mut farthest: Option<(f64, Place)> = None;
    for n in order {
        let Ok(candidates) = near(map, &Keypoint { place: points[n], headed: true }) else { continue };
        let Some(length) = candidates.first().and_then(|to| way(map, from, to)).map(|route| route.length_m) else {
            continue;
        };
        if (400.0..1500.0).contains(&length) {
            return Ok(points[n]);
        }
        if length > 20.0 && farthest.is_none_or(|(longest, _)| length > longest) {
            farthest = Some((length, points[n]));
        }
    }
    farthest.map(|(_, place)| place).context("no spawn point can be reached from the start: give a goal with --goal")
}

/// SplitMix64.
fn mixed(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
