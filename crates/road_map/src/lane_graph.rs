//! The format-neutral lane graph: what OpenDRIVE and Lanelet2 files become.

use std::collections::BTreeMap;

use geometry::{Map, OrientedBox, Point2, Polyline};

/// Identifies a lane within one graph; stable for one file: it goes on the wire as a lanelet id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct LaneId(pub i64);

/// Identifies a traffic light group: all lights that show the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct SignalGroupId(pub i64);

/// Who a lane is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    /// Motor vehicles.
    Driving,
    /// Bicycles.
    Biking,
    /// Pedestrians.
    Sidewalk,
    /// Standing cars.
    Parking,
    /// Hard shoulder, verge, kerb: not to be driven.
    Shoulder,
}

/// Whether a lane's side may be crossed to change lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Broken line: may be crossed.
    Crossable,
    /// Solid line, kerb or road edge: must not be crossed.
    Solid,
}

/// One lane between two places where the topology changes. All geometry runs in driving direction.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Its identity.
    pub id: LaneId,
    /// Who it is for.
    pub kind: LaneKind,
    /// Centre line, points at most about 2 m apart and denser in curves.
    pub center: Polyline<Map>,
    /// Left edge: one point for each centre point.
    pub left: Vec<Point2<Map>>,
    /// Right edge: one point for each centre point.
    pub right: Vec<Point2<Map>>,
    /// Height of the road surface at each centre point, m.
    pub elevation: Vec<f64>,
    /// Speed limit, m/s.
    pub speed_limit_mps: f64,
    /// Lanes that continue this one.
    pub successors: Vec<LaneId>,
    /// Lanes that this one continues.
    pub predecessors: Vec<LaneId>,
    /// Neighbour to the left in the same driving direction, whether or not it may be reached.
    pub left_neighbor: Option<LaneId>,
    /// Neighbour to the right in the same driving direction.
    pub right_neighbor: Option<LaneId>,
    /// The left side.
    pub left_boundary: Boundary,
    /// The right side.
    pub right_boundary: Boundary,
    /// The junction this lane crosses, by the file's id.
    pub junction: Option<i64>,
    /// Which way it turns within a junction.
    pub turn: Turn,
    /// Where to stop on this lane, in order of `s`.
    pub stop_lines: Vec<StopLine>,
    /// Lanes of other directions that this one crosses or joins.
    pub conflicts: Vec<Conflict>,
    /// Where the lane came from in its file, for messages (`road 12 section 0 lane -1`).
    pub source: String,
}

/// Turning direction of a junction lane; lanes outside junctions are `Straight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Turns less than 30 degrees.
    Straight,
    /// To the left.
    Left,
    /// To the right.
    Right,
}

/// Why one stops at a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A traffic light of this group governs the line.
    Signal(SignalGroupId),
    /// A stop sign: stop once, then give way.
    StopSign,
    /// A yield sign: give way.
    Yield,
    /// A crosswalk (index into [`LaneGraph::crosswalks`]): give way to people on it.
    Crosswalk(usize),
}

/// A line that a car may have to stop at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopLine {
    /// Arc length on the lane's centre line, m.
    pub s: f64,
    /// Why.
    pub reason: StopReason,
}

/// Who goes first where two lanes conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// This lane goes first.
    Mine,
    /// The other lane goes first: give way.
    Other,
    /// Neither: signals decide, or whoever comes from the right.
    Equal,
}

/// A stretch of a lane that another lane crosses or joins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conflict {
    /// The other lane.
    pub other: LaneId,
    /// The stretch on this lane, m: footprints of cars on both lanes can touch from here ...
    pub from_s: f64,
    /// ... to here.
    pub to_s: f64,
    /// The stretch on the other lane begins here, m.
    pub other_from_s: f64,
    /// And ends here, m.
    pub other_to_s: f64,
    /// Right of way.
    pub priority: Priority,
}

