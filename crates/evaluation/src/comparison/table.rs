//! The comparison for the console.

use std::fmt::Write;

use super::{Comparison, Deviation};

impl Comparison {
    /// Whether the recordings hold the same bytes at the same times on the same topics.
    pub fn is_identical(&self) -> bool {
        self.different.is_empty() && self.only_a.is_empty() && self.only_b.is_empty() && self.notes.is_empty()
    }

    /// The tables for the console.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let deviation = |d: Deviation| format!("{:.3} / {:.3}", d.mean, d.max);
        let _ =
            writeln!(out, "topics: {} with equal bytes, {} that differ", self.identical.len(), self.different.len());
        for (name, topics) in [("only in A", &self.only_a), ("only in B", &self.only_b)] {
            if !topics.is_empty() {
                let _ = writeln!(out, "{name}: {}", topics.join(", "));
            }
        }
        for (topic, difference) in &self.objects {
            let _ = writeln!(
                out,
                "\n{topic}: {} messages compared, {} only in A, {} only in B",
                difference.messages, difference.only_a, difference.only_b
            );
            let _ = writeln!(
                out,
                "  {:<12} {:>8} {:>8} {:>8}   {:>17}   {:>19}",
                "class", "matched", "missed", "added", "position mean/max", "speed mean/max"
            );
            for (name, class) in &difference.classes {
                let _ = writeln!(
                    out,
                    "  {name:<12} {:>8} {:>8} {:>8}   {:>15} m   {:>15} m/s",
                    class.matched,
                    class.missed,
                    class.added,
                    deviation(class.position_m),
                    deviation(class.speed_mps)
                );
            }
        }
        for (topic, difference) in &self.trajectories {
            let _ = writeln!(
                out,
                "\n{topic}: {} messages compared, {} only in A, {} only in B\n  position mean/max {} m, speed {} m/s",
                difference.messages,
                difference.only_a,
                difference.only_b,
                deviation(difference.position_m),
                deviation(difference.speed_mps)
            );
        }
        for (topic, difference) in &self.control {
            let _ = writeln!(
                out,
                "\n{topic}: {} commands compared, {} only in A, {} only in B\n  steering mean/max {} rad, acceleration {} m/s2, speed {} m/s",
                difference.commands,
                difference.only_a,
                difference.only_b,
                deviation(difference.steering_rad),
                deviation(difference.acceleration_mps2),
                deviation(difference.speed_mps)
            );
        }
        let _ = writeln!(
            out,
            "\n{:<50} {:>15} {:>17} {:>17} {:>15}",
            "timing, A / B", "messages", "rate, Hz", "longest gap, s", "age p50, ms"
        );
        for (topic, t) in &self.timing {
            let age = |index: usize| t.age_ms[index].map_or("-".to_owned(), |age| format!("{:.1}", age.p50));
            let _ = writeln!(
                out,
                "{topic:<50} {:>15} {:>17} {:>17} {:>15}",
                format!("{} / {}", t.messages[0], t.messages[1]),
                format!("{:.2} / {:.2}", t.rate_hz[0], t.rate_hz[1]),
                format!("{:.3} / {:.3}", t.longest_gap_s[0], t.longest_gap_s[1]),
                format!("{} / {}", age(0), age(1)),
            );
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        out
    }
}
