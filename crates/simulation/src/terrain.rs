//! From a map to what a laser sees of it: the ground and all that stands beside the road.

use std::collections::VecDeque;

use geometry::{Map, OrientedBox, Point2, Pose2};
use road_map::{Boundary, LaneGraph, LaneKind, SignalKind};

use crate::lidar::{Body, Ground, GroundKind, Instance, clutter};
use crate::network::Network;
use crate::random::{Random, combine};

/// Ground that is kept around the outermost lanes, m.
const MARGIN_M: f64 = 120.0;
const CELL_M: f64 = 2.0;

/// The ground of a map: heights from the nearest lane, asphalt, pavements and markings from the lanes.
pub(crate) fn ground(network: &Network) -> Ground {
    let points = network.lanes.iter().flat_map(|l| l.lane.center.points());
    let (mut from, mut to) = (Point2::<Map>::new(f64::MAX, f64::MAX), Point2::<Map>::new(f64::MIN, f64::MIN));
    for p in points {
        from = Point2::new(from.x.min(p.x), from.y.min(p.y));
        to = Point2::new(to.x.max(p.x), to.y.max(p.y));
    }
    if from.x > to.x {
        return Ground::level(0.0, GroundKind::Verge);
    }
    let (from, to) = (Point2::new(from.x - MARGIN_M, from.y - MARGIN_M), Point2::new(to.x + MARGIN_M, to.y + MARGIN_M));
    let heights = heights(network, from, to);
    let columns = ((to.x - from.x) / CELL_M).ceil() as usize + 1;
    let mut ground = Ground::sampled(from, to, CELL_M, |p| {
        let (i, j) = (((p.x - from.x) / CELL_M).round() as usize, ((p.y - from.y) / CELL_M).round() as usize);
        heights[j * columns + i]
    });
    pave(network, &mut ground);
    ground
}

/// Height at each grid corner: that of the nearest lane, spread outward where none is near.
fn heights(network: &Network, from: Point2<Map>, to: Point2<Map>) -> Vec<f64> {
    let (columns, rows) =
        (((to.x - from.x) / CELL_M).ceil() as usize + 1, ((to.y - from.y) / CELL_M).ceil() as usize + 1);
    let all = || network.lanes.iter().flat_map(|l| &l.lane.elevation);
    let first = all().next().copied().unwrap_or(0.0);
    if all().all(|z| (z - first).abs() < 1e-3) {
        return vec![first; columns * rows];
    }
    let mut heights = vec![f64::NAN; columns * rows];
    let mut queue = VecDeque::new();
    for j in 0..rows {
        for i in 0..columns {
            let place = Point2::new(from.x + i as f64 * CELL_M, from.y + j as f64 * CELL_M);
            let near = network.near(place, 9.0);
            let nearest = near
                .iter()
                .min_by(|a, b| a.1.foot.position.distance(place).total_cmp(&b.1.foot.position.distance(place)));
            if let Some((lane, projection)) = nearest {
                heights[j * columns + i] = network.elevation(*lane, projection.s);
                queue.push_back((i, j));
            }
        }
    }
    while let Some((i, j)) = queue.pop_front() {
        let z = heights[j * columns + i];
        let around = [(i.wrapping_sub(1), j), (i + 1, j), (i, j.wrapping_sub(1)), (i, j + 1)];
        for (x, y) in around.into_iter().filter(|(x, y)| *x < columns && *y < rows) {
            if heights[y * columns + x].is_nan() {
                heights[y * columns + x] = z;
                queue.push_back((x, y));
            }
        }
    }
    heights
}

fn pave(network: &Network, ground: &mut Ground) {
    use GroundKind::{Asphalt, Paint, Pavement, Verge};
    for lane in network.lanes.iter().map(|l| &l.lane) {
        let (kind, over): (_, &[GroundKind]) = match lane.kind {
            LaneKind::Driving | LaneKind::Biking | LaneKind::Parking => (Asphalt, &[Verge, Pavement]),
            LaneKind::Sidewalk => (Pavement, &[Verge]),
            LaneKind::Shoulder => continue,
        };
        for k in 0..lane.left.len() - 1 {
            ground.pave(&[lane.left[k], lane.left[k + 1], lane.right[k + 1], lane.right[k]], kind, over);
        }
    }
    let marked = |l: &&road_map::Lane| l.kind == LaneKind::Driving && l.junction.is_none();
    for lane in network.lanes.iter().map(|l| &l.lane).filter(marked) {
        for (edge, boundary) in [(&lane.left, lane.left_boundary), (&lane.right, lane.right_boundary)] {
            for k in 0..edge.len() - 1 {
                let dash = (lane.center.arc_lengths()[k] / 3.0) as u64;
                let step = edge[k + 1] - edge[k];
                if (boundary == Boundary::Crossable && dash % 2 == 1) || step.norm() < 1e-6 {
                    continue;
                }
                let across = step.perpendicular() * (0.08 / step.norm());
                let (a, b) = (edge[k], edge[k + 1]);
                ground.pave(&[a + across, b + across, b + across * -1.0, a + across * -1.0], Paint, &[Asphalt]);
            }
        }
    }
}

