use geometry::Pinhole;
use nalgebra::Vector3;

use crate::sight::Sight;

/// Channels (red, green, blue), rows and columns of one piece.
pub const CROP: [usize; 3] = [3, 64, 32];
/// Numbers in one piece.
pub const CROP_LEN: usize = CROP[0] * CROP[1] * CROP[2];

/// A piece reaches this much beyond the face for errors of place, m, and of direction, rad: a car nods when it brakes.
const MARGIN_M: f64 = 0.36;
const MARGIN_RAD: f64 = 0.02;
/// Most samples along an axis that make one pixel of a piece.
const MOST_SAMPLES: usize = 6;

/// Pixels of an image, three bytes each.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    /// Row by row.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub step: usize,
    /// Width and height.
    pub size: [usize; 2],
    /// Whether blue comes first.
    pub bgr: bool,
}

impl Pixels<'_> {
    /// Red, green, blue between four pixels, 0..=255; the rim's beyond the rim.
    fn at(&self, [x, y]: [f64; 2]) -> [f32; 3] {
        let clamp = |v: f64, count: usize| v.clamp(0.0, count as f64 - 1.0);
        let (x, y) = (clamp(x, self.size[0]), clamp(y, self.size[1]));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.size[0] - 1), (top + 1).min(self.size[1] - 1));
        let (u, v) = ((x - left as f64) as f32, (y - top as f64) as f32);
        let value = |column: usize, row: usize, c: usize| f32::from(self.data[row * self.step + column * 3 + c]);
        std::array::from_fn(|c| {
            let c = if self.bgr { 2 - c } else { c };
            let high = value(left, top, c) * (1.0 - u) + value(right, top, c) * u;
            let low = value(left, bottom, c) * (1.0 - u) + value(right, bottom, c) * u;
            high * (1.0 - v) + low * v
        })
    }
}

/// Cuts a light out of an image as a pinhole turned to it would see it, undistorted, into `out` ([`CROP`], 0..=1). What is
/// larger in the image than in the piece is averaged, what is smaller interpolated.
pub fn cut(pixels: &Pixels<'_>, lens: &Pinhole, sight: &Sight, out: &mut [f32]) {
    let ahead = sight.center / sight.distance_m;
    let down = (Vector3::y() - ahead * ahead.y).normalize();
    let right = down.cross(&ahead);
    let half = (0.5 * sight.height_m + MARGIN_M) / sight.distance_m + MARGIN_RAD;
    let [_, rows, columns] = CROP;
    // Radians to a pixel of the piece, and pixels of the image in that.
    let pitch = 2.0 * half / rows as f64;
    let samples = ((pitch * lens.focal[1] / (ahead.z * ahead.z).max(0.2)).ceil() as usize).clamp(1, MOST_SAMPLES);
    let offset = |k: usize| ((k as f64 + 0.5) / samples as f64 - 0.5) * pitch;
    for row in 0..rows {
        for column in 0..columns {
            let across = (column as f64 + 0.5 - columns as f64 / 2.0) * pitch;
            let below = (row as f64 + 0.5 - rows as f64 / 2.0) * pitch;
            let mut sum = [0.0f32; 3];
            for j in 0..samples {
                for i in 0..samples {
                    let ray = ahead + right * (across + offset(i)) + down * (below + offset(j));
                    let seen = lens.project(ray.into()).map_or([0.0; 3], |pixel| pixels.at(pixel));
                    (0..3).for_each(|c| sum[c] += seen[c]);
                }
            }
            let scale = 1.0 / (255.0 * (samples * samples) as f32);
            for (c, value) in sum.into_iter().enumerate() {
                out[(c * rows + row) * columns + column] = value * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lens that distorts, and an image that is red within half a metre of a place 10 m ahead and to the right.
    #[test]
    fn a_light_lies_in_the_middle_of_its_piece_whatever_the_lens_does() {
        let lens = Pinhole::new([1152, 600], [620.0; 2], [578.0, 418.0], [-0.11, 0.014, 0.0004, -0.0003, 0.0]);
        let center = Vector3::new(6.0, -2.0, 10.0);
        let mut data = vec![0; 1152 * 600 * 3];
        for row in 0..600 {
            for column in 0..1152 {
                let [x, y] = lens.ray([f64::from(column), f64::from(row)]);
                let red = (Vector3::new(x, y, 1.0) * 10.0 - center).norm() < 0.2;
                data[(row as usize * 1152 + column as usize) * 3] = if red { 255 } else { 0 };
            }
        }
        for bgr in [false, true] {
            let pixels = Pixels { data: &data, step: 1152 * 3, size: [1152, 600], bgr };
            let sight = Sight { center, distance_m: center.norm(), height_m: 0.9 };
            let mut out = vec![0.0; CROP_LEN];
            cut(&pixels, &lens, &sight, &mut out);
            let (mut sum, mut at) = (0.0, [0.0; 2]);
            let channel = if bgr { 2 } else { 0 };
            for row in 0..64 {
                for column in 0..32 {
                    let value = f64::from(out[(channel * 64 + row) * 32 + column]);
                    sum += value;
                    at = [at[0] + value * column as f64, at[1] + value * row as f64];
                }
            }
            let middle = [at[0] / sum - 15.5, at[1] / sum - 31.5];
            assert!(sum > 20.0 && middle.iter().all(|off| off.abs() < 0.7), "{sum}, {middle:?}");
            let other: f32 = out[(2 - channel) * 64 * 32..][..64 * 32].iter().sum();
            assert!(other == 0.0, "no blue where red is");
        }
    }
}
