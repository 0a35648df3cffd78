//! Writes a town as OpenDRIVE 1.7.

use std::fmt::Write;

use crate::Town;
use crate::path::Shape;
use crate::road::{Contact, Junction, LANE_M, LaneSpec, Link, Mark, ObjectSpec, Road, SignalSpec};

/// The whole file.
pub(crate) fn write(town: &Town) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = document(&mut out, town);
    out
}

fn document(out: &mut String, town: &Town) -> std::fmt::Result {
    let points = town.roads.iter().flat_map(|r| r.path.pieces.iter().map(|p| p.start));
    let (mut low, mut high) = ((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    for p in points {
        low = (low.0.min(p.x), low.1.min(p.y));
        high = (high.0.max(p.x), high.1.max(p.y));
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OpenDRIVE>")?;
    writeln!(
        out,
        "<header revMajor=\"1\" revMinor=\"7\" name=\"town {}\" version=\"1.00\" date=\"2026-01-01T00:00:00\" north=\"{:.1}\" south=\"{:.1}\" east=\"{:.1}\" west=\"{:.1}\" vendor=\"Ferrodrive\">",
        town.seed, high.1, low.1, high.0, low.0
    )?;
    writeln!(
        out,
        "<geoReference><![CDATA[+proj=tmerc +lat_0=48.1 +lon_0=11.5 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs]]></geoReference>\n</header>"
    )?;
    for road in &town.roads {
        write_road(out, road)?;
    }
    for controller in &town.controllers {
        writeln!(out, "<controller id=\"{0}\" name=\"phase {0}\" sequence=\"0\">", controller.id)?;
        for signal in &controller.signals {
            writeln!(out, "<control signalId=\"{signal}\" type=\"\"/>")?;
        }
        writeln!(out, "</controller>")?;
    }
    for junction in &town.junctions {
        write_junction(out, junction)?;
    }
    writeln!(out, "</OpenDRIVE>")
}

fn contact(contact: Contact) -> &'static str {
    if contact == Contact::Start { "start" } else { "end" }
}

fn link(out: &mut String, tag: &str, link: Link) -> std::fmt::Result {
    match link {
        Link::Junction(id) => writeln!(out, "<{tag} elementType=\"junction\" elementId=\"{id}\"/>"),
        Link::Road(id, at) => {
            writeln!(out, "<{tag} elementType=\"road\" elementId=\"{id}\" contactPoint=\"{}\"/>", contact(at))
        }
    }
}

fn write_road(out: &mut String, road: &Road) -> std::fmt::Result {
    let length = road.path.length;
    let junction = road.junction.map_or(-1, i64::from);
    writeln!(
        out,
        "<road name=\"{}\" length=\"{length:.9}\" id=\"{}\" junction=\"{junction}\" rule=\"RHT\">\n<link>",
        road.name, road.id
    )?;
    link(out, "predecessor", road.links.0)?;
    link(out, "successor", road.links.1)?;
    writeln!(out, "</link>")?;
    writeln!(out, "<type s=\"0\" type=\"town\"><speed max=\"{}\" unit=\"km/h\"/></type>\n<planView>", road.speed_kmh)?;
    for piece in &road.path.pieces {
        write!(
            out,
            "<geometry s=\"{:.9}\" x=\"{:.9}\" y=\"{:.9}\" hdg=\"{:.12}\" length=\"{:.9}\">",
            piece.s, piece.start.x, piece.start.y, piece.start.heading, piece.length
        )?;
        match piece.shape {
            Shape::Line => write!(out, "<line/>")?,
            Shape::Arc(k) => write!(out, "<arc curvature=\"{k:.12}\"/>")?,
            Shape::Spiral(a, b) => write!(out, "<spiral curvStart=\"{a:.12}\" curvEnd=\"{b:.12}\"/>")?,
            Shape::Cubic(u, v) => {
                write!(out, "<paramPoly3 pRange=\"normalized\"")?;
                for (name, c) in [("U", u), ("V", v)] {
                    for (letter, value) in ["a", "b", "c", "d"].iter().zip(c) {
                        write!(out, " {letter}{name}=\"{value:.9}\"")?;
                    }
                }
                write!(out, "/>")?;
            }
        }
        writeln!(out, "</geometry>")?;
    }
    let rise = road.z.1 - road.z.0;
    writeln!(
        out,
        "</planView>\n<elevationProfile><elevation s=\"0\" a=\"{:.6}\" b=\"0\" c=\"{:.12}\" d=\"{:.15}\"/></elevationProfile>",
        road.z.0,
        3.0 * rise / length.powi(2),
        -2.0 * rise / length.powi(3)
    )?;
    write_lanes(out, road)?;
    if !road.objects.is_empty() {
        writeln!(out, "<objects>")?;
        road.objects.iter().try_for_each(|object| write_object(out, object))?;
        writeln!(out, "</objects>")?;
    }
    if !road.signals.is_empty() {
        writeln!(out, "<signals>")?;
        road.signals.iter().try_for_each(|signal| write_signal(out, signal))?;
        for reference in &road.references {
            let orientation = if reference.forward { "+" } else { "-" };
            writeln!(
                out,
                "<signalReference s=\"{:.4}\" t=\"{:.3}\" id=\"{}\" orientation=\"{orientation}\"/>",
                reference.s, reference.t, reference.id
            )?;
        }
        writeln!(out, "</signals>")?;
    }
    writeln!(out, "</road>")
}

fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::None => {
            "<roadMark sOffset=\"0\" type=\"none\" weight=\"standard\" color=\"standard\" width=\"0\" laneChange=\"none\"/>"
        }
        Mark::Broken => {
            "<roadMark sOffset=\"0\" type=\"broken\" weight=\"standard\" color=\"standard\" width=\"0.12\" laneChange=\"both\"/>"
        }
        Mark::Solid => {
            "<roadMark sOffset=\"0\" type=\"solid\" weight=\"standard\" color=\"standard\" width=\"0.12\" laneChange=\"none\"/>"
        }
    }
}

