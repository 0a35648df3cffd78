use crate::grid::{CELL_M, COLUMNS, ORIGIN_M, ROWS, place};

/// Side of a patch of ground, m.
const PATCH_M: f64 = 2.56;
const PER_PATCH: usize = 8;
const PATCH_ROWS: usize = ROWS / PER_PATCH;
const PATCH_COLUMNS: usize = COLUMNS / PER_PATCH;
/// The ground rises and falls by no more than this from one patch to the next, m: 10% and what noise adds.
const RISE_M: f64 = 0.3;
const FALL_M: f64 = 0.36;
/// How much a patch's own lowest point counts beside its neighbours.
const OWN_WEIGHT: f64 = 0.7;

/// Height of the ground in `base_link` on a raster of patches, from the lowest points, grown outward from the car, which
/// stands on it. Where no ground is seen, or what is lowest is too high to be ground, it goes on as its neighbours.
#[derive(Debug, Clone)]
pub struct Terrain {
    lowest: Vec<f64>,
    heights: Vec<f32>,
    /// Patches in the order in which they are settled: nearest to the car first.
    order: Vec<usize>,
}

impl Default for Terrain {
    fn default() -> Self {
        let count = PATCH_ROWS * PATCH_COLUMNS;
        let distance = |patch: &usize| {
            let [x, y] = center(*patch);
            x * x + y * y
        };
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.cmp(b)));
        Self { lowest: vec![f64::INFINITY; count], heights: vec![0.0; count], order }
    }
}

fn center(patch: usize) -> [f64; 2] {
    let (i, j) = (patch / PATCH_COLUMNS, patch % PATCH_COLUMNS);
    [ORIGIN_M[0] + (i as f64 + 0.5) * PATCH_M, ORIGIN_M[1] + (j as f64 + 0.5) * PATCH_M]
}

impl Terrain {
    /// Begins anew, without points.
    pub(crate) fn clear(&mut self) {
        self.lowest.fill(f64::INFINITY);
    }

    /// A point at this height in this cell of the grid, `row * COLUMNS + column`.
    #[inline]
    pub(crate) fn see(&mut self, cell: usize, z: f64) {
        let lowest = &mut self.lowest[cell / COLUMNS / PER_PATCH * PATCH_COLUMNS + cell % COLUMNS / PER_PATCH];
        if z < *lowest {
            *lowest = z;
        }
    }

    /// The ground under the points seen.
    pub(crate) fn settle(&mut self) {
        self.heights.fill(f32::NAN);
        for (rank, &patch) in self.order.iter().enumerate() {
            let expected = if rank == 0 { 0.0 } else { self.around(patch) };
            let step = self.lowest[patch] - expected;
            let ground = (-FALL_M..=RISE_M).contains(&step);
            self.heights[patch] = (expected + if ground { OWN_WEIGHT * step } else { 0.0 }) as f32;
        }
    }

    /// Mean height of the settled patches next to one.
    fn around(&self, patch: usize) -> f64 {
        let (i, j) = (patch / PATCH_COLUMNS, patch % PATCH_COLUMNS);
        let (mut sum, mut count) = (0.0, 0.0);
        for row in i.saturating_sub(1)..=(i + 1).min(PATCH_ROWS - 1) {
            for column in j.saturating_sub(1)..=(j + 1).min(PATCH_COLUMNS - 1) {
                let height = self.heights[row * PATCH_COLUMNS + column];
                if height.is_finite() {
                    sum += f64::from(height);
                    count += 1.0;
                }
            }
        }
        if count > 0.0 { sum / count } else { 0.0 }
    }

    /// Height at a place in `base_link`, m: bilinear between the patches' centres, level beyond the raster.
    pub fn height(&self, x: f64, y: f64) -> f64 {
        f64::from(self.height_at(place(x, y).map(|cells| cells as f32)))
    }

    /// [`Self::height`] at a place told in the grid's cells along x and y.
    #[inline(always)]
    pub(crate) fn height_at(&self, [u, v]: [f32; 2]) -> f32 {
        let split = |cells: f32, count: usize| {
            let u = cells / PER_PATCH as f32 - 0.5;
            let low = (u as i32).clamp(0, count as i32 - 2);
            let rest = u - low as f32;
            // Beyond the outermost centres it is level.
            let rest = if rest > 0.0 { rest } else { 0.0 };
            (low as usize, if rest < 1.0 { rest } else { 1.0 })
        };
        let (i, u) = split(u, PATCH_ROWS);
        let (j, v) = split(v, PATCH_COLUMNS);
        let along = |i: usize| {
            let [from, to] = [self.heights[i * PATCH_COLUMNS + j], self.heights[i * PATCH_COLUMNS + j + 1]];
            from + v * (to - from)
        };
        let (low, high) = (along(i), along(i + 1));
        low + u * (high - low)
    }
}

const _: () = assert!((PER_PATCH as f64 * CELL_M - PATCH_M).abs() < 1e-9);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::cell_at;

    fn over(points: &[[f64; 3]]) -> Terrain {
        let mut terrain = Terrain::default();
        terrain.clear();
        for [x, y, z] in points {
            let [u, v] = place(*x, *y);
            terrain.see(cell_at(u, v).unwrap(), *z);
        }
        terrain.settle();
        terrain
    }

    #[test]
    fn follows_a_slope_and_goes_on_behind_what_hides_it() {
        let mut points = Vec::new();
        for i in 0..110 {
            for j in -30..30 {
                let (x, y) = (f64::from(i) * 0.5 + 4.0, f64::from(j));
                // A wall from 20 m on hides the ground to the right.
                let z = if x > 20.0 && y < -10.0 { 0.05 * x + 2.0 } else { 0.05 * x };
                points.push([x, y, z]);
            }
        }
        let terrain = over(&points);
        for x in [10.0, 25.0, 50.0] {
            assert!((terrain.height(x, 0.0) - 0.05 * x).abs() < 0.2, "{x}: {}", terrain.height(x, 0.0));
        }
        assert!(terrain.height(30.0, -20.0) < 2.0);
    }

    #[test]
    fn without_points_it_is_level() {
        let terrain = over(&[]);
        assert_eq!(terrain.height(30.0, 5.0), 0.0);
        assert_eq!(terrain.height(1e9, -1e9), 0.0);
    }
}