/// A place where people cross the road.
#[derive(Debug, Clone)]
pub struct Crosswalk {
    /// The file's id.
    pub id: i64,
    /// Outline, in order.
    pub outline: Vec<Point2<Map>>,
    /// The walking line from one kerb to the other.
    pub path: Polyline<Map>,
    /// Driving lanes it crosses, with the stretch on each.
    pub lanes: Vec<(LaneId, f64, f64)>,
    /// The signal group that stops the cars here, if any.
    pub signal: Option<SignalGroupId>,
}

/// A traffic light or sign: where it stands. Several lights may belong to one group.
#[derive(Debug, Clone)]
pub struct Signal {
    /// The file's id.
    pub id: i64,
    /// What it shows.
    pub kind: SignalKind,
    /// Where its post stands.
    pub position: Point2<Map>,
    /// Height of its centre above the map's zero, m.
    pub z: f64,
    /// Heading of its face: it is read by traffic that drives against this, rad.
    pub facing: f64,
    /// Width and height of its face, m; what is usual where the map does not say.
    pub size: [f64; 2],
    /// What its lamps are shaped as; of a light only.
    pub lamps: LampShape,
}

impl Signal {
    /// Width and height of a traffic light with three lamps where a map does not say, m.
    pub const LIGHT_SIZE: [f64; 2] = [0.3, 0.9];
    /// The same of a sign, m.
    pub const SIGN_SIZE: [f64; 2] = [0.7, 0.7];
}

/// What the lamps of a traffic light are shaped as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LampShape {
    /// Full discs: for all.
    Circle,
    /// For those who turn left.
    LeftArrow,
    /// For those who turn right.
    RightArrow,
    /// For those who go straight on.
    UpArrow,
}

/// What a signal shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SignalKind {
    /// A traffic light of this group.
    Light(SignalGroupId),
    /// A stop sign.
    Stop,
    /// A yield sign.
    Yield,
    /// A speed limit, m/s.
    SpeedLimit(f64),
    /// Anything else.
    Other,
}

/// A signalised junction: its groups in the phases that its controllers name.
#[derive(Debug, Clone)]
pub struct SignalController {
    /// The junction, by the file's id.
    pub junction: i64,
    /// Groups that are green together, one entry a phase, in order. Groups of two phases are never green together.
    pub phases: Vec<Vec<SignalGroupId>>,
}

/// Something fixed beside or on the road.
#[derive(Debug, Clone)]
pub struct MapObject {
    /// The file's id.
    pub id: i64,
    /// The file's type: `building`, `pole`, `tree`, `parkedVehicle`, `obstacle`, `barrier`, ...
    pub kind: String,
    /// Footprint.
    pub footprint: OrientedBox<Map>,
    /// Height of its foot, m.
    pub z: f64,
    /// Its own height, m.
    pub height: f64,
}

/// The lane graph of one map.
#[derive(Debug, Clone)]
pub struct LaneGraph {
    pub(crate) lanes: BTreeMap<LaneId, Lane>,
    /// Places where people cross.
    pub crosswalks: Vec<Crosswalk>,
    /// Lights and signs.
    pub signals: Vec<Signal>,
    /// Signalised junctions.
    pub controllers: Vec<SignalController>,
    /// Buildings, poles, parked cars and other fixed things.
    pub objects: Vec<MapObject>,
    /// Where the map lies on Earth: latitude and longitude (degrees, WGS84) and altitude (m) of the map's origin.
    pub origin: GeoOrigin,
    /// The file's name for itself.
    pub name: String,
    pub(crate) projection: crate::LocalProjection,
    pub(crate) index: crate::index::LaneIndex,
}

/// WGS84 position of the map's origin.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GeoOrigin {
    /// Latitude, degrees north.
    pub latitude_deg: f64,
    /// Longitude, degrees east.
    pub longitude_deg: f64,
    /// Altitude above the ellipsoid, m.
    pub altitude_m: f64,
}
