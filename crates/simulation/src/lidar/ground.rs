use geometry::{Map, Point2};

/// What the ground is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum GroundKind {
    /// Grass and earth: rough.
    Verge = 0,
    /// Road surface.
    Asphalt = 1,
    /// Road marking.
    Paint = 2,
    /// Pavement slabs.
    Pavement = 3,
}

impl GroundKind {
    /// Diffuse reflectivity and roughness (m).
    pub(crate) fn optics(self) -> (f64, f64) {
        match self {
            Self::Verge => (0.35, 0.05),
            Self::Asphalt => (0.14, 0.006),
            Self::Paint => (0.65, 0.006),
            Self::Pavement => (0.28, 0.008),
        }
    }
}

/// The ground under a scene: heights on one grid, kinds on a finer one.
///
/// Outside its grids the ground goes on level and as verge.
#[derive(Debug, Clone)]
pub struct Ground {
    heights: Grid<f32>,
    kinds: Grid<u8>,
    flat: Option<f64>,
}

#[derive(Debug, Clone)]
struct Grid<T> {
    origin: Point2<Map>,
    cell_m: f64,
    columns: usize,
    rows: usize,
    values: Vec<T>,
}

impl<T: Copy> Grid<T> {
    fn new(from: Point2<Map>, to: Point2<Map>, cell_m: f64, value: T) -> Self {
        let count = |a: f64, b: f64| ((b - a) / cell_m).ceil().max(1.0) as usize + 1;
        let (columns, rows) = (count(from.x, to.x), count(from.y, to.y));
        Self { origin: from, cell_m, columns, rows, values: vec![value; columns * rows] }
    }

    /// Index of the cell's corner and the place within the cell; outside points are moved to the rim.
    fn locate(&self, x: f64, y: f64) -> (usize, usize, f64, f64) {
        let u = ((x - self.origin.x) / self.cell_m).clamp(0.0, (self.columns - 1) as f64);
        let v = ((y - self.origin.y) / self.cell_m).clamp(0.0, (self.rows - 1) as f64);
        let (i, j) = ((u as usize).min(self.columns.saturating_sub(2)), (v as usize).min(self.rows.saturating_sub(2)));
        (i, j, u - i as f64, v - j as f64)
    }

    fn cell(&self, x: f64, y: f64) -> Option<usize> {
        let (u, v) = ((x - self.origin.x) / self.cell_m, (y - self.origin.y) / self.cell_m);
        let inside = u >= 0.0 && v >= 0.0 && u < self.columns as f64 && v < self.rows as f64;
        inside.then(|| v as usize * self.columns + u as usize)
    }
}

impl Ground {
    /// Level ground at height `z` (m), all of one kind.
    pub fn level(z: f64, kind: GroundKind) -> Self {
        let corner = Point2::ZERO;
        Self {
            heights: Grid::new(corner, corner, 1.0, z as f32),
            kinds: Grid::new(corner, corner, 1e6, kind as u8),
            flat: Some(z),
        }
        .shifted_kinds()
    }

    /// A one-kind grid must reach around the origin.
    fn shifted_kinds(mut self) -> Self {
        self.kinds.origin = Point2::new(-1e6, -1e6);
        self
    }

    /// Ground over the rectangle `from..to`, with heights sampled from `height` each `cell_m` metres.
    pub fn sampled(
        from: Point2<Map>,
        to: Point2<Map>,
        cell_m: f64,
        mut height: impl FnMut(Point2<Map>) -> f64,
    ) -> Self {
        let mut heights = Grid::new(from, to, cell_m, 0.0f32);
        for j in 0..heights.rows {
            for i in 0..heights.columns {
                let place = Point2::new(from.x + i as f64 * cell_m, from.y + j as f64 * cell_m);
                heights.values[j * heights.columns + i] = height(place) as f32;
            }
        }
        let first = heights.values[0];
        let flat = heights.values.iter().all(|z| (z - first).abs() < 1e-3).then_some(f64::from(first));
        let area = (to.x - from.x) * (to.y - from.y);
        let fine = (area / 2.4e7).sqrt().max(0.1);
        Self { heights, kinds: Grid::new(from, to, fine, GroundKind::Verge as u8), flat }
    }

