//! What carla_ackermann_control 0.9.13 makes of AckermannDrive, up to the acceleration that it is after; that its inner
//! loop on the pedals reaches it is taken for granted.

use msgs::ackermann_msgs::msg::AckermannDrive;

/// Its limits, m/s².
const MOST_MPS2: f64 = 3.0;
const LEAST_MPS2: f64 = -8.0;
/// Asked for less than this for so many cycles, it keeps the speed that is asked for instead, m/s².
const MODERATE_MPS2: f64 = 1.0;
const MODERATE_CYCLES: u32 = 5;
/// Its default gain of a cycle, m/s² for each m/s.
const GAIN: f64 = 0.05;
const STANDS_MPS: f64 = 0.1;

/// The program's state.
#[derive(Debug, Default)]
pub(crate) struct Ackermann {
    moderate: u32,
    after_mps2: f64,
}

impl Ackermann {
    /// A cycle of it at a speed, m/s: the acceleration that it is after, m/s².
    pub fn cycle(&mut self, drive: &AckermannDrive, speed: f64) -> f64 {
        let wanted = f64::from(drive.speed).max(0.0);
        // Peculiar: no speed asked for is the hardest braking, whatever the acceleration says, and stands on the hand brake.
        let asked = if wanted < 1e-5 { LEAST_MPS2 } else { f64::from(drive.acceleration).clamp(LEAST_MPS2, MOST_MPS2) };
        if wanted < 1e-5 && speed < STANDS_MPS {
            self.after_mps2 = 0.0;
            return LEAST_MPS2;
        }
        self.moderate = if asked.abs() < MODERATE_MPS2 {
            (self.moderate + 1).min(MODERATE_CYCLES)
        } else {
            self.moderate.saturating_sub(1)
        };
        self.after_mps2 = if self.moderate < MODERATE_CYCLES {
            asked
        } else {
            let (least, most) = if asked == 0.0 { (LEAST_MPS2, MOST_MPS2) } else { (-asked.abs(), asked.abs()) };
            (self.after_mps2 + GAIN * (wanted - speed)).clamp(least, most)
        };
        self.after_mps2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(speed: f32, acceleration: f32) -> AckermannDrive {
        AckermannDrive { speed, acceleration, ..AckermannDrive::default() }
    }

    #[test]
    fn no_speed_is_the_hardest_braking() {
        assert_eq!(Ackermann::default().cycle(&drive(0.0, -1.5), 8.0), LEAST_MPS2);
        assert_eq!(Ackermann::default().cycle(&drive(0.0, 1.0), 0.0), LEAST_MPS2);
    }

    #[test]
    fn strong_accelerations_are_followed_and_moderate_ones_bound_the_way_to_the_speed() {
        let mut ackermann = Ackermann::default();
        assert_eq!(ackermann.cycle(&drive(10.0, 2.0), 5.0), 2.0);
        for _ in 0..100 {
            ackermann.cycle(&drive(4.0, 0.5), 6.0);
        }
        assert_eq!(ackermann.cycle(&drive(4.0, 0.5), 6.0), -0.5);
    }
}
