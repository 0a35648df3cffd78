use nalgebra::Vector3;

/// A half-space `normal · p <= offset`, normal of unit length.
#[derive(Debug, Clone, Copy)]
pub struct Plane {
    /// Points out of the solid.
    pub normal: Vector3<f64>,
    /// Distance from the origin along the normal, m.
    pub offset: f64,
}

/// A convex solid in its body's frame (x forward, y left, z up from the ground), m.
#[derive(Debug, Clone)]
pub enum Shape {
    /// The points inside all planes.
    Convex(Vec<Plane>),
    /// An upright cylinder.
    Cylinder {
        /// Centre of its foot.
        foot: Vector3<f64>,
        /// Radius.
        radius: f64,
        /// Height.
        height: f64,
    },
    /// An ellipsoid with axes along the frame's.
    Ellipsoid {
        /// Its centre.
        center: Vector3<f64>,
        /// Half axes.
        radii: Vector3<f64>,
    },
}

/// How light passes a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Surface {
    /// Not at all.
    Opaque,
    /// Some rays go through, by this probability: window glass, spokes, wire fences.
    Pane(f64),
    /// Rays go in and come back from within, at exponential depth of this mean (m): leaves.
    Porous(f64),
}

/// One piece of a body.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its solid.
    pub shape: Shape,
    /// Diffuse reflectivity at the laser's wavelength, 0..1; above 1 for retro-reflectors.
    pub reflectivity: f64,
    /// How light passes.
    pub surface: Surface,
    /// How far it swings forward and back while walking or pedalling, m.
    pub swing: f64,
    center: Vector3<f64>,
    radius: f64,
}

impl Part {
    /// An opaque part around which a sphere of `center` and `radius` fits.
    fn new(shape: Shape, reflectivity: f64, center: Vector3<f64>, radius: f64) -> Self {
        Self { shape, reflectivity, surface: Surface::Opaque, swing: 0.0, center, radius: radius + 1e-6 }
    }

    /// A box whose top is smaller than its foot by an inset on each side: `x` and `y` ranges are the foot's.
    ///
    /// `insets`: front, rear, left, right, m; negative ones widen the top.
    pub fn sloped(x: [f64; 2], y: [f64; 2], z: [f64; 2], insets: [f64; 4], reflectivity: f64) -> Self {
        let height = (z[1] - z[0]).max(1e-3);
        let side = |nx: f64, ny: f64, inset: f64, x0: f64, y0: f64| {
            let normal = Vector3::new(nx * height, ny * height, inset).normalize();
            Plane { normal, offset: normal.dot(&Vector3::new(x0, y0, z[0])) }
        };
        let planes = vec![
            side(1.0, 0.0, insets[0], x[1], 0.0),
            side(-1.0, 0.0, insets[1], x[0], 0.0),
            side(0.0, 1.0, insets[2], 0.0, y[1]),
            side(0.0, -1.0, insets[3], 0.0, y[0]),
            Plane { normal: Vector3::z(), offset: z[1] },
            Plane { normal: -Vector3::z(), offset: -z[0] },
        ];
        let grow = |inset: f64| (-inset).max(0.0);
        let (x0, x1) = (x[0] - grow(insets[1]), x[1] + grow(insets[0]));
        let (y0, y1) = (y[0] - grow(insets[3]), y[1] + grow(insets[2]));
        let half = Vector3::new(x1 - x0, y1 - y0, z[1] - z[0]) / 2.0;
        let center = Vector3::new(x0 + x1, y0 + y1, z[0] + z[1]) / 2.0;
        Self::new(Shape::Convex(planes), reflectivity, center, half.norm())
    }

    /// A box.
    pub fn cuboid(x: [f64; 2], y: [f64; 2], z: [f64; 2], reflectivity: f64) -> Self {
        Self::sloped(x, y, z, [0.0; 4], reflectivity)
    }

    /// A wheel: an eight-sided disc with its axle along y.
    pub fn wheel(center: Vector3<f64>, radius: f64, width: f64, reflectivity: f64) -> Self {
        let rim = (0..8).map(|i| {
            let angle = f64::from(i) * std::f64::consts::FRAC_PI_4;
            let normal = Vector3::new(angle.cos(), 0.0, angle.sin());
            Plane { normal, offset: normal.dot(&center) + radius * 0.97 }
        });
        let faces =
            [1.0, -1.0].map(|side| Plane { normal: Vector3::y() * side, offset: side * center.y + width / 2.0 });
        let planes = rim.chain(faces).collect();
        Self::new(Shape::Convex(planes), reflectivity, center, (1.06 * radius).hypot(width / 2.0))
    }

