//! Small maps by hand: every geometry, lane direction, signs and right of way, and what is wrong with bad maps.
#![allow(missing_docs)]

use geometry::{Map, Point2, Pose2};
use road_map::{Boundary, LaneChange, LaneGraph, LaneKind, MapError, Priority, RouteOptions};

/// A map of one road with two lanes each way, 3.5 m wide, broken lines between lanes of one direction.
fn one_road(length: f64, geometry: &str) -> String {
    let lane = |id: i64, mark: &str| {
        format!(
            "<lane id=\"{id}\" type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/>\
             <roadMark sOffset=\"0\" type=\"{mark}\"/></lane>"
        )
    };
    format!(
        "<?xml version=\"1.0\"?>\n<OpenDRIVE>\n<header revMajor=\"1\" revMinor=\"7\"/>\n\
         <road id=\"1\" length=\"{length}\" junction=\"-1\">\n<type s=\"0\" type=\"town\"><speed max=\"50\" unit=\"km/h\"/></type>\n\
         <planView>\n<geometry s=\"0\" x=\"10\" y=\"20\" hdg=\"0.5\" length=\"{length}\">{geometry}</geometry>\n</planView>\n\
         <elevationProfile><elevation s=\"0\" a=\"5\" b=\"0.02\" c=\"0\" d=\"0\"/></elevationProfile>\n\
         <lanes><laneSection s=\"0\">\n<left>{}{}</left>\n<center><lane id=\"0\" type=\"none\"><roadMark sOffset=\"0\" type=\"solid\"/></lane></center>\n\
         <right>{}{}</right>\n</laneSection></lanes></road></OpenDRIVE>",
        lane(2, "solid"),
        lane(1, "broken"),
        lane(-1, "broken"),
        lane(-2, "solid")
    )
}

/// Where the reference line ends, taken from the inner edge of lane -1.
fn end_of(geometry: &str, length: f64) -> Pose2<Map> {
    let graph = LaneGraph::from_opendrive(&one_road(length, geometry), "test").unwrap();
    let lane = graph.lanes().find(|l| l.source.ends_with("lane -1")).unwrap();
    let position = *lane.left.last().unwrap();
    let local: Point2<Map> = Pose2::<Map>::new(10.0, 20.0, 0.5).inverse_transform(position);
    Pose2 { position: local, yaw: lane.pose_at(lane.length()).yaw - 0.5 }
}

fn assert_near(pose: Pose2<Map>, x: f64, y: f64) {
    assert!(pose.position.distance(Point2::new(x, y)) < 1e-4, "{pose:?}, expected {x}, {y}");
}

#[test]
fn line_and_arc_end_where_trigonometry_says() {
    assert_near(end_of("<line/>", 100.0), 100.0, 0.0);
    let r = 50.0_f64;
    let angle = 60.0 / r;
    assert_near(end_of("<arc curvature=\"0.02\"/>", 60.0), r * angle.sin(), r * (1.0 - angle.cos()));
}

#[test]
fn spiral_ends_where_the_fresnel_series_says() {
    // x = L (1 - t²/10 + t⁴/216 - t⁶/9360), y = L (t/3 - t³/42 + t⁵/1320), t = L k / 2.
    let (length, curvature) = (60.0, 0.02);
    let t = length * curvature / 2.0_f64;
    let x = length * (1.0 - t.powi(2) / 10.0 + t.powi(4) / 216.0 - t.powi(6) / 9360.0);
    let y = length * (t / 3.0 - t.powi(3) / 42.0 + t.powi(5) / 1320.0 - t.powi(7) / 75_600.0);
    assert_near(end_of("<spiral curvStart=\"0\" curvEnd=\"0.02\"/>", length), x, y);
}

#[test]
fn cubic_forms_agree_with_each_other() {
    // v = 0.001 u³ up to u = 20; its length by quadrature with many small steps.
    let n = 200_000;
    let h = 20.0 / f64::from(n);
    let length: f64 = (0..n).map(|i| (f64::from(i) + 0.5) * h).map(|u| 1.0_f64.hypot(0.003 * u * u) * h).sum();
    assert_near(end_of("<poly3 a=\"0\" b=\"0\" c=\"0\" d=\"0.001\"/>", length), 20.0, 8.0);
    let normalized =
        "<paramPoly3 aU=\"0\" bU=\"20\" cU=\"0\" dU=\"0\" aV=\"0\" bV=\"0\" cV=\"0\" dV=\"8\" pRange=\"normalized\"/>";
    assert_near(end_of(normalized, length), 20.0, 8.0);
    let arc_length =
        "<paramPoly3 aU=\"0\" bU=\"1\" cU=\"0\" dU=\"0\" aV=\"0\" bV=\"0\" cV=\"0.01\" dV=\"0\" pRange=\"arcLength\"/>";
    assert_near(end_of(arc_length, 10.0), 10.0, 1.0);
}

