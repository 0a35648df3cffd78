//! Route files of CARLA's leaderboard: those of 1.0 (`<waypoint>`s in the route) and of 2.0 and 2.1 (`<waypoints>`,
//! `<scenarios>`, `<weathers>`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evaluation::leaderboard::Place;
use roxmltree::{Document, Node};

/// Why a route file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("route file {}: {reason}", path.display())]
pub struct RouteFileError {
    path: PathBuf,
    reason: String,
}

/// The routes of a file, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteFile {
    /// At least one.
    pub routes: Vec<RouteEntry>,
}

/// One route.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteEntry {
    /// Its id in the file.
    pub id: String,
    /// The town, e.g. `Town12`.
    pub town: String,
    /// Places that it leads through, at least two; headings only where the file has them.
    pub keypoints: Vec<Keypoint>,
    /// Weather by the share of the route driven, %, rising; keys as in `carla.WeatherParameters`. Empty: the world's own.
    pub weathers: Vec<(f64, BTreeMap<String, f64>)>,
    /// What would happen along it. Nothing here makes it happen.
    pub scenarios: Vec<Scenario>,
}

/// A place that a route leads through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keypoint {
    /// In CARLA's frame.
    pub place: Place,
    /// Whether the file says the heading.
    pub headed: bool,
}

/// A scenario by name, kind and the place that sets it off.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// E.g. `Accident_1`.
    pub name: String,
    /// E.g. `Accident`.
    pub kind: String,
    /// In CARLA's frame.
    pub trigger: Place,
}

impl RouteFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RouteFileError`] with file, line, element and what was expected.
    pub fn read(path: &Path) -> Result<Self, RouteFileError> {
        let fail = |reason: String| RouteFileError { path: path.into(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        Self::parse(&text).map_err(fail)
    }

    /// The same from text; the error is a sentence.
    ///
    /// # Errors
    /// Line, element and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|e| e.to_string())?;
        let routes: Vec<RouteEntry> =
            document.descendants().filter(|n| n.has_tag_name("route")).map(route).collect::<Result<_, _>>()?;
        if routes.is_empty() {
            return Err("expected a <route> in <routes>, got none".into());
        }
        for (n, entry) in routes.iter().enumerate() {
            if routes[..n].iter().any(|other| other.id == entry.id) {
                return Err(format!("two routes of the id `{}`", entry.id));
            }
        }
        Ok(Self { routes })
    }

    /// Routes by their ids, in the order asked for; all for an empty list.
    ///
    /// # Errors
    /// The id that is not there, and those that are.
    pub fn select(self, ids: &[String]) -> Result<Vec<RouteEntry>, String> {
        if ids.is_empty() {
            return Ok(self.routes);
        }
        ids.iter()
            .map(|id| {
                self.routes.iter().find(|route| route.id == *id).cloned().ok_or_else(|| {
                    let known: Vec<&str> = self.routes.iter().map(|route| route.id.as_str()).collect();
                    format!("no route `{id}`; the file has: {}", known.join(", "))
                })
            })
            .collect()
    }
}

fn route(node: Node<'_, '_>) -> Result<RouteEntry, String> {
    let inside = |name: &'static str| node.descendants().filter(move |n| n.has_tag_name(name));
    let positions: Vec<Node<'_, '_>> = match inside("waypoints").next() {
        Some(list) => list.children().filter(|n| n.has_tag_name("position")).collect(),
        None => node.children().filter(|n| n.has_tag_name("waypoint")).collect(),
    };
    let keypoints: Vec<Keypoint> = positions.into_iter().map(keypoint).collect::<Result<_, _>>()?;
    if keypoints.len() < 2 {
        return Err(at(
            node,
            &format!("expected at least two places (<waypoints><position/>), got {}", keypoints.len()),
        ));
    }
    let mut weathers: Vec<(f64, BTreeMap<String, f64>)> = inside("weather").map(weather).collect::<Result<_, _>>()?;
    weathers.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(RouteEntry {
        id: text(node, "id")?,
        town: text(node, "town")?,
        keypoints,
        weathers,
        scenarios: inside("scenario").map(scenario).collect::<Result<_, _>>()?,
    })
}

fn keypoint(node: Node<'_, '_>) -> Result<Keypoint, String> {
    let headed = node.has_attribute("yaw");
    Ok(Keypoint { place: place(node, headed)?, headed })
}

fn scenario(node: Node<'_, '_>) -> Result<Scenario, String> {
    let trigger = node.children().find(|n| n.has_tag_name("trigger_point"));
    let trigger = trigger.ok_or_else(|| at(node, "expected a <trigger_point>, got none"))?;
    Ok(Scenario { name: text(node, "name")?, kind: text(node, "type")?, trigger: place(trigger, true)? })
}

fn weather(node: Node<'_, '_>) -> Result<(f64, BTreeMap<String, f64>), String> {
    let mut values = BTreeMap::new();
    // A preset's name is the only one that is no number.
    for attribute in node.attributes().filter(|a| a.name() != "id") {
        values.insert(attribute.name().to_owned(), number(node, attribute.name())?);
    }
    let share = values.remove("route_percentage").unwrap_or(0.0);
    Ok((share, values))
}

fn place(node: Node<'_, '_>, headed: bool) -> Result<Place, String> {
    let yaw = if headed { number(node, "yaw")? } else { 0.0 };
    Ok(Place { x: number(node, "x")?, y: number(node, "y")?, z: number(node, "z")?, yaw })
}

fn text(node: Node<'_, '_>, name: &str) -> Result<String, String> {
    node.attribute(name).map(str::to_owned).ok_or_else(|| at(node, &format!("attribute `{name}` expected, got none")))
}

fn number(node: Node<'_, '_>, name: &str) -> Result<f64, String> {
    let found = text(node, name)?;
    found
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .ok_or_else(|| at(node, &format!("attribute `{name}`: a finite number expected, got `{found}`")))
}

fn at(node: Node<'_, '_>, what: &str) -> String {
    let line = node.document().text_pos_at(node.range().start).row;
    format!("line {line}, <{}>: {what}", node.tag_name().name())
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
