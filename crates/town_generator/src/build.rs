//! From a layout to roads, junctions, signals and crosswalks.

use std::f64::consts::PI;

use crate::Town;
use crate::furniture::{self, take};
use crate::junction::connect;
use crate::layout::{Layout, NodeKind};
use crate::path::{Path, Pose, Shape, wrapped};
use crate::random::Random;
use crate::road::{Contact, Controller, Junction, LANE_M, LaneSpec, Link, Mark, ObjectSpec, Port, Road, SignalSpec};
use crate::xml::carriageway_half;

/// Radius of the middle of a roundabout's lane, m.
const RING_RADIUS_M: f64 = 18.0;
/// Width of a roundabout's lane, m.
const RING_LANE_M: f64 = 4.5;
/// Each arm's junction takes this much of the ring to either side.
const RING_ARM: f64 = 28.0 * PI / 180.0;
/// A crosswalk's middle lies this far before a signalised crossing, m.
const CROSSWALK_M: f64 = 4.0;
/// The stop line lies this far before a signalised crossing, m.
const STOP_LINE_M: f64 = 7.0;

/// A repeater stands this far beyond a signalised crossing, m.
const REPEATER_M: f64 = 1.0;

pub(crate) fn build(seed: u64) -> Town {
    let mut random = Random::new(seed);
    let layout = Layout::new(&mut random);
    let mut builder = Builder {
        town: Town { seed, roads: Vec::new(), junctions: Vec::new(), controllers: Vec::new() },
        next_road: layout.edges.len() as u32,
        next_junction: 10_000,
        next_signal: 1,
        next_controller: 1,
        next_object: 1,
        repeaters: Vec::new(),
    };
    for index in 0..layout.edges.len() {
        builder.add_street(&layout, index);
    }
    for node in 0..layout.nodes.len() {
        if layout.nodes[node].kind == NodeKind::Roundabout {
            builder.add_roundabout(&layout, node);
        } else {
            builder.add_crossing(&layout, node);
        }
    }
    builder.add_repeaters();
    builder.add_crosswalks_between(&layout, &mut random);
    furniture::place(&mut builder.town.roads, &mut builder.next_object, &mut random);
    builder.town
}

struct Builder {
    town: Town,
    next_road: u32,
    next_junction: u32,
    next_signal: u32,
    next_controller: u32,
    next_object: u32,
    repeaters: Vec<Repeater>,
}

/// A light that shows beyond a crossing what the one at the stop line shows before it: who stands at the line sees it.
struct Repeater {
    /// The light that it repeats.
    signal: u32,
    from: Port,
    /// The arm beside which it stands.
    beyond: Port,
}

impl Builder {
    /// The road of an edge; its links are set by the crossings at its ends.
    fn add_street(&mut self, layout: &Layout, index: usize) {
        let edge = &layout.edges[index];
        let (a, b) = (&layout.nodes[edge.nodes.0], &layout.nodes[edge.nodes.1]);
        let end = |first: bool| {
            let node = if first { a } else { b };
            let middle = Pose { x: node.at.0, y: node.at.1, heading: edge.direction(&layout.nodes, first) };
            let port = middle.shifted(node.radius, 0.0);
            (port.x, port.y)
        };
        let corners: Vec<(f64, f64)> =
            std::iter::once(end(true)).chain(edge.bends.iter().map(|b| b.0)).chain([end(false)]).collect();
        let radii: Vec<f64> = edge.bends.iter().map(|b| b.1).collect();
        let path = Path::rounded(&corners, &radii);
        let half = carriageway_half(edge.lanes);
        let mut signals = Vec::new();
        for (s, forward) in [(3.0, true), (path.length - 3.0, false)] {
            let t = if forward { -(half + 0.4) } else { half + 0.4 };
            let id = take(&mut self.next_signal);
            signals.push(SignalSpec { id, s, t, forward, kind: "274", value: Some(edge.speed_kmh) });
        }
        self.town.roads.push(Road {
            id: index as u32,
            name: edge.name.clone(),
            path,
            junction: None,
            links: (Link::Junction(0), Link::Junction(0)),
            lanes: Road::two_way_lanes(edge.lanes),
            center: if edge.lanes > 1 { Mark::Solid } else { Mark::Broken },
            z: (a.z, b.z),
            speed_kmh: edge.speed_kmh,
            signals,
            references: Vec::new(),
            objects: Vec::new(),
        });
    }