#[test]
fn lanes_run_in_driving_direction_with_edges_heights_and_neighbours() {
    let graph = LaneGraph::from_opendrive(&one_road(100.0, "<line/>"), "test").unwrap();
    let lane = |id: &str| graph.lanes().find(|l| l.source.ends_with(&format!(" {id}"))).unwrap();
    let (forward, backward) = (lane("-1"), lane("1"));
    assert!((forward.pose_at(0.0).yaw - 0.5).abs() < 1e-9);
    assert!(geometry::angle_difference(backward.pose_at(0.0).yaw, 0.5 + std::f64::consts::PI).abs() < 1e-9);
    for lane in graph.lanes() {
        assert!((lane.width_at(50.0) - 3.5).abs() < 1e-9);
        let heading = lane.pose_at(50.0).forward();
        assert!(heading.cross(lane.left_at(50.0) - lane.right_at(50.0)) > 0.0, "left is not left on {}", lane.source);
    }
    assert_eq!(forward.right_neighbor, Some(lane("-2").id));
    assert_eq!(forward.left_neighbor, None);
    assert!(forward.can_change_right() && lane("-2").can_change_left());
    assert_eq!(lane("-2").right_boundary, Boundary::Solid);
    assert!((forward.elevation_at(100.0) - 7.0).abs() < 1e-9 && (backward.elevation_at(0.0) - 7.0).abs() < 1e-9);
    assert!((forward.speed_limit_mps - 50.0 / 3.6).abs() < 1e-9);
}

#[test]
fn nearest_and_matching_lanes_are_found() {
    let graph = LaneGraph::from_opendrive(&one_road(100.0, "<line/>"), "test").unwrap();
    let at = |x: f64, y: f64| Pose2::<Map>::new(10.0, 20.0, 0.5).transform(Point2::<Map>::new(x, y));
    let nearest = graph.nearest_lane(at(30.0, -2.0), &[LaneKind::Driving]).unwrap();
    assert!(graph.lane(nearest.lane).unwrap().source.ends_with("lane -1"));
    assert!((nearest.s - 30.0).abs() < 1e-6 && (nearest.d + 0.25).abs() < 1e-6);
    let against = Pose2 { position: at(30.0, -0.5), yaw: 0.5 + std::f64::consts::PI };
    let matched = graph.match_pose(against, 3.0, 0.8).unwrap();
    assert!(graph.lane(matched.lane).unwrap().source.ends_with("lane 1"));
    assert!(graph.nearest_lane(Point2::new(f64::NAN, 0.0), &[LaneKind::Driving]).is_none());
}

#[test]
fn a_route_changes_lanes_where_the_line_is_broken() {
    let graph = LaneGraph::from_opendrive(&one_road(100.0, "<line/>"), "test").unwrap();
    let id = |name: &str| graph.lanes().find(|l| l.source.ends_with(&format!(" {name}"))).unwrap().id;
    let route = graph.shortest_route((id("-1"), 10.0), (id("-2"), 90.0), RouteOptions::default()).unwrap();
    assert_eq!(route.segments.len(), 2);
    assert_eq!(route.segments[0].change, LaneChange::Right);
    assert!(graph.shortest_route((id("-1"), 10.0), (id("1"), 90.0), RouteOptions::default()).is_none());
    let options = RouteOptions { lane_changes: false, ..RouteOptions::default() };
    assert!(graph.shortest_route((id("-1"), 10.0), (id("-2"), 90.0), options).is_none());
}

#[test]
fn a_goal_behind_or_too_near_on_a_lane_beside_is_out_of_reach() {
    let graph = LaneGraph::from_opendrive(&one_road(100.0, "<line/>"), "test").unwrap();
    let id = |name: &str| graph.lanes().find(|l| l.source.ends_with(&format!(" {name}"))).unwrap().id;
    let route = |from, to| graph.shortest_route(from, to, RouteOptions::default());
    assert_eq!(route((id("-1"), 50.0), (id("-2"), 30.0)), None, "behind, one lane over");
    assert_eq!(route((id("-1"), 50.0), (id("-1"), 30.0)), None, "behind, by a change over and back");
    assert_eq!(route((id("-1"), 50.0), (id("-2"), 60.0)), None, "no room to change lanes");
    assert!(route((id("-1"), 50.0), (id("-2"), 80.0)).is_some());
}

fn error(text: &str) -> String {
    LaneGraph::from_opendrive(text, "town").unwrap_err().to_string()
}

