use std::f64::consts::{PI, TAU};
use std::marker::PhantomData;
use std::ops::{Add, Mul, Sub};

use nalgebra as na;

/// A coordinate frame (REP-105). Each frame's documentation says its origin and axes.
pub trait Frame: Copy + Send + Sync + 'static {
    /// The `frame_id` on the wire.
    const ID: &'static str;
}

macro_rules! frames {
    ($($(#[$doc:meta])* $name:ident = $id:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl Frame for $name { const ID: &'static str = $id; }
    )*};
}

frames! {
    /// Fixed to the ground. Origin: the map file's origin; x east, y north, z up.
    Map = "map";
    /// Fixed to the car. Origin: centre of the rear axle projected to the ground; x forward, y left, z up.
    BaseLink = "base_link";
    /// Fixed to a sensor, where its mounting says; x forward, y left, z up.
    Sensor = "sensor";
}

macro_rules! tagged {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ }) => {
        $(#[$doc])*
        pub struct $name<F> { $(#[doc = "Component in metres."] pub $field: f64,)+ frame: PhantomData<fn() -> F> }
        impl<F> $name<F> {
            #[doc = "From components in metres."]
            pub const fn new($($field: f64),+) -> Self { Self { $($field,)+ frame: PhantomData } }
            #[doc = "The origin, or the null vector."]
            pub const ZERO: Self = Self { $($field: 0.0,)+ frame: PhantomData };
            #[doc = "Whether every component is finite."]
            pub fn is_finite(&self) -> bool { true $(&& self.$field.is_finite())+ }
        }
        impl<F> Clone for $name<F> { fn clone(&self) -> Self { *self } }
        impl<F> Copy for $name<F> {}
        impl<F> PartialEq for $name<F> { fn eq(&self, other: &Self) -> bool { true $(&& self.$field == other.$field)+ } }
        impl<F> std::fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name))$(.field(&self.$field))+.finish()
            }
        }
        impl<F> Default for $name<F> { fn default() -> Self { Self::ZERO } }
    };
}

tagged! {
    /// A position in the plane of frame `F`.
    Point2 { x, y }
}
tagged! {
    /// A displacement or velocity in the plane of frame `F`.
    Vector2 { x, y }
}
tagged! {
    /// A position in frame `F`.
    Point3 { x, y, z }
}

impl<F> Point2<F> {
    /// Distance in metres.
    pub fn distance(self, other: Self) -> f64 {
        (self - other).norm()
    }

    /// The point `ratio` of the way to `other` (0: here, 1: there).
    pub fn lerp(self, other: Self, ratio: f64) -> Self {
        self + (other - self) * ratio
    }

    /// The same point with a height.
    pub fn with_z(self, z: f64) -> Point3<F> {
        Point3::new(self.x, self.y, z)
    }
}

impl<F> Point3<F> {
    /// The point's shadow on the plane.
    pub fn xy(self) -> Point2<F> {
        Point2::new(self.x, self.y)
    }
}

impl<F> Vector2<F> {
    /// The vector of this length (m) and direction (rad).
    pub fn from_polar(length: f64, direction: f64) -> Self {
        let (sin, cos) = direction.sin_cos();
        Self::new(length * cos, length * sin)
    }

    /// Length in metres.
    pub fn norm(self) -> f64 {
        self.x.hypot(self.y)
    }

    /// Direction in radians, in (-pi, pi]; 0 for the null vector.
    pub fn angle(self) -> f64 {
        self.y.atan2(self.x)
    }

    /// Scalar product.
    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    /// The z component of the cross product: positive where `other` points to the left of `self`.
    pub fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }

    /// Turned left by a quarter.
    pub fn perpendicular(self) -> Self {
        Self::new(-self.y, self.x)
    }

    /// Turned left by `angle` (rad).
    pub fn rotated(self, angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self::new(cos * self.x - sin * self.y, sin * self.x + cos * self.y)
    }
}

impl<F> Sub for Point2<F> {
    type Output = Vector2<F>;
    fn sub(self, other: Self) -> Vector2<F> {
        Vector2::new(self.x - other.x, self.y - other.y)
    }
}

impl<F> Add<Vector2<F>> for Point2<F> {
    type Output = Self;
    fn add(self, v: Vector2<F>) -> Self {
        Self::new(self.x + v.x, self.y + v.y)
    }
}

impl<F> Add for Vector2<F> {
    type Output = Self;
    fn add(self, v: Self) -> Self {
        Self::new(self.x + v.x, self.y + v.y)
    }
}

