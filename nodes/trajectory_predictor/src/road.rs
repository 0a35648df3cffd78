use std::collections::BTreeMap;

use geometry::{Map, Point2, Pose2, Projection, angle_difference};
use road_map::{Boundary, Crosswalk, Lane, LaneId, LaneKind};

/// The map as prediction needs it: lanes by place, and where they lead.
#[derive(Debug, Clone)]
pub struct Road {
    lanes: Vec<Lane>,
    by_id: BTreeMap<LaneId, usize>,
    crosswalks: Vec<Crosswalk>,
    /// Lanes with a centre point in each square.
    cells: BTreeMap<(i32, i32), Vec<usize>>,
}

const CELL_M: f64 = 20.0;

/// A lane at a place.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    /// Index of the lane.
    pub lane: usize,
    /// The place on it.
    pub on: Projection<Map>,
}

impl Road {
    /// From a map's lanes and crosswalks.
    pub fn new<'a>(lanes: impl Iterator<Item = &'a Lane>, crosswalks: &[Crosswalk]) -> Self {
        let lanes: Vec<Lane> = lanes.cloned().collect();
        let by_id = lanes.iter().enumerate().map(|(i, lane)| (lane.id, i)).collect();
        let mut cells: BTreeMap<(i32, i32), Vec<usize>> = BTreeMap::new();
        for (i, lane) in lanes.iter().enumerate() {
            for point in lane.center.points() {
                let entries = cells.entry(cell(*point)).or_default();
                if entries.last() != Some(&i) {
                    entries.push(i);
                }
            }
        }
        Self { lanes, by_id, crosswalks: crosswalks.to_vec(), cells }
    }

    /// A lane by index.
    pub fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    /// A lane's index.
    pub fn index(&self, id: LaneId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// Lanes of these kinds whose centre runs within `reach_m` of a place, nearest first.
    pub fn near(&self, place: Point2<Map>, reach_m: f64, kinds: &[LaneKind]) -> Vec<Match> {
        let (x, y) = cell(place);
        let mut found: Vec<usize> = Vec::new();
        for i in x - 1..=x + 1 {
            for (_, lanes) in self.cells.range((i, y - 1)..=(i, y + 1)) {
                found.extend(lanes.iter().filter(|&&l| kinds.contains(&self.lanes[l].kind)));
            }
        }
        found.sort_unstable();
        found.dedup();
        let mut matches: Vec<Match> = found
            .into_iter()
            .map(|lane| Match { lane, on: self.lanes[lane].center.project(place) })
            .filter(|m| m.on.foot.position.distance(place) <= reach_m)
            .collect();
        let distance = |m: &Match| m.on.foot.position.distance(place);
        matches.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.lane.cmp(&b.lane)));
        matches
    }

    /// Driving lanes that a pose may be following, best first: within `reach_m` of the centre and 1 rad of heading.
    pub fn followed(&self, pose: Pose2<Map>, reach_m: f64, kinds: &[LaneKind]) -> Vec<Match> {
        let mut matches = self.near(pose.position, reach_m, kinds);
        let turned = |m: &Match| angle_difference(pose.yaw, m.on.foot.yaw).abs();
        matches.retain(|m| turned(m) < 1.0);
        let misfit = |m: &Match| m.on.foot.position.distance(pose.position) + 3.0 * turned(m);
        matches.sort_by(|a, b| misfit(a).total_cmp(&misfit(b)).then(a.lane.cmp(&b.lane)));
        matches
    }

    /// Chains of lanes that lead on from `lane` at `s` for `reach_m`, at most `most`.
    pub fn chains(&self, lane: usize, s: f64, reach_m: f64, most: usize) -> Vec<Vec<usize>> {
        let mut done = Vec::new();
        let mut open = vec![(vec![lane], self.lanes[lane].center.length() - s)];
        while let Some((chain, length)) = open.pop() {
            if done.len() >= most {
                break;
            }
            let last = &self.lanes[chain[chain.len() - 1]];
            let next: Vec<usize> = last.successors.iter().filter_map(|id| self.index(*id)).collect();
            if length >= reach_m || next.is_empty() || chain.len() >= 24 {
                done.push(chain);
                continue;
            }
            for successor in next.into_iter().rev() {
                let mut longer = chain.clone();
                longer.push(successor);
                open.push((longer, length + self.lanes[successor].center.length()));
            }
        }
        done
    }

    /// Neighbours in the same direction that may be changed to.
    pub fn changes(&self, lane: usize) -> Vec<usize> {
        let lane = &self.lanes[lane];
        let left = lane.left_neighbor.filter(|_| lane.left_boundary == Boundary::Crossable);
        let right = lane.right_neighbor.filter(|_| lane.right_boundary == Boundary::Crossable);
        [left, right].into_iter().flatten().filter_map(|id| self.index(id)).collect()
    }

    /// The crosswalk whose walking line is nearest to a place, with the distance, within `reach_m`.
    pub fn crosswalk(&self, place: Point2<Map>, reach_m: f64) -> Option<(&Crosswalk, f64)> {
        let distance = |c: &Crosswalk| c.path.project(place).foot.position.distance(place);
        let nearest = self.crosswalks.iter().map(|c| (c, distance(c))).min_by(|a, b| a.1.total_cmp(&b.1))?;
        (nearest.1 <= reach_m).then_some(nearest)
    }
}

fn cell(point: Point2<Map>) -> (i32, i32) {
    ((point.x / CELL_M).floor() as i32, (point.y / CELL_M).floor() as i32)
}
