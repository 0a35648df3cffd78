//! Who may use a lanelet, how fast, and which lines may be crossed. Source: Lanelet2's documentation, tagging of
//! lanelets and linestrings; defaults are its German rules.

use super::osm::Tags;
use crate::LaneKind;

/// Who a lanelet is for; `None` where it is for nobody who is known here (rails, stairs, areas).
pub(super) fn kind(tags: &Tags) -> Option<LaneKind> {
    let subtype = tag(tags, "subtype");
    let by_subtype = match subtype {
        "" | "road" | "highway" | "play_street" | "exit" => Some(LaneKind::Driving),
        "bicycle_lane" => Some(LaneKind::Biking),
        "walkway" | "shared_walkway" | "sidewalk" => Some(LaneKind::Sidewalk),
        "road_shoulder" | "pedestrian_lane" | "emergency_lane" | "bus_lane" => Some(LaneKind::Shoulder),
        "parking" => Some(LaneKind::Parking),
        _ => None,
    };
    // Where participants are named, they alone count.
    if by_subtype.is_none() || !tags.keys().any(|key| key.starts_with("participant:")) {
        return by_subtype;
    }
    let allowed = |names: &[&str]| names.iter().any(|name| is_yes(tag(tags, name)));
    let driving = allowed(&["participant:vehicle", "participant:vehicle:car"]);
    match by_subtype {
        Some(LaneKind::Driving) if driving => Some(LaneKind::Driving),
        Some(LaneKind::Driving) if allowed(&["participant:bicycle"]) => Some(LaneKind::Biking),
        Some(LaneKind::Driving) if allowed(&["participant:pedestrian"]) => Some(LaneKind::Sidewalk),
        Some(LaneKind::Driving) => Some(LaneKind::Shoulder),
        other => other,
    }
}

/// Whether it is driven in both directions.
pub(super) fn is_two_way(tags: &Tags) -> bool {
    tags.get("one_way").is_some_and(|text| !is_yes(text))
}

/// Speed limit, m/s: the lanelet's own, else its kind's.
///
/// # Errors
/// The text that is no speed.
pub(super) fn speed_limit(tags: &Tags) -> Result<f64, String> {
    if let Some(text) = tags.get("speed_limit") {
        return speed(text).ok_or_else(|| format!("speed_limit: a speed expected, got `{text}`"));
    }
    let kilometres_per_hour = match (tag(tags, "subtype"), tag(tags, "location")) {
        ("play_street", _) => 7.0,
        ("highway", _) => 130.0,
        (_, "nonurban") => 100.0,
        _ => 50.0,
    };
    Ok(kilometres_per_hour / 3.6)
}

/// A speed in m/s from `50`, `50 km/h`, `30 mph`, `10 m/s`, or the number of a German sign: `de274-30`.
pub(super) fn speed(text: &str) -> Option<f64> {
    let text = text.trim();
    let sign = text.strip_prefix("de274").map(|rest| rest.trim_start_matches(".1").trim_start_matches(['-', '_']));
    let text = sign.unwrap_or(text);
    let split = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].trim().parse().ok()?;
    let factor = match text[split..].trim() {
        "" | "km/h" | "kmh" | "kph" => 1.0 / 3.6,
        "mph" => 0.447_04,
        "m/s" | "mps" => 1.0,
        _ => return None,
    };
    Some(number * factor).filter(|speed| *speed > 0.0 && *speed < 150.0)
}

/// Whether a line may be crossed from its left to its right, and from its right to its left, along its direction.
pub(super) fn crossing(tags: &Tags) -> (bool, bool) {
    if let Some(text) = tags.get("lane_change") {
        return (is_yes(text), is_yes(text));
    }
    let (left, right) = (tags.get("lane_change:right"), tags.get("lane_change:left"));
    if left.is_some() || right.is_some() {
        return (left.is_some_and(|t| is_yes(t)), right.is_some_and(|t| is_yes(t)));
    }
    match (tag(tags, "type"), tag(tags, "subtype")) {
        ("line_thin" | "line_thick", "dashed") => (true, true),
        // The line on one's own side counts.
        ("line_thin" | "line_thick", "dashed_solid") => (true, false),
        ("line_thin" | "line_thick", "solid_dashed") => (false, true),
        _ => (false, false),
    }
}

fn tag<'a>(tags: &'a Tags, key: &str) -> &'a str {
    tags.get(key).map(String::as_str).unwrap_or_default()
}

fn is_yes(text: &str) -> bool {
    matches!(text, "yes" | "true" | "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_with_their_units() {
        for (text, expected) in
            [("36", 10.0), ("36 km/h", 10.0), ("10 m/s", 10.0), ("de274-36", 10.0), ("100mph", 44.704)]
        {
            assert!((speed(text).unwrap() - expected).abs() < 1e-9, "{text}");
        }
        for text in ["", "fast", "nan", "-5", "36 knots", "de274"] {
            assert!(speed(text).is_none(), "{text}");
        }
    }
}
