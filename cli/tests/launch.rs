//! Launch files in ROS 2's XML.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferrodrive::launch::{LaunchError, LaunchedNode, ParameterSource, arguments, read};
use ferrodrive::stack;
use middleware::Graph;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ferrodrive_launch_{}_{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn read_text(name: &str, text: &str, arguments: &[(&str, &str)]) -> Result<Vec<LaunchedNode>, LaunchError> {
    let folder = folder(name);
    let file = folder.join("a.launch.xml");
    std::fs::write(&file, text).unwrap();
    let arguments: BTreeMap<String, String> = arguments.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    read(&file, Path::new("/share"), &arguments)
}

#[test]
fn arguments_groups_conditions_and_substitutions_are_resolved() {
    let text = r#"<launch>
        <arg name="side" default="left"/>
        <arg name="second" default="false"/>
        <group>
          <push-ros-namespace namespace="$(var side)"/>
          <set_remap from="~/input/pointcloud" to="/lidar/$(var side)"/>
          <node pkg="ferrodrive" exec="lidar_detector">
            <param from="$(find-pkg-share ferrodrive)/params/lidar_detector.param.yaml"/>
            <param name="least_score" value="0.5"/>
            <remap from="~/output/objects" to="/objects"/>
          </node>
        </group>
        <node pkg="ferrodrive" exec="lidar_detector" name="other" if="$(var second)"/>
        <node pkg="ferrodrive" exec="localizer" unless="$(var second)"/>
    </launch>"#;
    let nodes = read_text("all", text, &[("side", "right")]).unwrap();
    assert_eq!(nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["right/lidar_detector", "localizer"]);
    let first = &nodes[0];
    let file = ParameterSource::File(PathBuf::from("/share/params/lidar_detector.param.yaml"));
    assert_eq!(first.parameters, [file, ParameterSource::Value("least_score".into(), "0.5".into())]);
    assert_eq!(first.remaps["~/input/pointcloud"], "/lidar/right");
    assert_eq!(first.remaps["~/output/objects"], "/objects");
    assert!(nodes[1].remaps.is_empty(), "a group's remaps end with it");
    let nodes = read_text("all", text, &[("second", "true")]).unwrap();
    assert_eq!(nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["left/lidar_detector", "other"]);
}

#[test]
fn included_files_get_their_arguments() {
    let folder = folder("include");
    std::fs::write(
        folder.join("inner.xml"),
        r#"<launch><arg name="topic"/><node pkg="ferrodrive" exec="localizer"><remap from="~/input/imu" to="$(var topic)"/></node></launch>"#,
    )
    .unwrap();
    let text = r#"<launch><include file="$(dirname)/inner.xml"><arg name="topic" value="/imu"/></include></launch>"#;
    let nodes = read_text("include", text, &[]).unwrap();
    assert_eq!(nodes[0].remaps["~/input/imu"], "/imu");
}

#[test]
fn arguments_are_told_with_those_of_included_files_that_are_not_given() {
    let folder = folder("described");
    let inner = r#"<launch><arg name="topic"/><arg name="rate" default="10" description="in Hz"/></launch>"#;
    std::fs::write(folder.join("inner.xml"), inner).unwrap();
    let outer = folder.join("a.launch.xml");
    let text = r#"<launch><arg name="must"/><arg name="on" default="false"/>
        <include file="$(dirname)/inner.xml" if="$(var must)"><arg name="topic" value="/imu"/></include>
        <group if="$(var on)"><arg name="late" default="$(var on)"/></group></launch>"#;
    std::fs::write(&outer, text).unwrap();
    let told = arguments(&outer, Path::new("/share")).unwrap();
    let told: Vec<_> = told.iter().map(|a| (a.name.as_str(), a.default.as_deref(), a.description.as_deref())).collect();
    let expected = [
        ("must", None, None),
        ("on", Some("false"), None),
        ("rate", Some("10"), Some("in Hz")),
        ("late", Some("false"), None),
    ];
    assert_eq!(told, expected);
}

#[test]
fn included_files_know_what_the_including_one_knows() {
    let folder = folder("around");
    std::fs::write(
        folder.join("inner.xml"),
        r#"<launch><arg name="respawn" default="false"/><node pkg="ferrodrive" exec="localizer" respawn="$(var respawn)"/></launch>"#,
    )
    .unwrap();
    std::fs::write(folder.join("middle.xml"), r#"<launch><include file="$(dirname)/inner.xml"/></launch>"#).unwrap();
    let text = r#"<launch><include file="$(dirname)/middle.xml"/></launch>"#;
    assert!(!read_text("around", text, &[]).unwrap()[0].respawn);
    assert!(read_text("around", text, &[("respawn", "true")]).unwrap()[0].respawn);
    let error = read_text("around", text, &[("respwan", "true")]).unwrap_err().to_string();
    assert!(error.contains("no argument `respwan`; it has: respawn"), "{error}");
}

#[test]
fn what_counts_is_what_counts_under_ros2_launch() {
    let text = r#"<launch>
        <set_parameter name="use_sim_time" value="true"/>
        <set_remap from="/a" to="/b"/>
        <node pkg="ferrodrive" exec="localizer">
          <param from="f.yaml"/>
          <param name="use_sim_time" value="false"/>
          <remap from="/a" to="/c"/>
        </node>
    </launch>"#;
    let nodes = read_text("order", text, &[]).unwrap();
    let value = |value: &str| ParameterSource::Value("use_sim_time".into(), value.into());
    assert_eq!(nodes[0].parameters, [value("true"), ParameterSource::File("f.yaml".into()), value("false")]);
    assert_eq!(nodes[0].remaps["/a"], "/b");
}

#[test]
fn two_texts_are_compared() {
    let text = r#"<launch>
        <arg name="lights" default="camera"/>
        <node pkg="ferrodrive" exec="localizer" if="$(eval '&quot;$(var lights)&quot; == &quot;camera&quot;')"/>
        <node pkg="ferrodrive" exec="simulator" if="$(eval &quot;'$(var lights)' != 'camera'&quot;)"/>
    </launch>"#;
    let started = |lights: &str| read_text("eval", text, &[("lights", lights)]).unwrap().remove(0).executable;
    assert_eq!((started("camera").as_str(), started("bridge").as_str()), ("localizer", "simulator"));
}

#[test]
fn what_is_wrong_is_said_with_file_and_line() {
    for (name, text, expected) in [
        ("tag", "<launch>\n<executable cmd='x'/>\n</launch>", "line 2: expected arg, let"),
        ("var", "<launch>\n\n<node pkg='ferrodrive' exec='$(var x)'/></launch>", "line 3: no argument `x` is declared"),
        ("pkg", "<launch><node pkg='nav2' exec='x'/></launch>", "expected ferrodrive, got `nav2`"),
        ("exec", "<launch><node pkg='ferrodrive'/></launch>", "<node> needs the attribute `exec`"),
        ("if", "<launch><group if='maybe'/></launch>", "expected true or false, got `maybe`"),
        ("subst", "<launch><let name='a' value='$(command rm)'/></launch>", "expected var, env, dirname"),
        ("eval", "<launch><let name='a' value='$(eval 1 + 1)'/></launch>", "expected one comparison of two texts"),
        ("open", "<launch><let name='a' value='$(var'/></launch>", "`$(` without `)`"),
        ("prefix", "<launch><node pkg='ferrodrive' exec='x' launch-prefix='gdb'/></launch>", "got `launch-prefix`"),
        ("scoped", "<launch><group scoped='false'/></launch>", "<group>: expected if, unless, got `scoped`"),
        ("xml", "<launch>", "no XML"),
        ("default", "<launch><arg name='a'/></launch>", "give the argument `a:=…`"),
    ] {
        let error = read_text(name, text, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let error = read_text("unknown", "<launch><arg name='a' default='1'/></launch>", &[("b", "2")]).unwrap_err();
    assert!(error.to_string().contains("no argument `b`; it has: a"), "{error}");
}

#[test]
fn files_that_include_themselves_are_refused() {
    let error = read_text("self", r#"<launch><include file="$(dirname)/a.launch.xml"/></launch>"#, &[]).unwrap_err();
    assert!(error.to_string().contains("16 deep"), "{error}");
}

/// Every file that is shipped can be read, starts nodes that there are, and names a topic for each of their ports.
#[test]
fn shipped_files_start_every_node_with_all_its_topics() {
    let share = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    if inference::find_library(&share).is_none() {
        eprintln!("skipped: ONNX Runtime is not set up, so nodes with models cannot be made");
        return;
    }
    let map = Arc::new(road_map::LaneGraph::from_file(&share.join("maps/town.xodr"), None).unwrap());
    let context = stack::context(&share, Some(map)).unwrap();
    for kind in stack::kinds() {
        assert!(share.join(format!("launch/{kind}.launch.xml")).is_file(), "{kind} has no launch file of its own");
    }
    for entry in std::fs::read_dir(share.join("launch")).unwrap() {
        let path = entry.unwrap().path();
        let map = [("map_path".to_owned(), "maps/town.xodr".to_owned())];
        let nodes = read(&path, &share, &map.into()).or_else(|_| read(&path, &share, &BTreeMap::new()));
        let nodes = nodes.unwrap_or_else(|error| panic!("{error}"));
        assert!(!nodes.is_empty(), "{}", path.display());
        let mut graph = Graph::default();
        for launched in &nodes {
            let made = stack::make(launched, &context).unwrap_or_else(|e| panic!("{}: {e:#}", path.display()));
            let inputs = made.ports.inputs().iter().map(|port| port.name.clone());
            let outputs = made.ports.outputs().iter().filter(|port| !port.debug).map(|port| port.name.clone());
            for port in inputs.chain(outputs) {
                let topic = launched.remaps.get(&port).unwrap_or(&port);
                assert!(topic.starts_with('/'), "{}: {port} of {}", path.display(), launched.name);
            }
            graph.add(&launched.name, made.node, made.ports, &launched.remaps, Duration::ZERO).unwrap();
        }
        assert!(graph.quality_mismatches().is_empty(), "{:?}", graph.quality_mismatches());
    }
}
