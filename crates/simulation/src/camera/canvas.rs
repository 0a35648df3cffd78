use super::view::Corner;

/// Linear light, 1 is what the sensor takes at most, red, green and blue.
pub(crate) type Light = [f32; 3];

/// Steps of the table from light to pixel values.
const STEPS: usize = 4096;

/// From light to pixel values and back: the square root that keeps a sensor's shot noise the same at every brightness.
#[derive(Debug, Clone)]
pub(crate) struct Tone {
    encode: Vec<u8>,
    decode: [f32; 256],
    /// The value of the light of two together, at `256 * one + other`.
    sums: Vec<u8>,
}

impl Tone {
    pub fn new() -> Self {
        let encode = (0..=STEPS).map(|i| ((i as f32 / STEPS as f32).sqrt() * 255.0).round() as u8).collect();
        let decode: [f32; 256] = std::array::from_fn(|i| (i as f32 / 255.0).powi(2));
        let sum = |i: usize| ((decode[i / 256] + decode[i % 256]).sqrt().min(1.0) * 255.0).round() as u8;
        Self { encode, sums: (0..1 << 16).map(sum).collect(), decode }
    }

    pub fn encode(&self, light: Light) -> [u8; 3] {
        light.map(|v| self.encode[(v.clamp(0.0, 1.0) * STEPS as f32) as usize])
    }

    /// What more light, as a pixel alone would show it, makes of pixels.
    pub fn brighten(&self, pixels: &mut [[u8; 3]], more: [u8; 3]) {
        let rows = more.map(|m| &self.sums[usize::from(m) * 256..][..256]);
        for pixel in pixels {
            for (value, row) in pixel.iter_mut().zip(rows) {
                *value = row[usize::from(*value)];
            }
        }
    }

    pub fn decode(&self, pixel: [u8; 3]) -> Light {
        pixel.map(|v| self.decode[usize::from(v)])
    }
}

/// An image in the making, with the depth of each pixel.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub width: usize,
    pub height: usize,
    /// Red, green, blue.
    pub pixels: Vec<[u8; 3]>,
    /// 1 / depth, 1/m; 0 for the sky.
    pub nearness: Vec<f32>,
}

impl Canvas {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0; 3]; width * height], nearness: vec![0.0; width * height] }
    }

    /// Fills a convex polygon where nothing nearer is.
    pub fn fill(&mut self, corners: &[Corner], color: [u8; 3]) {
        if corners.len() < 3 {
            return;
        }
        let (top, bottom) = corners.iter().fold((f32::MAX, f32::MIN), |(a, b), c| (a.min(c.y), b.max(c.y)));
        let first = top.ceil().max(0.0) as usize;
        let last = bottom.floor().min(self.height as f32 - 1.0);
        if last < 0.0 {
            return;
        }
        for row in first..=last as usize {
            let y = row as f32;
            // x and nearness where the outline crosses the row: the first and the last of them.
            let (mut left, mut right) = ((f32::MAX, 0.0), (f32::MIN, 0.0));
            for (index, to) in corners.iter().enumerate() {
                let from = &corners[(index + corners.len() - 1) % corners.len()];
                if (from.y <= y) == (to.y <= y) {
                    continue;
                }
                let share = (y - from.y) / (to.y - from.y);
                let at = (from.x + share * (to.x - from.x), from.nearness + share * (to.nearness - from.nearness));
                if at.0 < left.0 {
                    left = at;
                }
                if at.0 > right.0 {
                    right = at;
                }
            }
            let (from, to) = (left.0.ceil().max(0.0), right.0.floor().min(self.width as f32 - 1.0));
            if from > to {
                continue;
            }
            let slope = (right.1 - left.1) / (right.0 - left.0).max(1e-6);
            let mut nearness = left.1 + slope * (from - left.0);
            let span = row * self.width + from as usize..=row * self.width + to as usize;
            for (pixel, depth) in self.pixels[span.clone()].iter_mut().zip(&mut self.nearness[span]) {
                if nearness > *depth {
                    (*pixel, *depth) = (color, nearness);
                }
                nearness += slope;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_polygon_hides_the_other_whichever_is_drawn_first() {
        let square =
            |nearness: f32| [(2.0, 2.0), (8.0, 2.0), (8.0, 8.0), (2.0, 8.0)].map(|(x, y)| Corner { x, y, nearness });
        for order in [[0, 1], [1, 0]] {
            let mut canvas = Canvas::new(16, 16);
            for which in order {
                canvas.fill(&square([0.1, 0.2][which]), [which as u8 + 1; 3]);
            }
            assert_eq!(canvas.pixels[5 * 16 + 5], [2; 3]);
            assert_eq!(canvas.pixels[12 * 16 + 5], [0; 3]);
        }
    }

    #[test]
    fn light_comes_back_from_pixels_within_a_step() {
        let tone = Tone::new();
        for value in [0.01, 0.2, 0.7, 1.0] {
            let [back, ..] = tone.decode(tone.encode([value; 3]));
            assert!((back - value).abs() < 0.01, "{value} came back as {back}");
            let mut pixels = [tone.encode([0.1; 3])];
            tone.brighten(&mut pixels, tone.encode([value; 3]));
            let [sum, ..] = tone.decode(pixels[0]);
            assert!((sum - (value + 0.1).min(1.0)).abs() < 0.01, "0.1 and {value} became {sum}");
        }
    }
}