    /// Height at a place, m (bilinear).
    pub fn height(&self, x: f64, y: f64) -> f64 {
        if let Some(z) = self.flat {
            return z;
        }
        let grid = &self.heights;
        let (i, j, u, v) = grid.locate(x, y);
        let at =
            |i: usize, j: usize| f64::from(grid.values[j.min(grid.rows - 1) * grid.columns + i.min(grid.columns - 1)]);
        let low = at(i, j) * (1.0 - u) + at(i + 1, j) * u;
        let high = at(i, j + 1) * (1.0 - u) + at(i + 1, j + 1) * u;
        low * (1.0 - v) + high * v
    }

    /// What the ground is made of at a place.
    pub fn kind(&self, x: f64, y: f64) -> GroundKind {
        match self.kinds.cell(x, y).map_or(0, |cell| self.kinds.values[cell]) {
            1 => GroundKind::Asphalt,
            2 => GroundKind::Paint,
            3 => GroundKind::Pavement,
            _ => GroundKind::Verge,
        }
    }

    /// The height everywhere, where the ground is level.
    pub fn flat(&self) -> Option<f64> {
        self.flat
    }

    /// Lays a kind over a convex polygon; `over` says which kinds it may cover.
    pub fn pave(&mut self, polygon: &[Point2<Map>], kind: GroundKind, over: &[GroundKind]) {
        let grid = &mut self.kinds;
        let bound = |get: fn(&Point2<Map>) -> f64| {
            polygon.iter().map(get).fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
        };
        let ((x0, x1), (y0, y1)) = (bound(|p| p.x), bound(|p| p.y));
        let clamp =
            |v: f64, origin: f64, count: usize| ((v - origin) / grid.cell_m).clamp(0.0, count as f64 - 1.0) as usize;
        let (i0, i1) = (clamp(x0, grid.origin.x, grid.columns), clamp(x1, grid.origin.x, grid.columns));
        let (j0, j1) = (clamp(y0, grid.origin.y, grid.rows), clamp(y1, grid.origin.y, grid.rows));
        for j in j0..=j1 {
            for i in i0..=i1 {
                let place = Point2::new(
                    grid.origin.x + (i as f64 + 0.5) * grid.cell_m,
                    grid.origin.y + (j as f64 + 0.5) * grid.cell_m,
                );
                let value = &mut grid.values[j * grid.columns + i];
                if over.iter().any(|k| *k as u8 == *value) && inside(polygon, place) {
                    *value = kind as u8;
                }
            }
        }
    }
}

/// Whether a convex polygon of either winding holds the point.
fn inside(polygon: &[Point2<Map>], point: Point2<Map>) -> bool {
    let side = |i: usize| {
        let (a, b) = (polygon[i], polygon[(i + 1) % polygon.len()]);
        (b - a).cross(point - a)
    };
    let (mut left, mut right) = (false, false);
    for i in 0..polygon.len() {
        let value = side(i);
        left |= value > 0.0;
        right |= value < 0.0;
    }
    !(left && right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_is_interpolated_and_rim_goes_on_level() {
        let ground = Ground::sampled(Point2::new(0.0, 0.0), Point2::new(100.0, 40.0), 2.0, |p| p.x * 0.05);
        assert!((ground.height(33.3, 11.0) - 1.665).abs() < 1e-4);
        assert!((ground.height(500.0, 11.0) - ground.height(100.0, 11.0)).abs() < 1e-4);
    }

    #[test]
    fn paving_covers_the_polygon_only() {
        let mut ground = Ground::sampled(Point2::new(0.0, 0.0), Point2::new(50.0, 50.0), 2.0, |_| 0.0);
        let road = [(10.0, 10.0), (40.0, 10.0), (40.0, 14.0), (10.0, 14.0)].map(|(x, y)| Point2::new(x, y));
        ground.pave(&road, GroundKind::Asphalt, &[GroundKind::Verge]);
        assert_eq!(ground.kind(20.0, 12.0), GroundKind::Asphalt);
        assert_eq!(ground.kind(20.0, 15.0), GroundKind::Verge);
        assert!(ground.flat().is_some());
    }
}
