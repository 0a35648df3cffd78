//! Where a town's crossings lie and which roads join them: a shaken grid of five columns and four rows.

use std::f64::consts::PI;

use crate::path::wrapped;
use crate::random::Random;

pub(crate) const COLUMNS: usize = 5;
pub(crate) const ROWS: usize = 4;
/// Row of the road with two lanes a direction.
const AVENUE_ROW: usize = 1;
/// Smallest angle between neighbouring roads at a crossing.
const MIN_ANGLE: f64 = 68.0 * PI / 180.0;
/// Steepest road.
const MAX_SLOPE: f64 = 0.058;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NodeKind {
    Signalised,
    Yield,
    Stop,
    TJunction,
    Roundabout,
    /// Two lanes a direction become one.
    Merge,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub kind: NodeKind,
    pub at: (f64, f64),
    pub z: f64,
    /// Roads end this far from the middle, m.
    pub radius: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub nodes: (usize, usize),
    /// Bends on the way, with their radius.
    pub bends: Vec<((f64, f64), f64)>,
    pub lanes: i32,
    pub speed_kmh: u32,
    pub name: String,
    /// At which end the road gives way.
    pub minor: (bool, bool),
}

impl Edge {
    /// Direction in which the road leaves its first (true) or last node.
    pub fn direction(&self, nodes: &[Node], first: bool) -> f64 {
        let (own, other) = if first { self.nodes } else { (self.nodes.1, self.nodes.0) };
        let bend = if first { self.bends.first() } else { self.bends.last() };
        let (from, to) = (nodes[own].at, bend.map_or(nodes[other].at, |b| b.0));
        (to.1 - from.1).atan2(to.0 - from.0)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

impl Layout {
    /// The first shaking of the grid that leaves all crossings open enough.
    pub fn new(random: &mut Random) -> Self {
        let mut shake = 14.0;
        loop {
            let layout = Self::shaken(random, shake);
            if layout.is_open() {
                return layout;
            }
            shake *= 0.97;
        }
    }

    fn shaken(random: &mut Random, shake: f64) -> Self {
        let mut nodes = Vec::new();
        let mut index = [[usize::MAX; ROWS]; COLUMNS];
        let mut points = [[(0.0, 0.0); ROWS]; COLUMNS];
        let kinds = inner_kinds(random);
        for column in 0..COLUMNS {
            for row in 0..ROWS {
                let at = (
                    (column as f64 - 2.0) * 205.0 + random.uniform(-shake, shake),
                    (row as f64 - 1.5) * 185.0 + random.uniform(-shake, shake),
                );
                points[column][row] = at;
                let (side, end) = (column == 0 || column == COLUMNS - 1, row == 0 || row == ROWS - 1);
                if side && end {
                    continue;
                }
                let kind = if side || end { NodeKind::TJunction } else { kinds[column - 1][row - 1] };
                let radius = match kind {
                    NodeKind::Signalised => 24.0,
                    NodeKind::Roundabout => 28.0,
                    _ => 16.0,
                };
                index[column][row] = nodes.len();
                nodes.push(Node { kind, at, z: 0.0, radius });
            }
        }
        let hill = points[1 + random.index(COLUMNS - 2)][ROWS - 1];
        let mut layout = Self { nodes, edges: Vec::new() };
        layout.add_edges(&index, &points, random);
        layout.raise(hill);
        layout
    }

    fn add_edges(
        &mut self,
        index: &[[usize; ROWS]; COLUMNS],
        points: &[[(f64, f64); ROWS]; COLUMNS],
        random: &mut Random,
    ) {
        for row in 0..ROWS {
            for column in 0..COLUMNS - 1 {
                let (a, b) = (index[column][row], index[column + 1][row]);
                if a == usize::MAX || b == usize::MAX {
                    continue;
                }
                if row == AVENUE_ROW {
                    self.add_avenue(a, b);
                    continue;
                }
                let outer = row == 0 || row == ROWS - 1;
                let name = format!("{} Street", ["South", "Avenue", "Market", "North"][row]);
                self.add_street((a, b), outer, (false, false), name, random);
            }
        }
        for column in 0..COLUMNS {
            for row in 0..ROWS - 1 {
                let (a, b) = (index[column][row], index[column][row + 1]);
                if a == usize::MAX || b == usize::MAX {
                    continue;
                }
                let outer = column == 0 || column == COLUMNS - 1;
                let name = format!("{} Lane", ["West", "Mill", "Church", "School", "East"][column]);
                self.add_street((a, b), outer, (!outer, !outer), name, random);
            }
        }
        for (column, row) in [(0, 0), (COLUMNS - 1, 0), (0, ROWS - 1), (COLUMNS - 1, ROWS - 1)] {
            let beside = if column == 0 { 1 } else { column - 1 };
            let above = if row == 0 { 1 } else { row - 1 };
            self.edges.push(Edge {
                nodes: (index[beside][row], index[column][above]),
                bends: vec![(points[column][row], random.uniform(35.0, 60.0))],
                lanes: 1,
                speed_kmh: 50,
                name: "Ring Road".into(),
                minor: (false, false),
            });
        }
        // Where an inner street ends at the outer road, it gives way.
        for edge in &mut self.edges {
            let street = edge.name == "Market Street" || edge.name == "Avenue";
            let is_t = |n: usize| self.nodes[n].kind == NodeKind::TJunction;
            if street {
                edge.minor = (is_t(edge.nodes.0), is_t(edge.nodes.1));
            }
            let round = |n: usize| self.nodes[n].kind == NodeKind::Roundabout;
            edge.minor.0 |= round(edge.nodes.0);
            edge.minor.1 |= round(edge.nodes.1);
        }
    }

    fn add_street(
        &mut self,
        nodes: (usize, usize),
        outer: bool,
        minor: (bool, bool),
        name: String,
        random: &mut Random,
    ) {
        let (a, b) = (self.nodes[nodes.0].at, self.nodes[nodes.1].at);
        let mut bends = Vec::new();
        if random.index(2) == 0 {
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let side = random.uniform(6.0, 14.0) * if random.index(2) == 0 { 1.0 } else { -1.0 };
            let length = dx.hypot(dy);
            let middle = (a.0 + dx / 2.0 - dy / length * side, a.1 + dy / 2.0 + dx / length * side);
            bends.push((middle, random.uniform(80.0, 200.0)));
        }
        let speed_kmh = if outer || random.index(3) > 0 { 50 } else { 30 };
        self.edges.push(Edge { nodes, bends, lanes: 1, speed_kmh, name, minor });
    }

    /// A stretch of the avenue: at the town's edge it has one lane a direction, and the second begins half way.
    fn add_avenue(&mut self, a: usize, b: usize) {
        let edge = |nodes, lanes| Edge {
            nodes,
            bends: Vec::new(),
            lanes,
            speed_kmh: 60,
            name: "Avenue".into(),
            minor: (false, false),
        };
        let is_t = |n: usize| self.nodes[n].kind == NodeKind::TJunction;
        if !is_t(a) && !is_t(b) {
            self.edges.push(edge((a, b), 2));
            return;
        }
        let lanes = if is_t(a) { (1, 2) } else { (2, 1) };
        let (from, to) = (self.nodes[a].at, self.nodes[b].at);
        let at = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        let middle = self.nodes.len();
        self.nodes.push(Node { kind: NodeKind::Merge, at, z: 0.0, radius: 22.0 });
        self.edges.push(edge((a, middle), lanes.0));
        self.edges.push(edge((middle, b), lanes.1));
    }

    /// A round hill, as high as the steepest road on it allows.
    fn raise(&mut self, hill: (f64, f64)) {
        for node in &mut self.nodes {
            let distance = (node.at.0 - hill.0).hypot(node.at.1 - hill.1);
            node.z = (-0.5 * (distance / 130.0).powi(2)).exp();
        }
        let slope = |edge: &Edge| {
            let (a, b) = (&self.nodes[edge.nodes.0], &self.nodes[edge.nodes.1]);
            let length = (a.at.0 - b.at.0).hypot(a.at.1 - b.at.1) - a.radius - b.radius;
            // A cubic that is level at both ends is half as steep again as the straight line, in its middle.
            1.5 * (a.z - b.z).abs() / length
        };
        let steepest = self.edges.iter().map(slope).fold(0.0, f64::max);
        for node in &mut self.nodes {
            node.z *= MAX_SLOPE / steepest;
        }
    }

    /// Indices of the edges at a node by direction, each with whether it is the edge's first end.
    pub fn ends_at(&self, node: usize) -> Vec<(usize, bool, f64)> {
        let mut ends: Vec<(usize, bool, f64)> = Vec::new();
        for (i, edge) in self.edges.iter().enumerate() {
            if edge.nodes.0 == node {
                ends.push((i, true, edge.direction(&self.nodes, true)));
            }
            if edge.nodes.1 == node {
                ends.push((i, false, edge.direction(&self.nodes, false)));
            }
        }
        ends.sort_by(|a, b| a.2.total_cmp(&b.2));
        ends
    }

    fn is_open(&self) -> bool {
        (0..self.nodes.len()).all(|node| {
            let ends = self.ends_at(node);
            let opposite = |direction: f64| {
                ends.iter().map(|e| (PI - wrapped(e.2 - direction).abs()).abs()).fold(f64::INFINITY, f64::min)
            };
            (0..ends.len()).all(|i| {
                let gap = (ends[(i + 1) % ends.len()].2 - ends[i].2).rem_euclid(2.0 * PI);
                let straight = ends.len() < 4 || opposite(ends[i].2) < 30_f64.to_radians();
                gap >= MIN_ANGLE && straight
            })
        })
    }
}

/// Kinds of the six inner crossings by column and row: the avenue's have signals.
fn inner_kinds(random: &mut Random) -> [[NodeKind; 2]; 3] {
    let mut upper = [NodeKind::Roundabout, NodeKind::Yield, NodeKind::Stop];
    for i in (1..upper.len()).rev() {
        upper.swap(i, random.index(i + 1));
    }
    upper.map(|kind| [NodeKind::Signalised, kind])
}
