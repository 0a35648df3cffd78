use super::background::{BLOCK, Illumination};
use super::canvas::{Canvas, Tone};
use super::view::View;

/// Where the sun blinds the camera, and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glare {
    center: [f64; 2],
    strength: f64,
    /// Pixels in a radian: the bloom is as wide in every image of the lens.
    scale: f64,
}

impl Glare {
    /// `None` where the sun is hidden or far out of sight.
    pub fn new(view: &View, canvas: &Canvas, light: &Illumination) -> Option<Self> {
        let direction = view.turn * light.sun;
        let strength = light.sky.direct();
        if strength < 0.02 || direction.z < 0.35 {
            return None;
        }
        let center = view.lens.pixel([direction.x / direction.z, direction.y / direction.z])?;
        let shown = share_in_sky(canvas, center);
        (shown > 0.0).then_some(Self { center, strength: strength * shown, scale: view.lens.focal[0] })
    }

    /// Light that the lens scatters onto a pixel.
    pub fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let away = ((x - self.center[0]).powi(2) + (y - self.center[1]).powi(2)) / (self.scale * self.scale);
        self.strength * (3.0 / (1.0 + away / 0.006) + 0.35 / (1.0 + away / 0.12))
    }

    /// Adds the scattered light to the image.
    pub fn add(&self, canvas: &mut Canvas, tone: &Tone) {
        let half = [BLOCK[0] as f64 / 2.0, BLOCK[1] as f64 / 2.0];
        for row in (0..canvas.height).step_by(BLOCK[1]) {
            for column in (0..canvas.width).step_by(BLOCK[0]) {
                let more = self.at([column as f64 + half[0], row as f64 + half[1]]);
                if more < 0.004 {
                    continue;
                }
                let tint = tone.encode([more, more * 0.97, more * 0.88].map(|v| v as f32));
                for line in row..row + BLOCK[1] {
                    let from = line * canvas.width + column;
                    tone.brighten(&mut canvas.pixels[from..from + BLOCK[0]], tint);
                }
            }
        }
    }
}

/// How much of the sun's disc nothing stands before; beyond the image's rim all of it is taken to be seen.
fn share_in_sky(canvas: &Canvas, [x, y]: [f64; 2]) -> f64 {
    let mut free = 0;
    for dy in -2..=2 {
        for dx in -2..=2 {
            let (column, row) = (x + f64::from(dx) * 2.0, y + f64::from(dy) * 2.0);
            let inside = column >= 0.0 && row >= 0.0 && column < canvas.width as f64 && row < canvas.height as f64;
            free += i32::from(!inside || canvas.nearness[row as usize * canvas.width + column as usize] == 0.0);
        }
    }
    f64::from(free) / 25.0
}

/// The glow that the lens and the sensor put around a lamp brighter than the sensor takes: adds `light` times a falling
/// share around `center`, out to `radius` pixels.
pub(crate) fn halo(canvas: &mut Canvas, tone: &Tone, center: [f64; 2], light: [f32; 3], radius: f64) {
    let bounds = |at: f64, count: usize| {
        let clamp = |v: f64| v.clamp(0.0, count as f64) as usize;
        clamp((at - radius).ceil())..clamp((at + radius).floor() + 1.0)
    };
    let (columns, rows) = (bounds(center[0], canvas.width), bounds(center[1], canvas.height));
    for row in rows {
        for column in columns.clone() {
            let away = (column as f64 - center[0]).hypot(row as f64 - center[1]) / radius;
            if away >= 1.0 {
                continue;
            }
            let share = ((1.0 - away) / (1.0 + 12.0 * away * away)) as f32;
            let pixel = &mut canvas.pixels[row * canvas.width + column];
            let under = tone.decode(*pixel);
            *pixel = tone.encode(std::array::from_fn(|i| under[i] + light[i] * share));
        }
    }
}
