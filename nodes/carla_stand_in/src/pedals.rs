//! What the stand-in's car does by its pedals: a car of no make.

/// Power for each kilogram, W/kg.
const POWER_W_KG: f64 = 70.0;
/// Most that the tyres or the gearbox let through, m/s².
const TRACTION_MPS2: f64 = 4.2;
/// Most that the brakes do, m/s².
const BRAKES_MPS2: f64 = 7.8;

/// Acceleration, m/s², on a level road at a speed, m/s; pedals 0..=1.
pub fn acceleration(throttle: f64, brake: f64, speed: f64) -> f64 {
    let drive = TRACTION_MPS2.min(POWER_W_KG / speed.max(1.0));
    // Rolling, engine and air; a standing car is not pulled backward.
    let drag = (0.2 + 0.015 * speed + 0.000_4 * speed * speed) * speed.clamp(0.0, 1.0);
    throttle * (drive + drag) - drag - brake * BRAKES_MPS2
}
