//! Sky and ground: what is seen where nothing stands.

use nalgebra::Vector3;

use super::canvas::{Canvas, Light, Tone};
use super::view::View;
use crate::lidar::{Ground, GroundKind};
use crate::random::{hash, unit};
use crate::sky::Sky;

/// Pixels of one shade: width and height.
pub(crate) const BLOCK: [usize; 2] = [4, 2];
/// Farther than this the ground is haze, m.
const FAR_M: f64 = 220.0;

/// What falls on things, and how the camera takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Illumination {
    pub sky: Sky,
    pub sun: Vector3<f64>,
    /// Light of a white surface in full sun becomes this much on the sensor.
    pub exposure: f64,
    /// What headlamps add at the car, by night.
    pub headlamps: f64,
}

impl Illumination {
    /// `bias` (1 for none) is how much the camera exposes too long.
    pub fn new(sky: Sky, bias: f64) -> Self {
        let falls = sky.ambient() + sky.direct() * sky.sun().z.max(0.0);
        // The gain has an end: lamps of signals stay readable, and the night stays dark.
        let exposure = (0.75 / falls.max(0.05)).min(7.0) * bias;
        Self { sky, sun: sky.sun(), exposure, headlamps: if sky.is_dark() { 0.09 } else { 0.0 } }
    }

    /// Light from a surface of this colour, turned this way, at this place seen from the car.
    pub fn on(&self, color: Light, normal: &Vector3<f64>, distance_m: f64) -> Light {
        let up = 0.6 + 0.4 * normal.z;
        let falls = self.sky.ambient() * up + self.sky.direct() * normal.dot(&self.sun).max(0.0);
        let own = self.headlamps / (1.0 + (distance_m / 14.0).powi(2));
        let haze = (distance_m / 900.0).min(0.3) as f32;
        let (light, far) = (((falls + own) * self.exposure) as f32, self.horizon());
        std::array::from_fn(|i| color[i] * light * (1.0 - haze) + far[i] * haze)
    }

    /// Light of the sky at the horizon.
    pub fn horizon(&self) -> Light {
        self.sky_at(0.03)
    }

    /// Light of the sky where a ray rises by this (sine of the elevation).
    pub fn sky_at(&self, rise: f64) -> Light {
        let bright = (self.sky.ambient() * 1.9 * self.exposure) as f32;
        let high = rise.clamp(0.0, 1.0).sqrt() as f32;
        let grey = self.sky.clouds as f32;
        let clear = [0.85 - 0.62 * high, 0.88 - 0.45 * high, 0.95 - 0.2 * high];
        std::array::from_fn(|i| bright * (clear[i] * (1.0 - grey) + (0.8 - 0.1 * high) * grey))
    }
}

/// Fills the canvas with sky and ground. `rays`: the flat ray of each block's middle, row by row.
pub(crate) fn paint(
    canvas: &mut Canvas,
    tone: &Tone,
    view: &View,
    rays: &[[f64; 2]],
    ground: &Ground,
    light: &Illumination,
) {
    let columns = canvas.width / BLOCK[0];
    let back = view.turn.transpose();
    // Neighbours meet the ground at much the same height.
    let mut height = ground.height(view.position.x, view.position.y);
    for (block, [x, y]) in rays.iter().enumerate() {
        let (row, column) = (block / columns * BLOCK[1], block % columns * BLOCK[0]);
        let ray = back * Vector3::new(*x, *y, 1.0);
        let rise = ray.z / ray.norm();
        let hit = if rise < -0.002 { ground_at(view, &ray, ground, &mut height) } else { None };
        let (color, nearness) = match hit {
            Some((place, depth)) => {
                let color = surface(ground.kind(place.x, place.y), &place);
                (light.on(color, &Vector3::z(), depth * ray.norm()), (1.0 / depth) as f32)
            }
            None => (light.sky_at(rise), 0.0),
        };
        let color = tone.encode(color);
        for line in row..row + BLOCK[1] {
            let from = line * canvas.width + column;
            canvas.pixels[from..from + BLOCK[0]].fill(color);
            canvas.nearness[from..from + BLOCK[0]].fill(nearness);
        }
    }
}

/// Where a ray (depth 1) meets the ground, and at which depth; `height` is where it is looked for first, and then where it
/// was found.
fn ground_at(view: &View, ray: &Vector3<f64>, ground: &Ground, height: &mut f64) -> Option<(Vector3<f64>, f64)> {
    let mut depth = 0.0;
    let rounds = if ground.flat().is_some() { 1 } else { 2 };
    for _ in 0..rounds {
        depth = (view.position.z - *height) / -ray.z;
        if !(0.2..=FAR_M).contains(&depth) {
            return None;
        }
        let place = view.position + ray * depth;
        *height = ground.height(place.x, place.y);
    }
    // A little farther than it is, so that what stands on it is in front of it.
    Some((view.position + ray * depth, depth * 1.01))
}

fn surface(kind: GroundKind, place: &Vector3<f64>) -> Light {
    let grain = |cell_m: f64| {
        let cell = ((place.x / cell_m).floor() as i64, (place.y / cell_m).floor() as i64);
        unit(hash((cell.0 as u64) << 32 ^ (cell.1 as u64 & 0xffff_ffff)))
    };
    let (color, rough): (Light, f64) = match kind {
        GroundKind::Asphalt => ([0.13, 0.13, 0.135], 0.15),
        GroundKind::Paint => ([0.62, 0.62, 0.6], 0.1),
        GroundKind::Pavement => ([0.3, 0.29, 0.27], 0.12),
        GroundKind::Verge => ([0.11, 0.16, 0.06], 0.35),
    };
    let shade = (1.0 - rough / 2.0 + rough * grain(0.4)) as f32;
    color.map(|v| v * shade)
}
