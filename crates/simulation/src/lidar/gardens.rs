//! Front gardens: what stands close behind the pavement of a residential street, and looks like a row of vehicles to a laser.

use geometry::{Map, OrientedBox, Point2, Pose2};

use super::clutter;
use super::ground::Ground;
use super::scene::Instance;
use crate::actor::Actor;
use crate::random::Random;

/// Walls, railings, hedges, shrubs and trees on both sides of a street along x whose pavement ends `edge` (m) beside its
/// middle. They grow into each other; nothing grows where a road user is.
pub fn front_gardens(ground: &Ground, edge: f64, actors: &[Actor], random: &mut Random) -> Vec<Instance> {
    let taken = actors.iter().map(|a| a.footprint().inflated(0.1)).collect();
    let mut gardens = Gardens { ground, edge, taken, fixtures: Vec::new() };
    for side in [-1.0, 1.0] {
        let mut x = -105.0;
        while x < 105.0 {
            let length = random.uniform(5.0, 28.0);
            gardens.plant(side, [x, x + length], random);
            // A drive or a path between two gardens.
            x += length + if random.chance(0.4) { random.uniform(1.0, 5.0) } else { 0.0 };
        }
    }
    gardens.fixtures
}

struct Gardens<'a> {
    ground: &'a Ground,
    edge: f64,
    taken: Vec<OrientedBox<Map>>,
    fixtures: Vec<Instance>,
}

impl Gardens<'_> {
    /// One garden from `x[0]` to `x[1]`: what parts it from the pavement, and a row or two of plants.
    fn plant(&mut self, side: f64, x: [f64; 2], random: &mut Random) {
        let length = x[1] - x[0];
        let edge = self.edge;
        let middle = |beside: f64| Pose2::new((x[0] + x[1]) / 2.0, side * (edge + beside), 0.0);
        let wall = [length, random.uniform(0.15, 0.4), random.uniform(0.3, 1.3)];
        let stone = random.uniform(0.25, 0.6);
        let at = middle(wall[1] / 2.0);
        let raised = match random.index(5) {
            0 | 1 => {
                self.stand(at, wall, 0.0, || clutter::block(wall, stone));
                // Earth behind the wall, as high as it.
                let earth = [length, random.uniform(3.0, 6.0), wall[2] - 0.05];
                let kept = random.chance(0.4)
                    && self.stand(middle(wall[1] + earth[1] / 2.0), earth, 0.0, || clutter::block(earth, 0.35));
                if kept { earth[2] } else { 0.0 }
            }
            2 => {
                self.stand(at, wall, 0.0, || clutter::block(wall, stone));
                let railing = [length, 0.05, random.uniform(0.4, 1.0)];
                self.stand(at, railing, wall[2], || clutter::fence(railing, random));
                0.0
            }
            3 => {
                let fence = [length, random.uniform(0.04, 0.15), random.uniform(0.7, 1.9)];
                self.stand(at, fence, 0.0, || clutter::fence(fence, random));
                0.0
            }
            _ => 0.0,
        };
        for row in 0..1 + random.index(2) {
            let back = f64::from(row as u32) * 2.0;
            let kind = random.index(4);
            if kind == 0 {
                let hedge = [length, random.uniform(0.6, 1.8), random.uniform(0.9, 3.2)];
                let place = Pose2::new(
                    (x[0] + x[1]) / 2.0,
                    side * (self.edge + back + 0.2 + hedge[1] / 2.0),
                    random.normal(0.0, 0.01),
                );
                self.stand(place, hedge, raised, || clutter::bush(hedge, random));
                continue;
            }
            let apart = if kind == 3 { [2.5, 7.0] } else { [0.7, 2.6] };
            let mut along = x[0] + random.uniform(0.0, 1.0);
            while along < x[1] {
                let depth = random.uniform(0.7, 2.6);
                let beside = self.edge + back + depth / 2.0 + random.uniform(-0.3, 1.2);
                let place = Pose2::new(along, side * beside, random.uniform(-3.1, 3.1));
                if kind == 3 {
                    let height = random.uniform(2.5, 9.0);
                    self.stand(place, [0.6, 0.6, height], raised, || clutter::tree(height, random));
                } else {
                    let size = [random.uniform(0.8, 3.4), depth, random.uniform(0.6, 1.6) * random.uniform(1.0, 2.5)];
                    self.stand(place, size, raised, || clutter::shrub(size, random));
                }
                along += random.uniform(apart[0], apart[1]);
            }
        }
    }

    /// Puts a body there, at a height above the ground, unless a road user is in its place; whether it stands.
    fn stand(
        &mut self,
        pose: Pose2<Map>,
        [length, width, _]: [f64; 3],
        above: f64,
        body: impl FnOnce() -> std::sync::Arc<super::Body>,
    ) -> bool {
        // Long ones are tested where they are: a car in a drive takes the whole of a wall away, as a gate does.
        let footprint = OrientedBox::new(pose, length, width);
        if self.taken.iter().any(|taken| taken.overlaps(&footprint)) {
            return false;
        }
        let Point2 { x, y, .. } = pose.position;
        self.fixtures.push(Instance::fixture([x, y, self.ground.height(x, y) + above], pose.yaw, body()));
        true
    }
}
