//! What stands beside the roads: buildings, trees, poles.

use crate::path::Pose;
use crate::random::Random;
use crate::road::{ObjectSpec, Road};

/// A building's footprint must keep this far from every road, m.
const CLEARANCE_M: f64 = 0.6;

/// A footprint that is already taken: its middle and the radius around it.
struct Taken {
    outline: Vec<(f64, f64)>,
    middle: (f64, f64),
    radius: f64,
}

/// Sets buildings, trees and poles along the two-way roads, clear of every road and of each other.
pub(crate) fn place(roads: &mut [Road], next_id: &mut u32, random: &mut Random) {
    let mut taken: Vec<Taken> = Vec::new();
    for index in 0..roads.len() {
        if roads[index].junction.is_some() || roads[index].lanes.len() < 4 {
            continue;
        }
        let (path, edge) = (roads[index].path.clone(), roads[index].reach());
        let mut objects = Vec::new();
        for side in [1.0, -1.0] {
            let mut s = random.uniform(1.0, 5.0);
            while s < path.length {
                let (length, depth) = (random.uniform(11.0, 22.0), random.uniform(8.0, 14.0));
                let setback = random.uniform(1.2, 5.0);
                let (middle, t) = (s + length / 2.0, side * (edge + setback + depth / 2.0));
                if middle < path.length {
                    let pose = path.pose_at(middle).shifted(0.0, t);
                    let height = random.uniform(5.0, 18.0);
                    if claim(&mut taken, roads, pose, length, depth) {
                        let (id, heading) = (take(next_id), 0.0);
                        let kind = "building";
                        let radius = None;
                        objects.push(ObjectSpec {
                            id,
                            kind,
                            s: middle,
                            t,
                            heading,
                            length,
                            width: depth,
                            height,
                            radius,
                        });
                    }
                }
                s += length + random.uniform(2.0, 9.0);
            }
            let mut s = random.uniform(4.0, 12.0);
            while s < path.length - 3.0 {
                let tree = random.index(2) == 0;
                let t = side * (edge + 0.65);
                let pose = path.pose_at(s).shifted(0.0, t);
                let radius = if tree { random.uniform(0.15, 0.3) } else { 0.1 };
                if claim(&mut taken, roads, pose, 2.0 * radius, 2.0 * radius) {
                    let kind = if tree { "tree" } else { "pole" };
                    let height = if tree { random.uniform(4.0, 9.0) } else { 6.0 };
                    let (length, width) = (2.0 * radius, 2.0 * radius);
                    let id = take(next_id);
                    let radius = Some(radius);
                    objects.push(ObjectSpec { id, kind, s, t, heading: 0.0, length, width, height, radius });
                }
                s += random.uniform(14.0, 30.0);
            }
        }
        roads[index].objects.extend(objects);
    }
}

pub(crate) fn take(next_id: &mut u32) -> u32 {
    *next_id += 1;
    *next_id - 1
}

/// Takes the place if it is free.
fn claim(taken: &mut Vec<Taken>, roads: &[Road], pose: Pose, length: f64, width: f64) -> bool {
    let (middle, radius) = ((pose.x, pose.y), length.hypot(width) / 2.0);
    let mut outline = Vec::new();
    let steps = (length.max(width) / 1.5).ceil() as usize;
    for i in 0..=steps {
        let along = -0.5 + i as f64 / steps as f64;
        for (u, v) in [(along, -0.5), (along, 0.5), (-0.5, along), (0.5, along), (along, 0.0)] {
            let p = pose.shifted(u * length, v * width);
            outline.push((p.x, p.y));
        }
    }
    let small = length < 1.0;
    let margin = if small { 0.25 } else { CLEARANCE_M };
    let on_road = roads
        .iter()
        .filter(|road| road.is_near(middle, radius + margin))
        .any(|road| outline.iter().any(|p| road.is_near(*p, margin)));
    let beside = taken.iter().any(|other| {
        let apart = pose.distance(other.middle);
        apart < radius + other.radius + 0.5
            && outline.iter().any(|a| other.outline.iter().any(|b| (a.0 - b.0).hypot(a.1 - b.1) < 1.6))
    });
    if on_road || beside {
        return false;
    }
    taken.push(Taken { outline, middle, radius });
    true
}
