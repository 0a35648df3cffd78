use super::canvas::Canvas;
use crate::random::{bell, combine, hash};

/// A stock of normally distributed numbers that rows take stretches of.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    /// Deviation 16.
    stock: Vec<i8>,
}

const STOCK: usize = 1 << 17;

impl Noise {
    pub fn new() -> Self {
        let draw = |i: usize| (bell(hash(0x0015_e000 ^ i as u64)) * 16.0).round() as i8;
        Self { stock: (0..STOCK).map(draw).collect() }
    }

    /// Adds noise of this deviation (steps of 1/255) to every pixel.
    pub fn add(&self, canvas: &mut Canvas, deviation: f64, key: u64) {
        if deviation <= 0.0 {
            return;
        }
        // Products fit 16 bits, which the processor has many lanes of.
        let (mut gain, mut shift) = ((deviation * 16.0).round() as i16, 8);
        while gain > i16::MAX / 127 {
            (gain, shift) = (gain / 2, shift - 1);
        }
        let row_bytes = canvas.width * 3;
        for (row, pixels) in canvas.pixels.chunks_exact_mut(canvas.width).enumerate() {
            let from = (combine(key, row as u64) % (STOCK - row_bytes) as u64) as usize;
            let bytes = pixels.as_flattened_mut();
            for (value, noise) in bytes.iter_mut().zip(&self.stock[from..from + row_bytes]) {
                let moved = i16::from(*value).wrapping_add(i16::from(*noise).wrapping_mul(gain) >> shift);
                *value = moved.clamp(0, 255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_deviation_asked_for_and_differs_from_image_to_image() {
        let noise = Noise::new();
        let made = |key: u64| {
            let mut canvas = Canvas::new(256, 64);
            canvas.pixels.fill([128; 3]);
            noise.add(&mut canvas, 4.0, key);
            canvas.pixels
        };
        let (first, second) = (made(1), made(2));
        assert_ne!(first, second);
        assert_eq!(first, made(1));
        let values: Vec<f64> = first.as_flattened().iter().map(|v| f64::from(*v) - 128.0).collect();
        let deviation = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
        assert!((deviation - 4.0).abs() < 0.3, "{deviation}");
    }
}
