//! What road users look like to a laser: bodies put together from convex parts, each a little different by its seed.

use std::sync::{Arc, OnceLock};

use nalgebra::Vector3;

use super::shape::{Part, Surface};
use crate::camera::Mesh;
use crate::random::Random;

/// A rigid body (limbs apart) in its own frame: origin on the ground below its centre, x forward, y left.
#[derive(Debug, Clone)]
pub struct Body {
    /// Its parts.
    pub parts: Vec<Part>,
    /// Radius around the vertical axis of the origin that holds every part, m.
    pub radius: f64,
    /// Top above the ground, m.
    pub height: f64,
    mesh: OnceLock<Mesh>,
}

impl Body {
    /// From parts.
    pub fn new(parts: Vec<Part>) -> Arc<Self> {
        let reach = |p: &Part| p.bounds().0.xy().norm() + p.bounds().1;
        let radius = parts.iter().map(reach).fold(0.0, f64::max);
        let height = parts.iter().map(|p| p.bounds().0.z + p.bounds().1).fold(0.0, f64::max);
        Arc::new(Self { parts, radius, height, mesh: OnceLock::new() })
    }

    /// Its surface as a camera sees it, made when it is first asked for.
    pub fn mesh(&self) -> &Mesh {
        self.mesh.get_or_init(|| Mesh::new(&self.parts))
    }
}

/// Reflectivities at 905 nm.
mod reflect {
    pub const RUBBER: f64 = 0.05;
    pub const GLASS: f64 = 0.08;
    pub const RETRO: f64 = 3.0;
    pub const LAMP: f64 = 0.9;
    pub const DARK: f64 = 0.08;
    pub const SKIN: f64 = 0.5;
}

/// Silhouettes of passenger cars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarStyle {
    /// Three boxes.
    Sedan,
    /// Two boxes.
    Hatchback,
    /// Two high boxes.
    Suv,
    /// Nearly one box.
    Van,
}

impl CarStyle {
    /// A style with length, width and height (m) as cars on European roads have them.
    pub fn random(random: &mut Random) -> (Self, [f64; 3]) {
        let style = random.pick(&[(0.3, Self::Sedan), (0.35, Self::Hatchback), (0.25, Self::Suv), (0.1, Self::Van)]);
        let (mean, spread) = match style {
            Self::Sedan => ([4.65, 1.82, 1.46], [0.2, 0.05, 0.04]),
            Self::Hatchback => ([4.05, 1.74, 1.5], [0.25, 0.06, 0.05]),
            Self::Suv => ([4.5, 1.86, 1.68], [0.22, 0.06, 0.07]),
            Self::Van => ([5.1, 1.95, 2.05], [0.35, 0.06, 0.18]),
        };
        let size = std::array::from_fn(|i| mean[i] + spread[i] * random.normal(0.0, 1.0).clamp(-1.8, 1.8));
        (style, size)
    }
}

/// Four wheels at `axles` (x) of a body `width` wide.
fn wheels(parts: &mut Vec<Part>, axles: &[f64], width: f64, radius: f64) {
    for &x in axles {
        for side in [-1.0, 1.0] {
            let center = Vector3::new(x, side * (width / 2.0 - 0.13), radius);
            parts.push(Part::wheel(center, radius, 0.24, reflect::RUBBER));
        }
    }
}