    /// An upright cylinder.
    pub fn cylinder(x: f64, y: f64, radius: f64, z: [f64; 2], reflectivity: f64) -> Self {
        let foot = Vector3::new(x, y, z[0]);
        let height = z[1] - z[0];
        let shape = Shape::Cylinder { foot, radius, height };
        Self::new(shape, reflectivity, foot + Vector3::z() * (height / 2.0), radius.hypot(height / 2.0))
    }

    /// An ellipsoid.
    pub fn ellipsoid(center: [f64; 3], radii: [f64; 3], reflectivity: f64) -> Self {
        let (center, radii) = (Vector3::from(center), Vector3::from(radii));
        Self::new(Shape::Ellipsoid { center, radii }, reflectivity, center, radii.max())
    }

    /// The same part with another surface.
    pub fn with_surface(self, surface: Surface) -> Self {
        Self { surface, ..self }
    }

    /// The same part, swinging.
    pub fn with_swing(self, swing: f64) -> Self {
        Self { swing, radius: self.radius + swing.abs(), ..self }
    }

    /// The sphere around the part: centre and radius, m.
    pub fn bounds(&self) -> (Vector3<f64>, f64) {
        (self.center, self.radius)
    }

    /// The cut of the part with the plane through `origin` that `across` and `up` (unit, at right angles) span.
    pub(crate) fn slice(&self, origin: Vector3<f64>, across: Vector3<f64>, up: Vector3<f64>) -> Slice {
        match &self.shape {
            Shape::Convex(planes) => {
                let mut cut = [Edge::default(); MAX_PLANES];
                for (edge, plane) in cut.iter_mut().zip(planes) {
                    edge.across = plane.normal.dot(&across);
                    edge.up = plane.normal.dot(&up);
                    edge.offset = plane.offset - plane.normal.dot(&origin);
                }
                Slice::Convex(cut, planes.len().min(MAX_PLANES))
            }
            Shape::Cylinder { foot, radius, height } => {
                let flat = |v: Vector3<f64>| Vector3::new(v.x / radius, v.y / radius, 0.0);
                let quadric = Quadric::new(flat(origin - foot), flat(across), flat(up));
                let (z, across_z, up_z) = (origin.z - foot.z, across.z, up.z);
                Slice::Cylinder { quadric, z, across_z, up_z, height: *height }
            }
            Shape::Ellipsoid { center, radii } => {
                let scaled = |v: Vector3<f64>| v.component_div(radii);
                Slice::Ellipsoid(Quadric::new(scaled(origin - center), scaled(across), scaled(up)))
            }
        }
    }
}

/// Most planes a convex part may have.
const MAX_PLANES: usize = 10;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Edge {
    across: f64,
    up: f64,
    offset: f64,
}

/// `|o + c a + s u|² = 1` as a function of the ray's (c, s).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quadric {
    aa: f64,
    au: f64,
    uu: f64,
    oa: f64,
    ou: f64,
    rest: f64,
}

impl Quadric {
    fn new(origin: Vector3<f64>, across: Vector3<f64>, up: Vector3<f64>) -> Self {
        Self {
            aa: across.dot(&across),
            au: across.dot(&up),
            uu: up.dot(&up),
            oa: origin.dot(&across),
            ou: origin.dot(&up),
            rest: origin.dot(&origin) - 1.0,
        }
    }

    /// Where the ray enters and leaves, and the scaled cosine of incidence at the entry.
    fn cross(&self, c: f64, s: f64) -> Option<(f64, f64, f64)> {
        let a = c * c * self.aa + 2.0 * c * s * self.au + s * s * self.uu;
        let b = c * self.oa + s * self.ou;
        let root = b * b - a * self.rest;
        if !(root > 0.0 && a > 0.0) {
            return None;
        }
        let root = root.sqrt();
        Some(((-b - root) / a, (-b + root) / a, root / a.sqrt()))
    }
}