/// Buildings, poles, trees, signs and lights of a map; parked vehicles are left to traffic.
///
/// A map that describes lanes only (as CARLA's do) gets houses, trees and poles along its roads, by the seed.
pub(crate) fn fixtures(map: &LaneGraph, network: &Network, ground: &Ground, seed: u64) -> Vec<Instance> {
    let mut fixtures = Vec::new();
    for object in &map.objects {
        let mut random = Random::new(combine(seed, object.id as u64));
        let (at, size) = (object.footprint.center, [object.footprint.length, object.footprint.width, object.height]);
        let finite = at.is_finite() && size.iter().all(|v| v.is_finite() && *v > 0.0);
        if !finite {
            continue;
        }
        if let Some(body) = object_body(&object.kind, size, &mut random) {
            let z = if object.z.is_finite() { object.z } else { ground.height(at.position.x, at.position.y) };
            fixtures.push(Instance::fixture([at.position.x, at.position.y, z], at.yaw, body));
        }
    }
    if fixtures.is_empty() {
        fixtures = surroundings(network, ground, seed);
    }
    for signal in map.signals.iter().filter(|signal| !hangs_over_road(map, signal.position)) {
        let mut random = Random::new(combine(seed ^ 0x516, signal.id as u64));
        let z = ground.height(signal.position.x, signal.position.y);
        let body = match signal.kind {
            SignalKind::Light(_) => clutter::traffic_light((signal.z - z).clamp(2.2, 6.0)),
            _ => clutter::sign(&mut random),
        };
        fixtures.push(Instance::fixture([signal.position.x, signal.position.y, z], signal.facing, body));
    }
    fixtures
}

/// Whether what stands here would stand in the way: a light that hangs on a cable or a gantry, as Lanelet2 maps have
/// them, or a sign that a map's converter put on its stop line.
fn hangs_over_road(map: &LaneGraph, place: Point2<Map>) -> bool {
    map.lanes_near(place, 8.0).iter().any(|at| {
        let lane = map.lane(at.lane).filter(|lane| lane.kind == LaneKind::Driving);
        lane.is_some_and(|lane| at.distance < lane.width_at(at.s) / 2.0)
    })
}

fn object_body(kind: &str, size: [f64; 3], random: &mut Random) -> Option<std::sync::Arc<Body>> {
    Some(match kind.to_ascii_lowercase().as_str() {
        "parkedvehicle" | "crosswalk" | "parkingspace" | "parking" | "roadmark" | "none" | "car" | "patch" => {
            return None;
        }
        "building" => clutter::building(size, random),
        "pole" | "streetlamp" => clutter::pole(size[2], (size[0].min(size[1]) / 2.0).clamp(0.04, 0.3), random),
        "tree" => clutter::tree(size[2], random),
        "vegetation" | "bush" | "hedge" => clutter::bush(size, random),
        "fence" | "railing" => clutter::fence(size, random),
        "bin" => clutter::bin(random),
        _ => clutter::block(size, random.uniform(0.2, 0.5)),
    })
}

/// Houses, trees, poles and bushes beside the roads of a bare map, clear of every lane.
fn surroundings(network: &Network, ground: &Ground, seed: u64) -> Vec<Instance> {
    let mut random = Random::new(seed ^ 0x40_05e5);
    let mut placed: Vec<OrientedBox<Map>> = Vec::new();
    let mut fixtures = Vec::new();
    for (index, net) in network.lanes.iter().enumerate() {
        if net.lane.kind != LaneKind::Driving || net.right.is_some() || net.lane.junction.is_some() {
            continue;
        }
        let mut s = random.uniform(2.0, 14.0);
        while s < net.length - 2.0 {
            let pose = net.lane.center.pose_at(s);
            let right = network.half_widths(index, s).1;
            let (kind, size) = match random.index(10) {
                0..=3 => {
                    let long = random.uniform(8.0, 18.0);
                    (0, [long, random.uniform(7.0, 12.0), random.uniform(3.0, 11.0)])
                }
                4..=6 => (1, [0.7, 0.7, random.uniform(4.0, 10.0)]),
                7 | 8 => (2, [0.3, 0.3, random.uniform(4.0, 8.0)]),
                _ => (3, [random.uniform(1.0, 6.0), random.uniform(0.6, 1.2), random.uniform(0.6, 1.8)]),
            };
            let setback = if kind == 0 { random.uniform(4.5, 9.0) } else { random.uniform(3.2, 7.0) };
            let position = pose.position + pose.forward().perpendicular() * -(right + setback + size[1] / 2.0);
            let footprint = OrientedBox::new(Pose2 { position, yaw: pose.yaw }, size[0], size[1]);
            let reach = footprint.length.hypot(footprint.width) / 2.0 + 3.0;
            let near = network.near(position, reach + 8.0);
            let off_road = near.iter().all(|(lane, p)| {
                let (left, right) = network.half_widths(*lane, p.s);
                // The middle line has points every 2 m at most: its foot and its neighbours tell the least gap well.
                [-9.0, -4.5, 0.0, 4.5, 9.0].iter().all(|step| {
                    let at = network.lanes[*lane].lane.center.pose_at(p.s + step).position;
                    footprint.distance_to_point(at) > left.max(right) + 0.4
                })
            });
            if off_road && placed.iter().all(|other| !other.overlaps(&footprint.inflated(0.3))) {
                placed.push(footprint);
                let body = match kind {
                    0 => clutter::building(size, &mut random),
                    1 => clutter::tree(size[2], &mut random),
                    2 => clutter::pole(size[2], 0.1, &mut random),
                    _ => clutter::bush(size, &mut random),
                };
                let z = ground.height(position.x, position.y);
                fixtures.push(Instance::fixture([position.x, position.y, z], pose.yaw, body));
            }
            s += size[0] + random.uniform(3.0, 16.0);
        }
    }
    fixtures
}
