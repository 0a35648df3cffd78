use vehicle::Vehicle;

use crate::cloud::Point;
use crate::terrain::Terrain;

/// Side of a cell, m.
pub const CELL_M: f64 = 0.32;
/// Cells along x (forward).
pub const ROWS: usize = 352;
/// Cells along y (left).
pub const COLUMNS: usize = 256;
/// Corner of the grid in `base_link`, m: least x and least y.
pub const ORIGIN_M: [f64; 2] = [-40.96, -40.96];
/// Numbers of a cell.
pub const FEATURES: usize = 8;
/// Channels, rows and columns of the network's input: two by two cells are folded into one place.
pub const INPUT: [usize; 3] = [4 * FEATURES, ROWS / 2, COLUMNS / 2];

/// Upper ends of the slices of height above ground in which points are counted, m; the last begins under the ground.
pub const SLICES_M: [f64; 7] = [0.2, 0.5, 0.9, 1.3, 1.8, 2.6, LID_M];
const FLOOR_M: f64 = -0.5;
const LID_M: f64 = 4.0;
const HIGHEST: usize = 7;
/// As many points in one slice of one cell count as full.
const FULL: f32 = 32.0;
/// Points this near to the car's own box are taken to be of the car, m.
const OWN_MARGIN_M: f64 = 0.15;

/// What the network sees: for each cell the logarithm of the number of points in seven slices of height above ground,
/// and the greatest height, all in 0..=1. Nothing in it depends on how high the sensor sits or how strong its echoes are.
#[derive(Debug, Clone)]
pub struct Grid {
    tensor: Vec<f32>,
    touched: Vec<u32>,
    terrain: Terrain,
    own: [[f64; 2]; 3],
}

impl Grid {
    /// An empty grid around this car.
    pub fn new(vehicle: &Vehicle) -> Self {
        let half = vehicle.width_m / 2.0 + OWN_MARGIN_M;
        let own = [
            [-vehicle.rear_overhang_m - OWN_MARGIN_M, vehicle.front_m() + OWN_MARGIN_M],
            [-half, half],
            [-1.0, vehicle.height_m + 1.0],
        ];
        Self {
            tensor: vec![0.0; INPUT[0] * INPUT[1] * INPUT[2]],
            touched: Vec::with_capacity(16_384),
            terrain: Terrain::default(),
            own,
        }
    }

    /// Fills the grid anew with points in `base_link`; those on the own car and beyond the grid are left out. Gives how
    /// many were used. Allocates nothing once it has grown.
    pub fn fill(&mut self, points: &[Point]) -> usize {
        for &cell in &self.touched {
            for feature in 0..FEATURES {
                self.tensor[index(cell as usize, feature)] = 0.0;
            }
        }
        self.touched.clear();
        self.terrain.estimate(points);
        let mut used = 0;
        for point in points {
            let [x, y, z] = point.position;
            let (u, v) = ((x - ORIGIN_M[0]) / CELL_M, (y - ORIGIN_M[1]) / CELL_M);
            let inside = u >= 0.0 && v >= 0.0 && u < ROWS as f64 && v < COLUMNS as f64;
            if !inside || self.is_own(point.position) {
                continue;
            }
            let height = z - self.terrain.height(x, y);
            if !(FLOOR_M..LID_M).contains(&height) {
                continue;
            }
            used += 1;
            let cell = u as usize * COLUMNS + v as usize;
            let slice = SLICES_M.iter().position(|top| height < *top).unwrap_or(SLICES_M.len() - 1);
            self.tensor[index(cell, slice)] += 1.0;
            let level = ((height - FLOOR_M) / (LID_M - FLOOR_M)) as f32;
            let highest = &mut self.tensor[index(cell, HIGHEST)];
            if *highest == 0.0 {
                self.touched.push(cell as u32);
            }
            *highest = highest.max(level.max(1e-3));
        }
        for &cell in &self.touched {
            for slice in 0..SLICES_M.len() {
                let value = &mut self.tensor[index(cell as usize, slice)];
                *value = (value.ln_1p() / FULL.ln_1p()).min(1.0);
            }
        }
        used
    }

    fn is_own(&self, position: [f64; 3]) -> bool {
        position.iter().zip(&self.own).all(|(value, [low, high])| (*low..=*high).contains(value))
    }

    /// The network's input, `[INPUT]` row-major: channel `4 features (2 (row % 2) + column % 2)` and on, row / 2, column / 2.
    pub fn tensor(&self) -> &[f32] {
        &self.tensor
    }

    /// The ground under the points of the last [`Self::fill`].
    pub fn terrain(&self) -> &Terrain {
        &self.terrain
    }

    /// The cells that hold points (`row * COLUMNS + column`) with their features, in the order of first hits.
    pub fn cells(&self) -> impl Iterator<Item = (u32, [f32; FEATURES])> {
        self.touched
            .iter()
            .map(|&cell| (cell, std::array::from_fn(|feature| self.tensor[index(cell as usize, feature)])))
    }
}

/// Where a cell's feature stands in the tensor.
fn index(cell: usize, feature: usize) -> usize {
    let (row, column) = (cell / COLUMNS, cell % COLUMNS);
    let channel = ((row & 1) * 2 + (column & 1)) * FEATURES + feature;
    (channel * INPUT[1] + row / 2) * INPUT[2] + column / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64, z: f64) -> Point {
        Point { position: [x, y, z], intensity: 0.0, time_s: 0.0 }
    }

    #[test]
    fn a_point_lands_in_its_cell_and_slice_and_is_gone_in_the_next_frame() {
        let mut grid = Grid::new(&Vehicle::default());
        assert_eq!(grid.fill(&[at(10.1, -3.0, 1.0), at(1.0, 0.0, 1.0), at(500.0, 0.0, 0.0)]), 1);
        let cells: Vec<_> = grid.cells().collect();
        let [row, column] = [(10.1 + 40.96) / CELL_M, (-3.0 + 40.96) / CELL_M].map(|v| v as usize);
        assert_eq!(cells.len(), 1);
        assert_eq!(cells[0].0 as usize, row * COLUMNS + column);
        assert!(cells[0].1[3] > 0.1 && cells[0].1[0] == 0.0 && (cells[0].1[7] - 1.5 / 4.5).abs() < 1e-6);
        grid.fill(&[]);
        assert!(grid.tensor().iter().all(|v| *v == 0.0));
    }

    #[test]
    fn features_stay_within_zero_and_one() {
        let mut grid = Grid::new(&Vehicle::default());
        let points: Vec<Point> = (0..5000).map(|i| at(12.0, 2.0, f64::from(i % 50) * 0.1 - 1.0)).collect();
        grid.fill(&points);
        assert!(grid.tensor().iter().all(|v| (0.0..=1.0).contains(v)));
    }
}