/// A part cut by the vertical plane that one firing of all beams lies in: rays in it are (cos, sin) of the elevation.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "lives on the stack for one column")]
pub(crate) enum Slice {
    Convex([Edge; MAX_PLANES], usize),
    Cylinder { quadric: Quadric, z: f64, across_z: f64, up_z: f64, height: f64 },
    Ellipsoid(Quadric),
}

/// Where a ray passes a part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crossing {
    /// Range at the entry, m; not above zero where the ray starts inside.
    pub enter: f64,
    /// Range at the exit, m.
    pub leave: f64,
    /// Cosine of the angle of incidence at the entry, 0..=1.
    pub cosine: f64,
}

impl Slice {
    /// Where the ray of elevation cosine `c` and sine `s` passes the part.
    pub fn cross(&self, c: f64, s: f64) -> Option<Crossing> {
        match self {
            Self::Convex(edges, count) => {
                let (mut enter, mut leave, mut cosine) = (f64::NEG_INFINITY, f64::INFINITY, 0.0);
                for edge in &edges[..*count] {
                    let slope = edge.across * c + edge.up * s;
                    if slope.abs() < 1e-12 {
                        if edge.offset < 0.0 {
                            return None;
                        }
                        continue;
                    }
                    let t = edge.offset / slope;
                    if slope < 0.0 {
                        if t > enter {
                            (enter, cosine) = (t, -slope);
                        }
                    } else if t < leave {
                        leave = t;
                    }
                    if enter > leave {
                        return None;
                    }
                }
                (leave > 0.0).then_some(Crossing { enter, leave, cosine })
            }
            Self::Cylinder { quadric, z, across_z, up_z, height } => {
                let (mut enter, mut leave, mut cosine) = quadric.cross(c, s)?;
                let climb = across_z * c + up_z * s;
                if climb.abs() > 1e-9 {
                    let (foot, top) = (-z / climb, (height - z) / climb);
                    let (first, last) = if foot < top { (foot, top) } else { (top, foot) };
                    if first > enter {
                        (enter, cosine) = (first, climb.abs());
                    }
                    leave = leave.min(last);
                } else if *z < 0.0 || *z > *height {
                    return None;
                }
                (enter < leave && leave > 0.0).then_some(Crossing { enter, leave, cosine: cosine.min(1.0) })
            }
            Self::Ellipsoid(quadric) => {
                let (enter, leave, cosine) = quadric.cross(c, s)?;
                (leave > 0.0).then_some(Crossing { enter, leave, cosine: cosine.min(1.0) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(part: &Part, origin: [f64; 3]) -> Option<Crossing> {
        part.slice(Vector3::from(origin), Vector3::x(), Vector3::z()).cross(1.0, 0.0)
    }

    #[test]
    fn rays_meet_each_shape_where_they_should() {
        let cube = Part::cuboid([4.0, 6.0], [-1.0, 1.0], [0.0, 2.0], 0.5);
        let tube = Part::cylinder(5.0, 0.0, 1.0, [0.0, 2.0], 0.5);
        let ball = Part::ellipsoid([5.0, 0.0, 1.0], [1.0, 1.0, 1.0], 0.5);
        let wheel = Part::wheel(Vector3::new(5.0, 0.0, 1.0), 1.0 / 0.97, 0.5, 0.1);
        for part in [cube, tube, ball, wheel] {
            let crossing = hit(&part, [0.0, 0.0, 1.0]).unwrap();
            assert!((crossing.enter - 4.0).abs() < 1e-9 && (crossing.leave - 6.0).abs() < 1e-9, "{part:?}");
            assert!((crossing.cosine - 1.0).abs() < 1e-9);
            assert!(hit(&part, [0.0, 1.2, 1.0]).is_none() && hit(&part, [0.0, 0.0, 2.5]).is_none());
            assert!(hit(&part, [9.0, 0.0, 1.0]).is_none(), "behind the ray: {part:?}");
        }
    }

    #[test]
    fn sloped_front_recedes_with_height() {
        let screen = Part::sloped([0.0, 4.0], [-1.0, 1.0], [0.0, 1.0], [1.0, 0.0, 0.0, 0.0], 0.5);
        let back = |z: f64| {
            let slice = screen.slice(Vector3::new(10.0, 0.0, z), -Vector3::x(), Vector3::z());
            10.0 - slice.cross(1.0, 0.0).unwrap().enter
        };
        assert!((back(0.25) - 3.75).abs() < 1e-9 && (back(0.75) - 3.25).abs() < 1e-9);
    }
}