impl<F> Sub for Vector2<F> {
    type Output = Self;
    fn sub(self, v: Self) -> Self {
        Self::new(self.x - v.x, self.y - v.y)
    }
}

impl<F> Mul<f64> for Vector2<F> {
    type Output = Self;
    fn mul(self, k: f64) -> Self {
        Self::new(self.x * k, self.y * k)
    }
}

/// A pose in the plane: where something is in frame `F`, and its heading.
///
/// Read as a transform it takes coordinates of the body into frame `F`.
pub struct Pose2<F> {
    /// Position of the body's origin.
    pub position: Point2<F>,
    /// Heading in radians, left positive, 0 along x.
    pub yaw: f64,
}

impl<F> Clone for Pose2<F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<F> Copy for Pose2<F> {}
impl<F> PartialEq for Pose2<F> {
    fn eq(&self, other: &Self) -> bool {
        self.position == other.position && self.yaw == other.yaw
    }
}
impl<F> std::fmt::Debug for Pose2<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pose2({}, {}, {} rad)", self.position.x, self.position.y, self.yaw)
    }
}
impl<F> Default for Pose2<F> {
    fn default() -> Self {
        Self::new(0.0, 0.0, 0.0)
    }
}

impl<F> Pose2<F> {
    /// From metres and radians.
    pub const fn new(x: f64, y: f64, yaw: f64) -> Self {
        Self { position: Point2::new(x, y), yaw }
    }

    /// Takes a point from the body's frame into `F`.
    pub fn transform<B>(&self, point: Point2<B>) -> Point2<F> {
        self.position + self.rotate(Vector2::<B>::new(point.x, point.y))
    }

    /// Takes a vector from the body's frame into `F`.
    pub fn rotate<B>(&self, vector: Vector2<B>) -> Vector2<F> {
        Vector2::new(vector.x, vector.y).rotated(self.yaw)
    }

    /// Takes a point of `F` into the body's frame.
    pub fn inverse_transform<B>(&self, point: Point2<F>) -> Point2<B> {
        let v = (point - self.position).rotated(-self.yaw);
        Point2::new(v.x, v.y)
    }

    /// Takes a vector of `F` into the body's frame.
    pub fn inverse_rotate<B>(&self, vector: Vector2<F>) -> Vector2<B> {
        let v = vector.rotated(-self.yaw);
        Vector2::new(v.x, v.y)
    }

    /// Takes a pose from the body's frame into `F`.
    pub fn compose<B>(&self, pose: Pose2<B>) -> Pose2<F> {
        Pose2 { position: self.transform(pose.position), yaw: normalize_angle(self.yaw + pose.yaw) }
    }

    /// Takes a pose of `F` into the body's frame.
    pub fn relative<B>(&self, pose: Pose2<F>) -> Pose2<B> {
        Pose2 { position: self.inverse_transform(pose.position), yaw: normalize_angle(pose.yaw - self.yaw) }
    }

    /// The unit vector of the heading.
    pub fn forward(&self) -> Vector2<F> {
        Vector2::from_polar(1.0, self.yaw)
    }

    /// Whether every component is finite.
    pub fn is_finite(&self) -> bool {
        self.position.is_finite() && self.yaw.is_finite()
    }

    /// The heading as a unit quaternion about z.
    pub fn quaternion(&self) -> na::UnitQuaternion<f64> {
        na::UnitQuaternion::from_axis_angle(&na::Vector3::z_axis(), self.yaw)
    }
}

/// The same angle in (-pi, pi]. Not finite in, NaN out.
pub fn normalize_angle(angle: f64) -> f64 {
    let wrapped = (angle + PI).rem_euclid(TAU) - PI;
    if wrapped == -PI { PI } else { wrapped }
}

/// The shortest turn (rad, left positive) from `from` to `to`.
pub fn angle_difference(to: f64, from: f64) -> f64 {
    normalize_angle(to - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transform_and_inverse_cancel() {
        let pose = Pose2::<Map>::new(3.0, -2.0, 2.5);
        let point = Point2::<BaseLink>::new(1.5, 0.25);
        let back: Point2<BaseLink> = pose.inverse_transform(pose.transform(point));
        assert!(back.distance(point) < 1e-12);
    }

    #[test]
    fn angles_wrap_to_half_open_interval() {
        assert_eq!(normalize_angle(-PI), PI);
        assert!((normalize_angle(5.0 * PI / 2.0) - PI / 2.0).abs() < 1e-12);
        assert!(normalize_angle(f64::NAN).is_nan());
    }
}