#[test]
fn errors_name_the_element_its_line_and_what_is_wrong() {
    let good = one_road(100.0, "<line/>");
    let cases = [
        (
            good.replace("hdg=\"0.5\"", "hdg=\"nan\""),
            "line 7",
            "<geometry>: attribute `hdg`: a finite number expected, got `nan`",
        ),
        (good.replace("<line/>", "<circle/>"), "line 7", "got <circle>"),
        (
            good.replace("length=\"100\" junction", "length=\"-3\" junction"),
            "line 4",
            "a length above 0 and up to 100000 m is expected, got -3",
        ),
        (good.replace("unit=\"km/h\"", "unit=\"knots\""), "line 5", "got `knots`"),
        (good.replace("a=\"3.5\"", "a=\"0\""), "lane id", "a width above 0 is expected"),
        (good.replace("id=\"-2\"", "id=\"-1\""), "lane id=\"-1\"", "same id"),
        (good.replace("id=\"-2\"", "id=\"-9000000000000000000\""), "lane id", "an id from -1000 to 1000 is expected"),
        (good.replace("type=\"driving\"", "type=\"none\""), "town", "no driving lane"),
        (good.replace("OpenDRIVE", "OpenSCENARIO"), "line 2", "<OpenDRIVE> is expected"),
    ];
    for (text, place, reason) in cases {
        let message = error(&text);
        assert!(message.contains(place) && message.contains(reason), "{message}");
        assert!(message.contains("town"), "{message}");
    }
}

#[test]
fn no_damage_panics() {
    let good = one_road(100.0, "<spiral curvStart=\"0\" curvEnd=\"0.02\"/>");
    for cut in (0..good.len()).filter(|c| good.is_char_boundary(*c)) {
        assert!(LaneGraph::from_opendrive(&good[..cut], "cut").is_err());
    }
    for junk in ["", "x", "1e400", "-1e300", "inf", "-7", "99999999999999999999"] {
        for (start, _) in good.match_indices("=\"") {
            let end = start + 2 + good[start + 2..].find('"').unwrap();
            let text = format!("{}{junk}{}", &good[..start + 2], &good[end..]);
            let _ = LaneGraph::from_opendrive(&text, "junk");
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = LaneGraph::from_opendrive_file(std::path::Path::new("nowhere/town.xodr")).unwrap_err();
    assert!(matches!(error, MapError::Read { .. }) && error.to_string().contains("nowhere/town.xodr"));
}

/// Two roads that run into a third: one straight, one by an arc from its right, with these speed limits (km/h).
fn joining_roads(straight_kmh: u32, arc_kmh: u32) -> LaneGraph {
    let road = |id: u32, start: &str, length: f64, shape: &str, kmh: u32, link: &str| {
        format!(
            "<road id=\"{id}\" length=\"{length}\" junction=\"-1\"><link>{link}</link>\
             <type s=\"0\" type=\"town\"><speed max=\"{kmh}\" unit=\"km/h\"/></type>\
             <planView><geometry s=\"0\" {start} length=\"{length}\">{shape}</geometry></planView>\
             <lanes><laneSection s=\"0\"><center><lane id=\"0\" type=\"none\"/></center><right><lane id=\"-1\" type=\"driving\">\
             <link><successor id=\"-1\"/></link><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection></lanes></road>"
        )
    };
    let to_third = "<successor elementType=\"road\" elementId=\"3\" contactPoint=\"start\"/>";
    let (x, y) = (50.0 - 100.0 * 0.5_f64.sin(), -100.0 * (1.0 - 0.5_f64.cos()));
    let arc = format!("x=\"{x}\" y=\"{y}\" hdg=\"0.5\"");
    let text = format!(
        "<OpenDRIVE><header revMajor=\"1\" revMinor=\"7\"/>{}{}{}</OpenDRIVE>",
        road(1, "x=\"0\" y=\"0\" hdg=\"0\"", 50.0, "<line/>", straight_kmh, to_third),
        road(2, &arc, 50.0, "<arc curvature=\"-0.01\"/>", arc_kmh, to_third),
        road(3, "x=\"50\" y=\"0\" hdg=\"0\"", 50.0, "<line/>", 50, "")
    );
    LaneGraph::from_opendrive(&text, "test").unwrap()
}

#[test]
fn of_two_lanes_that_join_outside_a_junction_exactly_one_goes_first() {
    for (straight_kmh, arc_kmh, first) in [(50, 50, "road 1"), (50, 30, "road 1"), (30, 50, "road 2")] {
        let graph = joining_roads(straight_kmh, arc_kmh);
        for lane in graph.lanes().filter(|l| !l.source.starts_with("road 3")) {
            let wanted = if lane.source.starts_with(first) { Priority::Mine } else { Priority::Other };
            assert_eq!(lane.conflicts.len(), 1, "{}", lane.source);
            assert_eq!(lane.conflicts[0].priority, wanted, "{straight_kmh} and {arc_kmh} km/h: {}", lane.source);
        }
    }
}
