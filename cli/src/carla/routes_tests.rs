use super::*;

const SECOND: &str = r#"<routes>
  <route id="3" town="Town12">
    <weathers>
      <weather route_percentage="100" cloudiness="5.0" sun_altitude_angle="15.0"/>
      <weather route_percentage="0" cloudiness="50" sun_altitude_angle="90.0"/>
    </weathers>
    <waypoints>
      <position x="983.5" y="5382.2" z="371"/>
      <position x="824.2" y="5575.3" z="371"/>
    </waypoints>
    <scenarios>
      <scenario name="Accident_1" type="Accident">
        <trigger_point x="427.2" y="6086.8" z="359" yaw="144"/>
        <distance value="100"/>
      </scenario>
    </scenarios>
  </route>
  <route id="7" town="Town12"><waypoints><position x="0" y="0" z="0"/><position x="9" y="0" z="0"/></waypoints></route>
</routes>"#;

const FIRST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<routes>
  <route id="0" town="Town01">
    <waypoint pitch="360.0" roll="0.0" x="338.7" y="226.75" yaw="269.98" z="0.0" />
    <waypoint pitch="360.0" roll="0.0" x="321.9" y="194.67" yaw="179.83" z="0.0" />
  </route>
</routes>"#;

#[test]
fn routes_of_the_second_release_have_weather_and_trigger_points() {
    let file = RouteFile::parse(SECOND).unwrap();
    assert_eq!(file.routes.len(), 2);
    let route = &file.routes[0];
    assert_eq!((route.id.as_str(), route.town.as_str(), route.keypoints.len()), ("3", "Town12", 2));
    assert_eq!(
        route.keypoints[1],
        Keypoint { place: Place { x: 824.2, y: 5575.3, z: 371.0, yaw: 0.0 }, headed: false }
    );
    assert_eq!(route.weathers.iter().map(|w| w.0).collect::<Vec<_>>(), [0.0, 100.0]);
    assert_eq!(route.weathers[0].1["cloudiness"], 50.0);
    assert_eq!(route.scenarios[0].kind, "Accident");
    assert_eq!(route.scenarios[0].trigger.yaw, 144.0);
    assert_eq!(file.routes[1].weathers, []);
}

#[test]
fn routes_of_the_first_release_have_headings() {
    let file = RouteFile::parse(FIRST).unwrap();
    assert!(file.routes[0].keypoints.iter().all(|point| point.headed));
    assert_eq!(file.routes[0].keypoints[0].place.yaw, 269.98);
}

#[test]
fn routes_are_taken_by_id_in_the_order_asked_for() {
    let ids = |text: &[&str]| {
        let asked: Vec<String> = text.iter().map(|t| (*t).to_owned()).collect();
        RouteFile::parse(SECOND).unwrap().select(&asked).map(|r| r.into_iter().map(|r| r.id).collect::<Vec<_>>())
    };
    assert_eq!(ids(&["7", "3"]).unwrap(), ["7", "3"]);
    assert_eq!(ids(&[]).unwrap(), ["3", "7"]);
    assert_eq!(ids(&["4"]).unwrap_err(), "no route `4`; the file has: 3, 7");
}

#[test]
fn what_is_wrong_is_told_with_line_and_element() {
    let broken = |from: &str, to: &str| RouteFile::parse(&SECOND.replacen(from, to, 1)).unwrap_err();
    assert_eq!(broken("983.5", "nan"), "line 8, <position>: attribute `x`: a finite number expected, got `nan`");
    assert_eq!(broken("y=\"5382.2\" ", ""), "line 8, <position>: attribute `y` expected, got none");
    assert_eq!(broken("town=\"Town12\"", ""), "line 2, <route>: attribute `town` expected, got none");
    assert_eq!(broken("trigger_point", "trigger_pt"), "line 12, <scenario>: expected a <trigger_point>, got none");
    assert_eq!(
        broken("cloudiness=\"5.0\"", "cloudiness=\"much\""),
        "line 4, <weather>: attribute `cloudiness`: a finite number expected, got `much`"
    );
    assert_eq!(broken("id=\"7\"", "id=\"3\""), "two routes of the id `3`");
    assert!(broken("</routes>", "").contains("3:") || !broken("</routes>", "").is_empty());
    assert_eq!(RouteFile::parse("<routes/>").unwrap_err(), "expected a <route> in <routes>, got none");
    let one = r#"<routes><route id="1" town="T"><waypoints><position x="0" y="0" z="0"/></waypoints></route></routes>"#;
    assert!(RouteFile::parse(one).unwrap_err().contains("expected at least two places"));
    let error = RouteFile::read(Path::new("no/such.xml")).unwrap_err().to_string();
    assert!(error.starts_with("route file no/such.xml: "), "{error}");
}