/// A passenger car of this style and size (length, width, height, m).
pub fn car(style: CarStyle, [length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let paint = random.pick(&[(0.3, 0.12), (0.35, 0.35), (0.35, 0.6)]) * random.uniform(0.8, 1.2);
    let (rear, front) = (-length / 2.0, length / 2.0);
    let side = width / 2.0;
    let clearance = random.uniform(0.16, 0.22) + if style == CarStyle::Suv { 0.05 } else { 0.0 };
    let belt = height * random.uniform(0.57, 0.63);
    // Foot of the windscreen and of the rear screen, and how far each leans to the roof.
    let (hood, screen, trunk, rear_screen) = match style {
        CarStyle::Sedan => (random.uniform(0.24, 0.28), 0.75, random.uniform(0.1, 0.15), random.uniform(0.55, 0.75)),
        CarStyle::Hatchback => (random.uniform(0.21, 0.25), 0.7, 0.01, random.uniform(0.25, 0.45)),
        CarStyle::Suv => (random.uniform(0.23, 0.27), 0.6, 0.01, random.uniform(0.2, 0.4)),
        CarStyle::Van => (random.uniform(0.1, 0.16), 0.6, 0.0, 0.05),
    };
    let (screen_foot, trunk_foot) = (front - hood * length, rear + trunk * length);
    let tumblehome = if style == CarStyle::Van { 0.08 } else { random.uniform(0.14, 0.22) };
    let sill = clearance + 0.14;
    let mut parts = vec![
        Part::sloped(
            [rear + 0.08, front - 0.1],
            [-side + 0.05, side - 0.05],
            [clearance, sill],
            [-0.06, -0.06, -0.04, -0.04],
            paint,
        ),
        Part::sloped([rear, screen_foot], [-side, side], [sill, belt], [0.0, 0.06, 0.03, 0.03], paint),
        Part::sloped([screen_foot - 0.05, front], [-side, side], [sill, belt - 0.2], [0.1, 0.0, 0.05, 0.05], paint),
        // The bonnet rises to the windscreen's foot.
        Part::sloped(
            [screen_foot - 0.05, front - 0.1],
            [-side + 0.05, side - 0.05],
            [belt - 0.2, belt],
            [(front - screen_foot) * 0.8, 0.0, 0.08, 0.08],
            paint,
        ),
        Part::sloped(
            [trunk_foot, screen_foot],
            [-side + 0.04, side - 0.04],
            [belt, height - 0.07],
            [screen * 0.93, rear_screen * 0.93, tumblehome, tumblehome],
            reflect::GLASS,
        )
        .with_surface(Surface::Pane(0.55)),
        Part::sloped(
            [trunk_foot + rear_screen * 0.93, screen_foot - screen * 0.93],
            [-side + 0.04 + tumblehome, side - 0.04 - tumblehome],
            [height - 0.08, height],
            [0.1, 0.1, 0.1, 0.1],
            paint,
        ),
        // Seats behind the glass.
        Part::cuboid(
            [trunk_foot + 0.45, screen_foot - 1.0],
            [-side + 0.3, side - 0.3],
            [belt - 0.1, belt + 0.22],
            reflect::DARK,
        ),
        Part::cuboid([front - 0.01, front + 0.005], [-0.26, 0.26], [0.42, 0.53], reflect::RETRO),
        Part::cuboid([rear - 0.005, rear + 0.02], [-0.26, 0.26], [0.55, 0.66], reflect::RETRO),
    ];
    for lamp in [-1.0, 1.0] {
        let y = [lamp * (side - 0.2) - 0.14, lamp * (side - 0.2) + 0.14];
        parts.push(Part::cuboid([rear - 0.003, rear + 0.05], y, [belt - 0.22, belt - 0.1], reflect::LAMP));
        parts.push(Part::cuboid([front - 0.12, front - 0.02], y, [belt - 0.33, belt - 0.2], reflect::LAMP));
        // Mirrors.
        let mirror = lamp * (side + 0.06);
        let span = [mirror - 0.07, mirror + 0.07];
        parts.push(Part::cuboid([screen_foot - 0.45, screen_foot - 0.3], span, [belt, belt + 0.13], paint));
    }
    if style == CarStyle::Van && random.chance(0.6) {
        // A panel van: sheet metal instead of rear windows.
        let panel = [trunk_foot + 0.02, screen_foot - length * 0.3];
        let slopes = [0.0, 0.05, tumblehome, tumblehome];
        parts.push(Part::sloped(panel, [-side + 0.03, side - 0.03], [belt, height - 0.07], slopes, paint));
    }
    let radius = random.uniform(0.3, 0.34) * (height / 1.5).sqrt();
    let (rear_axle, front_axle) = (rear + length * 0.19, front - length * 0.19);
    wheels(&mut parts, &[rear_axle, front_axle], width, radius);
    Body::new(parts)
}

/// Length, width and height (m) of a lorry or bus.
pub fn truck_size(random: &mut Random) -> [f64; 3] {
    let length = random.pick(&[(0.5, 7.0), (0.3, 9.0), (0.2, 11.0)]) + random.uniform(-0.8, 0.8);
    [length, random.uniform(2.3, 2.55), random.uniform(2.9, 3.7)]
}

/// A lorry (cab, gap, box or flatbed) or a bus.
pub fn truck([length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let paint = random.uniform(0.15, 0.6);
    let cargo = random.uniform(0.3, 0.75);
    let (rear, front, side) = (-length / 2.0, length / 2.0, width / 2.0);
    let mut parts = Vec::new();
    if length > 8.5 && random.chance(0.35) {
        let belt = random.uniform(1.1, 1.4);
        parts.push(Part::cuboid([rear, front], [-side, side], [0.3, belt], paint));
        let glass =
            Part::sloped([rear, front], [-side, side], [belt, height - 0.5], [0.1, 0.05, 0.04, 0.04], reflect::GLASS);
        parts.push(glass.with_surface(Surface::Pane(0.4)));
        parts.push(Part::cuboid(
            [rear + 0.05, front - 0.1],
            [-side + 0.04, side - 0.04],
            [height - 0.5, height],
            paint,
        ));
        parts.push(Part::cuboid(
            [rear + 0.5, front - 2.0],
            [-side + 0.2, side - 0.2],
            [belt - 0.2, belt + 0.3],
            reflect::DARK,
        ));
    } else {
        let cab = random.uniform(1.7, 2.3);
        let gap = random.uniform(0.15, 0.6);
        let cab_height = (height * random.uniform(0.72, 0.95)).min(3.2);
        let bonnet = cab_height * 0.5;
        let cab_side = side - 0.06;
        let dark = reflect::DARK;
        parts.push(Part::cuboid([front - cab, front], [-cab_side, cab_side], [0.45, bonnet], paint));
        let screen = Part::sloped(
            [front - cab, front],
            [-cab_side, cab_side],
            [bonnet, cab_height - 0.25],
            [0.25, 0.0, 0.06, 0.06],
            reflect::GLASS,
        );
        parts.push(screen.with_surface(Surface::Pane(0.4)));
        parts.push(Part::cuboid(
            [front - cab, front - 0.3],
            [-cab_side + 0.06, cab_side - 0.06],
            [cab_height - 0.25, cab_height],
            paint,
        ));
        parts.push(Part::cuboid(
            [front - cab, front - cab + 0.15],
            [-cab_side + 0.05, cab_side - 0.05],
            [bonnet, cab_height - 0.2],
            dark,
        ));
        let bed = random.uniform(0.95, 1.2);
        let top = if random.chance(0.15) { bed + 0.6 } else { height };
        parts.push(Part::cuboid([rear, front - cab - gap], [-side, side], [bed, top], cargo));
        parts.push(Part::cuboid([rear + 0.3, front - 0.4], [-0.45, 0.45], [0.5, bed], dark));
        parts.push(Part::cuboid([rear, rear + 0.1], [-side + 0.1, side - 0.1], [0.5, 0.65], dark));
    }
    parts.push(Part::cuboid([rear - 0.005, rear + 0.02], [-0.26, 0.26], [0.7, 0.81], reflect::RETRO));
    parts.push(Part::cuboid([front - 0.02, front + 0.005], [-0.26, 0.26], [0.5, 0.61], reflect::RETRO));
    for lamp in [-1.0, 1.0] {
        let y = [lamp * (side - 0.2) - 0.15, lamp * (side - 0.2) + 0.15];
        parts.push(Part::cuboid([rear - 0.005, rear + 0.02], y, [0.8, 0.95], reflect::LAMP));
    }
    let (rear_axle, front_axle) = (rear + length * 0.22, front - 1.2);
    let axles =
        if length > 9.0 { vec![rear_axle - 0.6, rear_axle + 0.65, front_axle] } else { vec![rear_axle, front_axle] };
    wheels(&mut parts, &axles, width, random.uniform(0.42, 0.5));
    Body::new(parts)
}

/// Length, width and height (m) of a cyclist with the bicycle.
pub fn cyclist_size(random: &mut Random) -> [f64; 3] {
    [random.uniform(1.65, 1.85), random.uniform(0.52, 0.68), random.uniform(1.6, 1.85)]
}

/// A person on a bicycle.
pub fn cyclist([length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let cloth = random.uniform(0.15, 0.7);
    let metal = random.uniform(0.2, 0.5);
    let lean = random.uniform(0.1, 0.35);
    let axle = length / 2.0 - 0.34;
    let (saddle, shoulder) = (0.95, height - 0.3);
    let half = width / 2.0;
    let wheel = |x: f64| {
        Part::wheel(Vector3::new(x, 0.0, 0.34), 0.34, 0.05, reflect::RUBBER * 2.0).with_surface(Surface::Pane(0.6))
    };
    let leg = |y: f64, swing: f64| Part::cylinder(0.08, y, 0.075, [0.25, saddle], cloth).with_swing(swing);
    let torso = Part::sloped(
        [-0.28, 0.0],
        [-half * 0.68, half * 0.68],
        [saddle - 0.08, shoulder],
        [-lean, lean, 0.03, 0.03],
        cloth,
    );
    let arm = |side: f64| {
        let y = [side * half * 0.85 - 0.05, side * half * 0.85 + 0.05];
        Part::sloped([0.35, 0.45], y, [1.0, shoulder - 0.05], [0.3, -0.3, 0.0, 0.0], cloth)
    };
    Body::new(vec![
        wheel(-axle),
        wheel(axle),
        Part::cuboid([-axle, axle], [-0.03, 0.03], [0.45, 0.6], metal).with_surface(Surface::Pane(0.3)),
        Part::cuboid([0.38, 0.46], [-half, half], [0.98, 1.03], metal),
        Part::cuboid([-0.04 - axle, 0.0 - axle], [-0.04, 0.04], [0.62, 0.72], reflect::RETRO),
        torso,
        leg(-0.11, 0.12),
        leg(0.11, -0.12),
        arm(-1.0),
        arm(1.0),
        Part::ellipsoid([lean - 0.08, 0.0, height - 0.14], [0.12, 0.1, 0.14], reflect::SKIN),
    ])
}

/// Length, width and height (m) of a walking person; one in eight is a child.
pub fn pedestrian_size(random: &mut Random) -> [f64; 3] {
    let height =
        if random.chance(0.12) { random.uniform(1.1, 1.45) } else { random.normal(1.72, 0.08).clamp(1.5, 1.95) };
    let scale = height / 1.72;
    [random.uniform(0.55, 0.75) * scale, random.uniform(0.5, 0.64) * scale, height]
}

/// A person on foot; limbs swing with the walk.
pub fn pedestrian([length, width, height]: [f64; 3], random: &mut Random) -> Arc<Body> {
    let (upper, lower) = (random.uniform(0.15, 0.7), random.uniform(0.1, 0.6));
    let scale = height / 1.72;
    let (hip, shoulder) = (0.5 * height, 0.83 * height);
    let (reach, half) = (length / 2.0 - 0.09 * scale, width / 2.0);
    let girth = random.uniform(0.85, 1.15) * scale;
    let torso_half = half - 0.1 * scale;
    let leg = |y: f64, swing: f64| Part::cylinder(0.0, y, 0.075 * girth, [0.0, hip], lower).with_swing(swing);
    let arm =
        |y: f64, swing: f64| Part::cylinder(0.0, y, 0.045 * girth, [hip - 0.05, shoulder], upper).with_swing(swing);
    let mut parts = vec![
        Part::sloped(
            [-0.12 * girth, 0.12 * girth],
            [-torso_half * 0.8, torso_half * 0.8],
            [hip - 0.05, shoulder + 0.03],
            [0.02, 0.02, -0.03, -0.03],
            upper,
        ),
        Part::ellipsoid([0.02, 0.0, height - 0.13 * scale], [0.1 * scale, 0.085 * scale, 0.13 * scale], reflect::SKIN),
        leg(-0.1 * scale, reach),
        leg(0.1 * scale, -reach),
        arm(-half + 0.05, -reach * 0.8),
        arm(half - 0.05, reach * 0.8),
    ];
    if random.chance(0.25) {
        let back = [-0.28 * scale, -0.1 * scale];
        parts.push(Part::cuboid(back, [-0.15, 0.15], [hip + 0.05, shoulder - 0.05], random.uniform(0.1, 0.6)));
    }
    Body::new(parts)
}