    fn ports(&mut self, layout: &Layout, node: usize) -> Vec<Port> {
        let place = &layout.nodes[node];
        let port = |(index, first, direction): (usize, bool, f64)| {
            let edge = &layout.edges[index];
            let middle = Pose { x: place.at.0, y: place.at.1, heading: direction };
            Port {
                road: index as u32,
                contact: if first { Contact::Start } else { Contact::End },
                outward: middle.shifted(place.radius, 0.0),
                lanes: edge.lanes,
                lane_width: LANE_M,
                sidewalk: true,
                incoming: true,
                outgoing: true,
                minor: if first { edge.minor.0 } else { edge.minor.1 },
                speed_kmh: edge.speed_kmh,
            }
        };
        layout.ends_at(node).into_iter().map(port).collect()
    }

    fn set_link(&mut self, port: &Port, junction: u32) {
        let links = &mut self.town.roads[port.road as usize].links;
        let link = if port.contact == Contact::Start { &mut links.0 } else { &mut links.1 };
        *link = Link::Junction(junction);
    }

    /// A signal for the traffic that comes to a crossing, `before` metres ahead of it.
    fn add_signal(&mut self, port: &Port, before: f64, kind: &'static str) -> u32 {
        let road = &mut self.town.roads[port.road as usize];
        let forward = port.contact == Contact::End;
        let offset = carriageway_half(port.lanes) + 0.4;
        let id = take(&mut self.next_signal);
        road.signals.push(SignalSpec {
            id,
            s: if forward { road.path.length - before } else { before },
            t: if forward { -offset } else { offset },
            forward,
            kind,
            value: None,
        });
        id
    }

    fn add_repeaters(&mut self) {
        for Repeater { signal, from, beyond } in std::mem::take(&mut self.repeaters) {
            let id = take(&mut self.next_signal);
            let away = &mut self.town.roads[beyond.road as usize];
            let forward = beyond.contact == Contact::Start;
            let offset = carriageway_half(beyond.lanes) + 0.4;
            away.signals.push(SignalSpec {
                id,
                s: if forward { REPEATER_M } else { away.path.length - REPEATER_M },
                t: if forward { -offset } else { offset },
                forward,
                kind: "1000001",
                value: None,
            });
            let towards = &mut self.town.roads[from.road as usize];
            let original = towards.signals.iter().find(|known| known.id == signal).cloned();
            towards.references.extend(original.map(|original| SignalSpec { id, ..original }));
            let controller = self.town.controllers.iter_mut().find(|known| known.signals.contains(&signal));
            controller.into_iter().for_each(|controller| controller.signals.push(id));
        }
    }

    fn add_crosswalk(&mut self, road: u32, s: f64, lanes: i32) {
        let id = take(&mut self.next_object);
        let (length, width) = (3.0, 2.0 * carriageway_half(lanes));
        self.town.roads[road as usize].objects.push(ObjectSpec {
            id,
            kind: "crosswalk",
            s,
            t: 0.0,
            heading: 0.0,
            length,
            width,
            height: 0.0,
            radius: None,
        });
    }

    fn add_crossing(&mut self, layout: &Layout, node: usize) {
        let mut ports = self.ports(layout, node);
        let kind = layout.nodes[node].kind;
        if kind == NodeKind::Signalised {
            ports.iter_mut().for_each(|p| p.minor = false);
        }
        let mut junction = Junction { id: take(&mut self.next_junction), ..Junction::default() };
        junction.name = format!("{kind:?}").to_lowercase();
        for port in &ports {
            self.set_link(port, junction.id);
            let sign = if kind == NodeKind::Stop { "206" } else { "205" };
            if port.minor {
                self.add_signal(port, 1.0, sign);
            }
        }
        if kind == NodeKind::Signalised {
            for phase in 0..2 {
                let mut signals = Vec::new();
                for port in ports.iter().skip(phase).step_by(2) {
                    let signal = self.add_signal(port, STOP_LINE_M, "1000001");
                    signals.push(signal);
                    let opposite = |other: &&Port| wrapped(other.outward.heading - port.outward.heading - PI).abs();
                    let beyond = ports.iter().min_by(|a, b| opposite(a).total_cmp(&opposite(b)));
                    if let Some(&beyond) = beyond.filter(|other| opposite(other) < 50_f64.to_radians()) {
                        self.repeaters.push(Repeater { signal, from: *port, beyond });
                    }
                    let length = self.town.roads[port.road as usize].path.length;
                    let s = if port.contact == Contact::End { length - CROSSWALK_M } else { CROSSWALK_M };
                    self.add_crosswalk(port.road, s, port.lanes);
                }
                let id = take(&mut self.next_controller);
                junction.controllers.push(id);
                self.town.controllers.push(Controller { id, signals });
            }
        }
        connect(&mut junction, &ports, layout.nodes[node].z, &mut self.next_road, &mut self.town.roads);
        self.town.junctions.push(junction);
    }

