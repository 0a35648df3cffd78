//! Roads and junctions of the town before they are written.

use crate::path::{Path, Pose};

/// Width of a driving lane, m.
pub(crate) const LANE_M: f64 = 3.5;
/// Width of a sidewalk, m.
pub(crate) const SIDEWALK_M: f64 = 2.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Contact {
    Start,
    End,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Link {
    Junction(u32),
    Road(u32, Contact),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mark {
    None,
    Broken,
    Solid,
}

#[derive(Debug, Clone)]
pub(crate) struct LaneSpec {
    pub id: i32,
    pub driving: bool,
    /// Width at the road's start and end, m; it changes smoothly between them.
    pub width: (f64, f64),
    pub links: (Option<i32>, Option<i32>),
    pub mark: Mark,
}

#[derive(Debug, Clone)]
pub(crate) struct Road {
    pub id: u32,
    pub name: String,
    pub path: Path,
    pub junction: Option<u32>,
    pub links: (Link, Link),
    /// Highest id first.
    pub lanes: Vec<LaneSpec>,
    pub center: Mark,
    /// Height at the start and at the end, m.
    pub z: (f64, f64),
    pub speed_kmh: u32,
    pub signals: Vec<SignalSpec>,
    /// Signals that stand beside another road and govern this one.
    pub references: Vec<SignalSpec>,
    pub objects: Vec<ObjectSpec>,
}

impl Road {
    /// Lanes for each direction of a two-way road.
    pub fn two_way_lanes(count: i32) -> Vec<LaneSpec> {
        let lane = |id: i32| LaneSpec {
            id,
            driving: id.abs() <= count,
            width: if id.abs() <= count { (LANE_M, LANE_M) } else { (SIDEWALK_M, SIDEWALK_M) },
            links: (None, None),
            mark: if id.abs() < count { Mark::Broken } else { Mark::Solid },
        };
        (1..=count + 1).rev().chain((1..=count + 1).map(|i| -i)).map(lane).collect()
    }

    /// How far the road reaches from its reference line, m.
    pub fn reach(&self) -> f64 {
        let side = |sign: i32| -> f64 {
            self.lanes.iter().filter(|l| l.id.signum() == sign).map(|l| l.width.0.max(l.width.1)).sum()
        };
        side(1).max(side(-1))
    }

    /// Whether a point lies on the road or within `margin` of it.
    pub fn is_near(&self, point: (f64, f64), margin: f64) -> bool {
        let reach = self.reach() + margin;
        let mut s = 0.0;
        while s <= self.path.length {
            // Distances change by no more than the step, so far roads are passed in long steps.
            let gap = self.path.pose_at(s).distance(point) - reach;
            if gap <= 0.0 {
                return true;
            }
            s += gap.max(0.5);
        }
        false
    }
}

#[derive(Debug, Clone)]
pub(crate) struct SignalSpec {
    pub id: u32,
    pub s: f64,
    pub t: f64,
    pub forward: bool,
    pub kind: &'static str,
    pub value: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct ObjectSpec {
    pub id: u32,
    pub kind: &'static str,
    pub s: f64,
    pub t: f64,
    pub heading: f64,
    pub length: f64,
    pub width: f64,
    pub height: f64,
    pub radius: Option<f64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub incoming: u32,
    pub connecting: u32,
    pub lanes: Vec<(i32, i32)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Junction {
    pub id: u32,
    pub name: String,
    pub connections: Vec<Connection>,
    /// Connecting roads of higher and lower priority.
    pub priorities: Vec<(u32, u32)>,
    pub controllers: Vec<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Controller {
    pub id: u32,
    pub signals: Vec<u32>,
}

/// The end of a road at a junction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Port {
    pub road: u32,
    pub contact: Contact,
    /// On the road's reference line, heading away from the junction.
    pub outward: Pose,
    pub lanes: i32,
    pub lane_width: f64,
    pub sidewalk: bool,
    pub incoming: bool,
    pub outgoing: bool,
    /// Gives way to the ports that do not.
    pub minor: bool,
    pub speed_kmh: u32,
}

impl Port {
    /// Id of the `index`th lane from the middle, leading to the junction or away from it.
    pub fn lane_id(&self, index: i32, incoming: bool) -> i32 {
        let forward = incoming == (self.contact == Contact::End);
        if forward { -(index + 1) } else { index + 1 }
    }

    /// Left edge of that lane in driving direction.
    pub fn lane_edge(&self, index: i32, incoming: bool) -> Pose {
        let pose = if incoming { self.outward.turned(std::f64::consts::PI) } else { self.outward };
        pose.shifted(0.0, -f64::from(index) * self.lane_width)
    }
}
