//! Lines over time as SVG, axes with units.

use std::fmt::Write;

/// A named line.
pub(crate) struct Line<'a> {
    pub name: &'a str,
    pub color: &'a str,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 34.0;
const TOP: f64 = 22.0;
/// More points than this are not seen.
const MOST_POINTS: usize = 1500;

/// One chart: `title` with the unit, time in s below.
pub(crate) fn chart(title: &str, lines: &[Line]) -> String {
    let finite = |(t, v): &(f64, f64)| t.is_finite() && v.is_finite();
    let all = || lines.iter().flat_map(|line| line.points.iter().copied()).filter(|p| finite(p));
    let bounds =
        |values: &mut dyn Iterator<Item = f64>| values.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let (t0, t1) = bounds(&mut all().map(|p| p.0));
    let (v0, v1) = bounds(&mut all().map(|p| p.1));
    if t0 > t1 {
        return String::new();
    }
    let (v0, v1) = if v1 - v0 < 1e-9 { (v0 - 0.5, v1 + 0.5) } else { (v0, v1) };
    let x = |t: f64| LEFT + (t - t0) / (t1 - t0).max(1e-9) * (WIDTH - LEFT - 12.0);
    let y = |v: f64| HEIGHT - BOTTOM - (v - v0) / (v1 - v0) * (HEIGHT - BOTTOM - TOP);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" xmlns=\"http://www.w3.org/2000/svg\"><text x=\"{LEFT}\" y=\"14\">{}</text>",
        escaped(title)
    );
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (v, t) = (v0 + share * (v1 - v0), t0 + share * (t1 - t0));
        let _ = write!(
            out,
            "<path d=\"M{LEFT} {0:.1}H{1}\" stroke=\"#ddd\"/><text class=\"tick\" x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{v:.3}</text><text class=\"tick\" x=\"{4:.1}\" y=\"{5}\" text-anchor=\"middle\">{t:.1} s</text>",
            y(v),
            WIDTH - 12.0,
            LEFT - 6.0,
            y(v) + 4.0,
            x(t),
            HEIGHT - BOTTOM + 16.0,
        );
    }
    for (index, line) in lines.iter().enumerate() {
        let step = line.points.len().div_ceil(MOST_POINTS).max(1);
        let points: Vec<String> = line
            .points
            .iter()
            .filter(|p| finite(p))
            .step_by(step)
            .map(|&(t, v)| format!("{:.1},{:.1}", x(t), y(v)))
            .collect();
        let at = WIDTH - 90.0 * (lines.len() - index) as f64;
        let _ = write!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"{}/><text x=\"{at}\" y=\"14\" fill=\"{}\">{}</text>",
            points.join(" "),
            line.color,
            // The later line is dashed: where both are equal the first still shows.
            if index > 0 { " stroke-dasharray=\"5 4\"" } else { "" },
            line.color,
            escaped(line.name)
        );
    }
    out.push_str("</svg>");
    out
}

/// Lines in the plane, both axes in m and of one scale.
pub(crate) fn plane(lines: &[Line]) -> String {
    let all = || lines.iter().flat_map(|line| line.points.iter().copied());
    let bounds =
        |values: &mut dyn Iterator<Item = f64>| values.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let (x0, x1) = bounds(&mut all().map(|p| p.0));
    let (y0, y1) = bounds(&mut all().map(|p| p.1));
    if x0 > x1 {
        return String::new();
    }
    let margin = 10.0 + 0.1 * (x1 - x0).max(y1 - y0);
    let stroke = ((x1 - x0).max(y1 - y0) + 2.0 * margin) / 250.0;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg class=\"plane\" viewBox=\"{:.2} {:.2} {:.2} {:.2}\" xmlns=\"http://www.w3.org/2000/svg\">",
        x0 - margin,
        -y1 - margin,
        x1 - x0 + 2.0 * margin,
        y1 - y0 + 2.0 * margin
    );
    for (index, line) in lines.iter().enumerate() {
        let step = line.points.len().div_ceil(MOST_POINTS).max(1);
        let points: Vec<String> = line.points.iter().step_by(step).map(|&(x, y)| format!("{x:.2},{:.2}", -y)).collect();
        let dash = if index > 0 { format!(" stroke-dasharray=\"{0:.2} {0:.2}\"", 3.0 * stroke) } else { String::new() };
        let _ = write!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{stroke:.2}\"{dash}/>",
            points.join(" "),
            line.color,
        );
    }
    out.push_str("</svg>");
    out
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
