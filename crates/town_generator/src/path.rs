//! Reference lines: lines, arcs, spirals and cubics in a row, each beginning where the last one ends.

use std::f64::consts::{PI, TAU};

/// Place and heading in the map frame, m and rad.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pose {
    pub x: f64,
    pub y: f64,
    pub heading: f64,
}

impl Pose {
    /// The pose `forward` metres ahead and `left` metres to the left, with the same heading.
    pub fn shifted(self, forward: f64, left: f64) -> Self {
        let (sin, cos) = self.heading.sin_cos();
        Self { x: self.x + forward * cos - left * sin, y: self.y + forward * sin + left * cos, heading: self.heading }
    }

    pub fn turned(self, angle: f64) -> Self {
        Self { heading: wrapped(self.heading + angle), ..self }
    }

    pub fn distance(self, other: (f64, f64)) -> f64 {
        (self.x - other.0).hypot(self.y - other.1)
    }
}

/// The same angle in -pi..pi.
pub(crate) fn wrapped(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Line,
    Arc(f64),
    /// Curvature at the start and at the end, 1/m.
    Spiral(f64, f64),
    /// Coefficients of u and v over 0..1.
    Cubic([f64; 4], [f64; 4]),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub s: f64,
    pub length: f64,
    pub start: Pose,
    pub shape: Shape,
}

impl Piece {
    fn pose_at(&self, ds: f64) -> Pose {
        match self.shape {
            Shape::Line => self.start.shifted(ds, 0.0),
            Shape::Arc(k) => {
                let angle = k * ds;
                self.start.shifted(angle.sin() / k, (1.0 - angle.cos()) / k).turned(angle)
            }
            Shape::Spiral(from, to) => {
                let heading = |s: f64| from * s + (to - from) * s * s / (2.0 * self.length);
                let (x, y) = integrate(ds, &|s| heading(s).cos(), &|s| heading(s).sin());
                self.start.shifted(x, y).turned(heading(ds))
            }
            Shape::Cubic(u, v) => {
                let p = ds / self.length;
                let value = |c: [f64; 4]| c[0] + p * (c[1] + p * (c[2] + p * c[3]));
                let slope = |c: [f64; 4]| c[1] + p * (2.0 * c[2] + p * 3.0 * c[3]);
                self.start.shifted(value(u), value(v)).turned(slope(v).atan2(slope(u)))
            }
        }
    }
}

/// Simpson's rule over 0..length for two functions at once.
fn integrate(length: f64, f: &dyn Fn(f64) -> f64, g: &dyn Fn(f64) -> f64) -> (f64, f64) {
    let n = 2 * (length.abs() / 2.0).ceil().max(4.0) as usize;
    let h = length / n as f64;
    let mut sum = (0.0, 0.0);
    for i in 0..=n {
        let weight = if i == 0 || i == n { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
        sum.0 += weight * f(h * i as f64);
        sum.1 += weight * g(h * i as f64);
    }
    (sum.0 * h / 3.0, sum.1 * h / 3.0)
}

#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub pieces: Vec<Piece>,
    pub length: f64,
    end: Pose,
}

impl Path {
    pub fn new(start: Pose) -> Self {
        Self { pieces: Vec::new(), length: 0.0, end: start }
    }

    pub fn push(&mut self, length: f64, shape: Shape) {
        if length < 1e-6 {
            return;
        }
        let piece = Piece { s: self.length, length, start: self.end, shape };
        self.end = piece.pose_at(length);
        self.length += length;
        self.pieces.push(piece);
    }

    pub fn pose_at(&self, s: f64) -> Pose {
        match self.pieces.iter().rev().find(|p| p.s <= s).or(self.pieces.first()) {
            Some(piece) => piece.pose_at((s - piece.s).min(piece.length)),
            None => self.end,
        }
    }

    /// A road along a polyline whose corners are rounded by spiral, arc, spiral of these radii, smaller where the legs
    /// are too short.
    pub fn rounded(corners: &[(f64, f64)], radii: &[f64]) -> Self {
        let leg = |i: usize| {
            let (dx, dy) = (corners[i + 1].0 - corners[i].0, corners[i + 1].1 - corners[i].1);
            (dx.hypot(dy), dy.atan2(dx))
        };
        let mut path = Self::new(Pose { x: corners[0].0, y: corners[0].1, heading: leg(0).1 });
        let mut used = 0.0;
        for i in 1..corners.len() {
            let (length, heading) = leg(i - 1);
            if i + 1 == corners.len() {
                path.push(length - used, Shape::Line);
                break;
            }
            let (next_length, next_heading) = leg(i);
            let angle = wrapped(next_heading - heading);
            let unit = corner(angle, 1.0);
            let end = unit.end;
            let tangent = end.x - end.y / angle.tan();
            let radius = radii[i - 1].min(0.45 * length.min(next_length) / tangent);
            path.push(length - used - radius * tangent, Shape::Line);
            for piece in corner(angle, radius).pieces {
                path.push(piece.length, piece.shape);
            }
            used = radius * tangent;
        }
        path
    }

    /// From one pose to another: line and arc where it turns, a cubic where it hardly does.
    pub fn connecting(from: Pose, to: Pose) -> Self {
        let angle = wrapped(to.heading - from.heading);
        let mut path = Self::new(from);
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let (ahead, left) =
            (dx * from.heading.cos() + dy * from.heading.sin(), dy * from.heading.cos() - dx * from.heading.sin());
        if angle.abs() > 20_f64.to_radians() {
            let after = left / angle.sin();
            let before = ahead - after * angle.cos();
            if before > 0.0 && after > 0.0 {
                let tangent = before.min(after);
                let radius = tangent / (angle.abs() / 2.0).tan();
                path.push(before - tangent, Shape::Line);
                path.push(radius * angle.abs(), Shape::Arc(angle.signum() / radius));
                path.push(after - tangent, Shape::Line);
                return path;
            }
        }
        let reach = ahead.hypot(left) / (3.0 * (angle / 4.0).cos().powi(2));
        let (sin, cos) = angle.sin_cos();
        let bezier = |a: f64, b: f64, c: f64| [0.0, 3.0 * a, 3.0 * (b - 2.0 * a), c - 3.0 * b + 3.0 * a];
        let u = bezier(reach, ahead - reach * cos, ahead);
        let v = bezier(0.0, left - reach * sin, left);
        let speed = |p: f64| {
            let slope = |c: [f64; 4]| c[1] + p * (2.0 * c[2] + p * 3.0 * c[3]);
            slope(u).hypot(slope(v))
        };
        let n = 200;
        let length = (0..n).map(|i| speed((f64::from(i) + 0.5) / f64::from(n)) / f64::from(n)).sum();
        path.push(length, Shape::Cubic(u, v));
        path
    }
}

/// Spiral, arc, spiral through `angle`, from the origin along x. The spirals take two fifths of the turn.
fn corner(angle: f64, radius: f64) -> Path {
    let (sign, angle) = (angle.signum(), angle.abs());
    let spiral = 0.4 * radius * angle;
    let k = sign / radius;
    let mut path = Path::new(Pose { x: 0.0, y: 0.0, heading: 0.0 });
    path.push(spiral, Shape::Spiral(0.0, k));
    path.push(radius * angle - spiral, Shape::Arc(k));
    path.push(spiral, Shape::Spiral(k, 0.0));
    path
}
