/// An oriented box in the frame of the points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Box3 {
    /// Index among the manifest's classes.
    pub class: usize,
    /// How sure the network is, 0..=1.
    pub score: f32,
    /// Its centre, m.
    pub center: [f32; 3],
    /// Length, width and height, m.
    pub size: [f32; 3],
    /// Heading, rad.
    pub yaw: f32,
    /// Velocity along x and y, m/s, where the network tells it.
    pub velocity: Option<[f32; 2]>,
}

/// A box in an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Box2 {
    /// Index among the manifest's classes.
    pub class: usize,
    /// How sure the network is, 0..=1.
    pub score: f32,
    /// Left, top, right and bottom, pixels of the camera's image.
    pub edges: [f32; 4],
}

/// What non-maximum suppression needs of a box.
pub trait Overlap {
    /// How sure the network is.
    fn score(&self) -> f32;
    /// The class: boxes of different ones do not suppress each other.
    fn class(&self) -> usize;
    /// Area of both over area of either, 0..=1.
    fn intersection_over_union(&self, other: &Self) -> f32;
}

impl Overlap for Box2 {
    fn score(&self) -> f32 {
        self.score
    }

    fn class(&self) -> usize {
        self.class
    }

    fn intersection_over_union(&self, other: &Self) -> f32 {
        let area = |e: [f32; 4]| (e[2] - e[0]).max(0.0) * (e[3] - e[1]).max(0.0);
        let (a, b) = (self.edges, other.edges);
        let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
        both / (area(a) + area(b) - both).max(f32::MIN_POSITIVE)
    }
}

impl Overlap for Box3 {
    fn score(&self) -> f32 {
        self.score
    }

    fn class(&self) -> usize {
        self.class
    }

    /// Seen from above.
    fn intersection_over_union(&self, other: &Self) -> f32 {
        let reach = |of: &Self| 0.5 * of.size[0].hypot(of.size[1]);
        let apart = (self.center[0] - other.center[0]).hypot(self.center[1] - other.center[1]);
        if apart >= reach(self) + reach(other) {
            return 0.0;
        }
        let both = area(&clip(&self.corners(), &other.corners()));
        let areas = self.size[0] * self.size[1] + other.size[0] * other.size[1];
        both / (areas - both).max(f32::MIN_POSITIVE)
    }
}

impl Box3 {
    /// Corners seen from above, counterclockwise.
    fn corners(&self) -> Vec<[f32; 2]> {
        let (sin, cos) = self.yaw.sin_cos();
        let (half_length, half_width) = (0.5 * self.size[0], 0.5 * self.size[1]);
        let corner = |(x, y): (f32, f32)| {
            let (along, across) = (x * half_length, y * half_width);
            [self.center[0] + cos * along - sin * across, self.center[1] + sin * along + cos * across]
        };
        [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)].map(corner).to_vec()
    }
}

/// A polygon cut by the edges of a convex, counterclockwise one (Sutherland and Hodgman).
fn clip(polygon: &[[f32; 2]], by: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let mut kept = polygon.to_vec();
    for (i, from) in by.iter().enumerate() {
        let to = by[(i + 1) % by.len()];
        let left = |p: &[f32; 2]| (to[0] - from[0]) * (p[1] - from[1]) - (to[1] - from[1]) * (p[0] - from[0]);
        let before = std::mem::take(&mut kept);
        for (j, here) in before.iter().enumerate() {
            let next = &before[(j + 1) % before.len()];
            let (a, b) = (left(here), left(next));
            if a >= 0.0 {
                kept.push(*here);
            }
            if (a >= 0.0) != (b >= 0.0) {
                let t = a / (a - b);
                kept.push([here[0] + t * (next[0] - here[0]), here[1] + t * (next[1] - here[1])]);
            }
        }
    }
    kept
}

fn area(polygon: &[[f32; 2]]) -> f32 {
    let cross = |(i, p): (usize, &[f32; 2])| {
        let q = polygon[(i + 1) % polygon.len()];
        p[0] * q[1] - p[1] * q[0]
    };
    0.5 * polygon.iter().enumerate().map(cross).sum::<f32>().abs()
}

/// The best boxes, best first, of which none of one class overlap by more than `threshold`; at most `most` are kept.
pub fn non_max_suppression<B: Overlap>(mut boxes: Vec<B>, threshold: f32, most: usize) -> Vec<B> {
    boxes.sort_by(|a, b| b.score().total_cmp(&a.score()));
    let mut kept: Vec<B> = Vec::new();
    for one in boxes {
        if kept.len() == most {
            break;
        }
        let same = |better: &B| better.class() == one.class() && better.intersection_over_union(&one) > threshold;
        if !kept.iter().any(same) {
            kept.push(one);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn box3(x: f32, yaw: f32, score: f32, class: usize) -> Box3 {
        Box3 { class, score, center: [x, 0.0, 0.0], size: [4.0, 2.0, 1.5], yaw, velocity: None }
    }

    #[test]
    fn turned_boxes_overlap_as_geometry_says() {
        let one = box3(0.0, 0.0, 0.9, 0);
        assert!((one.intersection_over_union(&one) - 1.0).abs() < 1e-5);
        // A quarter turn leaves a square of 2 by 2 of 8 and 8.
        assert!(
            (one.intersection_over_union(&box3(0.0, std::f32::consts::FRAC_PI_2, 0.8, 0)) - 4.0 / 12.0).abs() < 1e-4
        );
        assert!((one.intersection_over_union(&box3(2.0, 0.0, 0.8, 0)) - 4.0 / 12.0).abs() < 1e-4);
        assert_eq!(one.intersection_over_union(&box3(10.0, 0.3, 0.8, 0)), 0.0);
    }

    #[test]
    fn the_best_of_a_class_suppresses_what_it_covers() {
        let boxes =
            vec![box3(0.2, 0.0, 0.5, 0), box3(0.0, 0.0, 0.9, 0), box3(0.0, 0.0, 0.4, 1), box3(8.0, 0.0, 0.6, 0)];
        let kept = non_max_suppression(boxes.clone(), 0.2, 10);
        assert_eq!(kept.iter().map(|b| b.score).collect::<Vec<_>>(), [0.9, 0.6, 0.4]);
        assert_eq!(non_max_suppression(boxes, 0.2, 1).len(), 1);
    }
}
