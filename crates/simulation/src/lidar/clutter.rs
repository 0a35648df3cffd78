//! Fixed things beside the road, as a laser sees them.

use std::sync::Arc;

use super::body::Body;
use super::shape::{Part, Surface};
use crate::random::Random;

/// A post of this height (m), by chance with a lamp's arm.
pub fn pole(height: f64, radius: f64, random: &mut Random) -> Arc<Body> {
    let mut parts = vec![Part::cylinder(0.0, 0.0, radius, [0.0, height], random.uniform(0.2, 0.5))];
    if height > 5.0 && random.chance(0.6) {
        parts.push(Part::cuboid([0.0, random.uniform(1.0, 2.0)], [-0.08, 0.08], [height - 0.15, height], 0.3));
    }
    Body::new(parts)
}

/// A traffic light: a post with its head at `height` (m), facing forward.
pub fn traffic_light(height: f64) -> Arc<Body> {
    Body::new(vec![
        Part::cylinder(0.0, 0.0, 0.07, [0.0, height + 0.5], 0.3),
        Part::cuboid([0.07, 0.25], [-0.17, 0.17], [height - 0.5, height + 0.5], 0.1),
    ])
}

/// A sign on a post, facing forward.
pub fn sign(random: &mut Random) -> Arc<Body> {
    let height = random.uniform(2.0, 2.6);
    let half = random.uniform(0.25, 0.4);
    Body::new(vec![
        Part::cylinder(0.0, 0.0, 0.04, [0.0, height + half], 0.3),
        Part::cuboid([0.04, 0.06], [-half, half], [height - half, height + half], 3.0),
    ])
}

/// A tree of this height (m): trunk and leaves that let some rays in.
pub fn tree(height: f64, random: &mut Random) -> Arc<Body> {
    let crown_foot = height * random.uniform(0.25, 0.4);
    let reach = height * random.uniform(0.18, 0.3);
    let trunk = random.uniform(0.1, 0.25);
    let mut parts = vec![Part::cylinder(0.0, 0.0, trunk, [0.0, crown_foot + 0.5], 0.3)];
    for _ in 0..1 + random.index(3) {
        let (x, y) = (random.uniform(-0.35, 0.35) * reach, random.uniform(-0.35, 0.35) * reach);
        let rise = (height - crown_foot) / 2.0;
        let middle = [x, y, crown_foot + rise * random.uniform(0.9, 1.1)];
        let radii =
            [reach * random.uniform(0.7, 1.0), reach * random.uniform(0.7, 1.0), rise * random.uniform(0.8, 1.0)];
        let depth = random.uniform(0.5, 1.6);
        parts.push(Part::ellipsoid(middle, radii, random.uniform(0.4, 0.6)).with_surface(Surface::Porous(depth)));
    }
    Body::new(parts)
}

/// A bush or hedge of this size (length, width, height, m).
pub fn bush([length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let depth = Surface::Porous(random.uniform(0.12, 0.35));
    let leaf = random.uniform(0.35, 0.55);
    let (half_length, half_width) = (length / 2.0, width / 2.0);
    let hedge = length > 1.8 * width;
    let part = if hedge {
        Part::cuboid([-half_length, half_length], [-half_width, half_width], [0.0, height], leaf)
    } else {
        Part::ellipsoid([0.0, 0.0, height * 0.45], [half_length, half_width, height * 0.55], leaf)
    };
    Body::new(vec![part.with_surface(depth)])
}

/// A shrub that nobody has clipped, of about this size (length, width, height, m): leaves in heaps, dense or thin.
pub fn shrub([length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let leaf = random.uniform(0.35, 0.6);
    let heaps = 2 + random.index(3);
    let parts = (0..heaps).map(|_| {
        let share = random.uniform(0.5, 1.0);
        let radii = [length * share * 0.4, width * share * 0.4, height * random.uniform(0.3, 0.5)];
        let middle = [
            random.uniform(-0.5, 0.5) * (length - 2.0 * radii[0]).max(0.0),
            random.uniform(-0.5, 0.5) * (width - 2.0 * radii[1]).max(0.0),
            random.uniform(0.9, 1.1) * radii[2] + random.uniform(0.0, 0.2) * height,
        ];
        Part::ellipsoid(middle, radii, leaf).with_surface(Surface::Porous(random.uniform(0.1, 0.5)))
    });
    Body::new(parts.collect())
}

/// A building of this size: walls, and a roof that slopes by chance.
pub fn building([length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let wall = random.uniform(0.25, 0.6);
    let (x, y) = ([-length / 2.0, length / 2.0], [-width / 2.0, width / 2.0]);
    let mut parts = vec![Part::cuboid(x, y, [-1.0, height], wall)];
    if random.chance(0.5) {
        let lean = 0.45 * width;
        parts.push(Part::sloped(x, y, [height, height + lean * 0.7], [0.2, 0.2, lean, lean], 0.3));
    }
    // Bays and porches break the flat front.
    for _ in 0..random.index(4) {
        let at = random.uniform(x[0] + 1.0, (x[1] - 1.0).max(x[0] + 1.1));
        let side = if random.chance(0.5) { y[1] } else { y[0] };
        let depth = random.uniform(0.2, 0.6);
        parts.push(Part::cuboid(
            [at - 0.8, at + 0.8],
            [side - depth, side + depth],
            [-1.0, height * random.uniform(0.3, 0.9)],
            wall,
        ));
    }
    Body::new(parts)
}

/// A fence or wall of this size.
pub fn fence([length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let half = (width / 2.0).max(0.03);
    let panel = Part::cuboid([-length / 2.0, length / 2.0], [-half, half], [0.0, height], random.uniform(0.2, 0.5));
    let surface = if random.chance(0.5) { Surface::Opaque } else { Surface::Pane(random.uniform(0.3, 0.7)) };
    Body::new(vec![panel.with_surface(surface)])
}

/// A guard rail, kerb wall or other plain block of this size.
pub fn block([length, width, height]: [f64; 3], reflectivity: f64) -> Arc<Body> {
    let (x, y) = ([-length / 2.0, length / 2.0], [-width / 2.0, width / 2.0]);
    Body::new(vec![Part::cuboid(x, y, [0.0, height], reflectivity)])
}

/// A litter bin, cabinet or bench: the small change of a pavement.
pub fn bin(random: &mut Random) -> Arc<Body> {
    let grey = random.uniform(0.1, 0.5);
    let height = random.uniform(0.7, 1.3);
    if random.chance(0.5) {
        return Body::new(vec![Part::cylinder(0.0, 0.0, random.uniform(0.2, 0.35), [0.0, height], grey)]);
    }
    let (length, width) = (random.uniform(0.4, 1.6), random.uniform(0.3, 0.6));
    block([length, width, height], grey)
}

/// A traffic cone with its reflective band.
pub fn cone() -> Arc<Body> {
    let tip = 0.14;
    Body::new(vec![
        Part::cuboid([-0.2, 0.2], [-0.2, 0.2], [0.0, 0.05], 0.1),
        Part::sloped([-0.17, 0.17], [-0.17, 0.17], [0.05, 0.75], [tip; 4], 0.5),
        Part::sloped([-0.12, 0.12], [-0.12, 0.12], [0.4, 0.52], [0.025; 4], 2.5),
    ])
}
