//! `report.html`: one file, nothing loaded from elsewhere.

use std::fmt::Write;

use serde_json::json;

use crate::record::Record;
use crate::recorder::Evaluation;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Two decimals keep the file small.
fn short(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Evaluation {
    /// The report as HTML. `sections`: HTML that stands below the summary.
    pub fn report(&self, record: &Record, sections: &str) -> String {
        let comfort = self.comfort();
        let frames: Vec<_> = self
            .frames
            .iter()
            .map(|f| {
                let body = self.vehicle.footprint(f.ego);
                let boxed = |b: &geometry::OrientedBox<geometry::Map>| {
                    let c = b.center;
                    json!([short(c.position.x), short(c.position.y), short(c.yaw), short(b.length), short(b.width)])
                };
                let others: Vec<_> = f.objects.iter().map(|(_, b)| boxed(b)).collect();
                json!({"t": short(f.t), "v": short(f.speed), "d": f.distance.map(short),
                    "c": f.time_to_collision.map(short), "e": boxed(&body), "o": others})
            })
            .collect();
        let kinematics: Vec<_> = comfort.points.iter().map(|p| json!([short(p.0), short(p.1), short(p.2)])).collect();
        // `</` would end the script that holds the data.
        let data = json!({"frames": frames, "comfort": kinematics, "events": record.events,
            "stops": record.emergency_stops})
        .to_string()
        .replace("</", "<\\/");
        let mut tables = String::new();
        let _ = write!(tables, "<h2>Summary</h2><pre>{}</pre>", escaped(&record.table()));
        tables.push_str(sections);
        happenings(&mut tables, record);
        latencies(&mut tables, record);
        models(&mut tables, record);
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Drive {seed} on {map}</title><style>{STYLE}</style></head><body>\
             <h1>Drive {seed} on {map}: {scenario}</h1>\
             <main><section><div id=\"view\">{picture}</div><p><input id=\"time\" type=\"range\" min=\"0\" value=\"0\"><output id=\"now\"></output></p>\
             <p class=\"hint\">Drag to move, wheel to zoom, slider or charts for the time. The path goes from red (slow) to green (fast).</p></section>\
             <section id=\"charts\"></section></main>{tables}\
             <p class=\"hint\">digest {digest}</p><script>const data={data};{SCRIPT}</script></body></html>",
            seed = record.seed,
            map = escaped(&record.map),
            scenario = escaped(&record.scenario),
            picture = self.picture().replace(" xmlns=\"http://www.w3.org/2000/svg\"", ""),
            digest = escaped(&record.digest),
        )
    }
}

fn happenings(out: &mut String, record: &Record) {
    out.push_str("<h2>Events and emergency stops</h2><table><tr><th>time, s</th><th>what</th><th>why</th></tr>");
    let events = record.events.iter().map(|e| (e.time_s, e.kind.as_str(), e.message.as_str()));
    let stops = record.emergency_stops.iter().map(|s| (s.time_s, "emergency stop", s.reason.as_str()));
    let mut all: Vec<_> = events.chain(stops).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (t, kind, message) in &all {
        let _ = write!(out, "<tr><td>{t:.1}</td><td>{}</td><td>{}</td></tr>", escaped(kind), escaped(message));
    }
    if all.is_empty() {
        out.push_str("<tr><td></td><td>none</td><td></td></tr>");
    }
    out.push_str("</table>");
}

fn latencies(out: &mut String, record: &Record) {
    out.push_str("<h2>Latency, ms</h2><table><tr><th>node</th><th>p50</th><th>p99</th><th>max</th><th></th></tr>");
    let longest = record.latency_ms.values().map(|l| l.p99).fold(1e-6, f64::max);
    for (name, l) in &record.latency_ms {
        let bar = (200.0 * l.p99 / longest).clamp(0.0, 200.0);
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td><td><div class=\"bar\" style=\"width:{bar:.0}px\"></div></td></tr>",
            escaped(name),
            l.p50,
            l.p99,
            l.max
        );
    }
    out.push_str("</table>");
}

fn models(out: &mut String, record: &Record) {
    out.push_str("<h2>Models</h2><table><tr><th>model</th><th>precision</th><th>runs on</th><th>p50, ms</th><th>p99, ms</th></tr>");
    for m in &record.models {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.2}</td><td>{:.2}</td></tr>",
            escaped(&m.name),
            escaped(&m.precision),
            escaped(&m.execution_provider),
            m.p50_ms,
            m.p99_ms
        );
    }
    out.push_str("</table>");
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