fn write_lanes(out: &mut String, road: &Road) -> std::fmt::Result {
    writeln!(out, "<lanes><laneSection s=\"0\">")?;
    let side = |out: &mut String, tag: &str, sign: i32| {
        let mut lanes = road.lanes.iter().filter(|l| l.id.signum() == sign).peekable();
        if lanes.peek().is_none() {
            return Ok(());
        }
        writeln!(out, "<{tag}>")?;
        lanes.try_for_each(|lane| write_lane(out, lane, road.path.length))?;
        writeln!(out, "</{tag}>")
    };
    side(out, "left", 1)?;
    writeln!(out, "<center><lane id=\"0\" type=\"none\" level=\"false\">{}</lane></center>", mark(road.center))?;
    side(out, "right", -1)?;
    writeln!(out, "</laneSection></lanes>")
}

fn write_lane(out: &mut String, lane: &LaneSpec, length: f64) -> std::fmt::Result {
    let kind = if lane.driving { "driving" } else { "sidewalk" };
    write!(out, "<lane id=\"{}\" type=\"{kind}\" level=\"false\">", lane.id)?;
    if lane.links.0.is_some() || lane.links.1.is_some() {
        write!(out, "<link>")?;
        for (tag, id) in [("predecessor", lane.links.0), ("successor", lane.links.1)] {
            if let Some(id) = id {
                write!(out, "<{tag} id=\"{id}\"/>")?;
            }
        }
        write!(out, "</link>")?;
    }
    let change = lane.width.1 - lane.width.0;
    let (c, d) = (3.0 * change / length.powi(2), -2.0 * change / length.powi(3));
    write!(out, "<width sOffset=\"0\" a=\"{}\" b=\"0\" c=\"{c:.12}\" d=\"{d:.15}\"/>", lane.width.0)?;
    writeln!(out, "{}</lane>", mark(lane.mark))
}

fn write_signal(out: &mut String, signal: &SignalSpec) -> std::fmt::Result {
    let light = signal.kind == "1000001";
    let (dynamic, height, width, z) = if light { ("yes", 0.9, 0.3, 3.0) } else { ("no", 0.7, 0.7, 2.2) };
    let orientation = if signal.forward { "+" } else { "-" };
    let value = signal.value.map_or(String::new(), |v| format!(" value=\"{v}\" unit=\"km/h\""));
    writeln!(
        out,
        "<signal s=\"{:.4}\" t=\"{:.3}\" id=\"{}\" name=\"signal {}\" dynamic=\"{dynamic}\" orientation=\"{orientation}\" zOffset=\"{z}\" country=\"DE\" type=\"{}\" subtype=\"-1\"{value} hOffset=\"0\" pitch=\"0\" roll=\"0\" height=\"{height}\" width=\"{width}\"/>",
        signal.s, signal.t, signal.id, signal.id, signal.kind
    )
}

fn write_object(out: &mut String, object: &ObjectSpec) -> std::fmt::Result {
    write!(
        out,
        "<object type=\"{0}\" id=\"{1}\" name=\"{0} {1}\" s=\"{2:.3}\" t=\"{3:.3}\" zOffset=\"0\" hdg=\"{4:.6}\" pitch=\"0\" roll=\"0\" orientation=\"none\" height=\"{5:.2}\"",
        object.kind, object.id, object.s, object.t, object.heading, object.height
    )?;
    match object.radius {
        Some(radius) => write!(out, " radius=\"{radius:.2}\"")?,
        None => write!(out, " length=\"{:.2}\" width=\"{:.2}\"", object.length, object.width)?,
    }
    if object.kind != "crosswalk" {
        return writeln!(out, "/>");
    }
    write!(out, "><outline id=\"0\">")?;
    let (u, v) = (object.length / 2.0, object.width / 2.0);
    for (i, (u, v)) in [(u, v), (-u, v), (-u, -v), (u, -v), (u, v)].iter().enumerate() {
        write!(out, "<cornerLocal u=\"{u:.3}\" v=\"{v:.3}\" z=\"0\" height=\"0\" id=\"{i}\"/>")?;
    }
    writeln!(out, "</outline></object>")
}

fn write_junction(out: &mut String, junction: &Junction) -> std::fmt::Result {
    writeln!(out, "<junction id=\"{}\" name=\"{}\" type=\"default\">", junction.id, junction.name)?;
    for (i, connection) in junction.connections.iter().enumerate() {
        write!(
            out,
            "<connection id=\"{i}\" incomingRoad=\"{}\" connectingRoad=\"{}\" contactPoint=\"start\">",
            connection.incoming, connection.connecting
        )?;
        for (from, to) in &connection.lanes {
            write!(out, "<laneLink from=\"{from}\" to=\"{to}\"/>")?;
        }
        writeln!(out, "</connection>")?;
    }
    for (high, low) in &junction.priorities {
        writeln!(out, "<priority high=\"{high}\" low=\"{low}\"/>")?;
    }
    for controller in &junction.controllers {
        writeln!(out, "<controller id=\"{controller}\" type=\"0\"/>")?;
    }
    writeln!(out, "</junction>")
}

/// Half the width of the driving lanes of a two-way road.
pub(crate) fn carriageway_half(lanes: i32) -> f64 {
    f64::from(lanes) * LANE_M
}
