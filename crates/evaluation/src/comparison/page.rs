//! The comparison as one HTML file that loads nothing.

use std::fmt::Write;

use super::plot::{Line, chart, escaped, plane};
use super::{Comparison, Taken};

const A: &str = "#1f5fa8";
const B: &str = "#d0622b";
const STYLE: &str = "body{font:14px/1.4 system-ui,sans-serif;margin:24px;color:#222;background:#fff;max-width:1100px}\
h1{font-size:20px}h2{font-size:16px;margin:24px 0 6px}pre{font-size:12px;overflow-x:auto}\
.chart{width:100%;display:block;margin-bottom:10px;font-size:12px}.tick{fill:#777;font-size:11px}.plane{width:100%;max-height:520px;display:block;background:#f4f5f2}";

impl Comparison {
    /// The page: plots, then the tables. `names` are those of A and B.
    pub fn page(&self, a: &Taken, b: &Taken, names: [&str; 2]) -> String {
        let mut plots = String::new();
        for (topic, path) in &a.paths {
            let Some(other) = b.paths.get(topic) else { continue };
            let lines = [
                Line { name: "A", color: A, points: path.clone() },
                Line { name: "B", color: B, points: other.clone() },
            ];
            // Writing to a String cannot fail.
            let _ = write!(plots, "<h2>{}: where the car was, from above</h2>{}", escaped(topic), plane(&lines));
        }
        for (topic, difference) in &self.control {
            let _ = write!(plots, "<h2>{}</h2>", escaped(topic));
            for (index, title) in ["steering, rad", "acceleration, m/s²"].into_iter().enumerate() {
                let of_a = difference.over_time.iter().map(|(t, a, _)| (*t, a[index])).collect();
                let of_b = difference.over_time.iter().map(|(t, _, b)| (*t, b[index])).collect();
                let lines = [Line { name: "A", color: A, points: of_a }, Line { name: "B", color: B, points: of_b }];
                plots.push_str(&chart(title, &lines));
            }
        }
        for (topic, difference) in &self.trajectories {
            let points = difference.over_time.clone();
            let lines = [Line { name: "A to B", color: A, points }];
            let _ = write!(plots, "<h2>{}</h2>{}", escaped(topic), chart("largest distance at equal times, m", &lines));
        }
        for (topic, difference) in &self.objects {
            let of = |f: fn(&(f64, u64, u64, u64)) -> u64| {
                difference.over_time.iter().map(|moment| (moment.0, f(moment) as f64)).collect()
            };
            let lines = [
                Line { name: "matched", color: "#3c8a4b", points: of(|m| m.1) },
                Line { name: "missed", color: A, points: of(|m| m.2) },
                Line { name: "added", color: B, points: of(|m| m.3) },
            ];
            let _ = write!(plots, "<h2>{}</h2>{}", escaped(topic), chart("objects a message", &lines));
        }
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Comparison</title><style>{STYLE}</style></head>\
             <body><h1><span style=\"color:{A}\">A: {}</span> · <span style=\"color:{B}\">B: {}</span></h1>{plots}<h2>Tables</h2><pre>{}</pre></body></html>\n",
            escaped(names[0]),
            escaped(names[1]),
            escaped(&self.table())
        )
    }
}