    /// A ring that is driven anticlockwise: a junction for each arm, and a road of one lane between two arms.
    fn add_roundabout(&mut self, layout: &Layout, node: usize) {
        let arms = self.ports(layout, node);
        let place = &layout.nodes[node];
        let reference = RING_RADIUS_M - RING_LANE_M / 2.0;
        let on_ring = |angle: f64| {
            let middle = Pose { x: place.at.0, y: place.at.1, heading: angle };
            middle.shifted(reference, 0.0).turned(PI / 2.0)
        };
        let junctions: Vec<u32> = arms.iter().map(|_| take(&mut self.next_junction)).collect();
        let count = arms.len();
        let ring: Vec<u32> = arms.iter().map(|_| take(&mut self.next_road)).collect();
        for (i, arm) in arms.iter().enumerate() {
            let next = &arms[(i + 1) % count];
            let (from, to) = (arm.outward.heading + RING_ARM, next.outward.heading - RING_ARM);
            let mut path = Path::new(on_ring(from));
            path.push(reference * (to - from).rem_euclid(2.0 * PI), Shape::Arc(1.0 / reference));
            self.town.roads.push(Road {
                id: ring[i],
                name: "Roundabout".into(),
                path,
                junction: None,
                links: (Link::Junction(junctions[i]), Link::Junction(junctions[(i + 1) % count])),
                lanes: vec![LaneSpec {
                    id: -1,
                    driving: true,
                    width: (RING_LANE_M, RING_LANE_M),
                    links: (None, None),
                    mark: Mark::Solid,
                }],
                center: Mark::Solid,
                z: (place.z, place.z),
                speed_kmh: 30,
                signals: Vec::new(),
                references: Vec::new(),
                objects: Vec::new(),
            });
        }
        for (i, arm) in arms.iter().enumerate() {
            self.set_link(arm, junctions[i]);
            self.add_signal(arm, 1.0, "205");
            let before = ring[(i + count - 1) % count];
            let side = |road: u32, contact: Contact, outward: Pose| Port {
                road,
                contact,
                outward,
                lanes: 1,
                lane_width: RING_LANE_M,
                sidewalk: false,
                incoming: contact == Contact::End,
                outgoing: contact == Contact::Start,
                minor: false,
                speed_kmh: 30,
            };
            let enters = on_ring(arm.outward.heading - RING_ARM).turned(PI);
            let leaves = on_ring(arm.outward.heading + RING_ARM);
            let ports = [*arm, side(ring[i], Contact::Start, leaves), side(before, Contact::End, enters)];
            let mut junction = Junction { id: junctions[i], name: "roundabout".into(), ..Junction::default() };
            connect(&mut junction, &ports, place.z, &mut self.next_road, &mut self.town.roads);
            self.town.junctions.push(junction);
        }
    }

    /// Two crosswalks without signals, half way along streets.
    fn add_crosswalks_between(&mut self, layout: &Layout, random: &mut Random) {
        let streets: Vec<usize> = (0..layout.edges.len()).filter(|i| layout.edges[*i].lanes == 1).collect();
        let first = random.index(streets.len());
        for step in [0, streets.len() / 2] {
            let index = streets[(first + step) % streets.len()];
            let s = self.town.roads[index].path.length / 2.0;
            self.add_crosswalk(index as u32, s, 1);
        }
    }
}
