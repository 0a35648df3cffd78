use std::path::Path;
use std::sync::Arc;

use geometry::{OrientedBox, Pose2};
use road_map::LaneGraph;

use super::*;
use crate::actor::{Actor, ActorClass};
use crate::network::Network;
use crate::random::Random;
use crate::scenario::TrafficConfig;
use crate::signals::Signals;
use crate::traffic::driver::Habits;

/// A way from a stop sign over one that goes first: the lane with the sign, where it stands, the junction lane, the other
/// one and the lane that leads to it.
fn meeting(network: &Network) -> Option<(usize, f64, usize, usize, usize)> {
    for (approach, net) in network.lanes.iter().enumerate() {
        let Some(line) = net.lane.stop_lines.iter().find(|line| line.reason == StopReason::StopSign) else { continue };
        for &lane in &net.successors {
            for (other, conflict) in &network.lanes[lane].conflicts {
                let main = network.lanes[*other].predecessors.first().copied();
                let main = main.filter(|main| *main != approach && network.lanes[*main].length > 90.0);
                if let Some(main) = main.filter(|_| conflict.priority == Priority::Other) {
                    return Some((approach, line.s, lane, *other, main));
                }
            }
        }
    }
    None
}

/// Whether a car that has stood at a stop sign for `waited_s` goes while one with right of way comes at 10 m/s,
/// `distance_m` before the junction.
fn goes(waited_s: f64, distance_m: f64) -> bool {
    let town = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps/town.xodr");
    let map = LaneGraph::from_opendrive_file(&town).unwrap();
    let network = Arc::new(Network::new(&map));
    let config = TrafficConfig {
        cars: 0,
        trucks: 0,
        cyclists: 0,
        pedestrians: 0,
        parked: 0,
        obstacles: 0,
        ..TrafficConfig::default()
    };
    let ego = OrientedBox::new(Pose2::new(1e4, 1e4, 0.0), 4.0, 1.8);
    let mut traffic = Traffic::new(Arc::clone(&network), config, ego, Vec::new(), 1);
    let (approach, line_s, lane, other, main) = meeting(&network).unwrap();
    let mut random = Random::new(1);
    let mut driver = |id: u32, on: usize, front_s: f64, then: usize| {
        let actor = Actor::random(id, ActorClass::Car, Pose2::default(), 0.0, &mut random);
        let habits = Habits::random(ActorClass::Car, &config.manners, &mut random);
        let s = front_s - actor.length / 2.0;
        let mut driver = Driver::new(actor, habits, on, s, random.fork());
        driver.ahead = [then].into_iter().chain(network.lanes[then].successors.first().copied()).collect();
        driver
    };
    let mut me = driver(1, approach, line_s - 0.7, lane);
    (me.waiting_s, me.stopped_at) = (waited_s, Some((approach, line_s)));
    let mut them = driver(2, main, network.lanes[main].length - distance_m, other);
    (them.speed, them.granted) = (10.0, vec![other]);
    traffic.drivers = vec![me, them];
    let paths: Vec<_> = traffic.drivers.iter().map(|d| d.path(&network, 100.0)).collect();
    let mut approaching = vec![Vec::new(); network.lanes.len()];
    for (index, path) in paths.iter().enumerate() {
        path.iter().for_each(|(lane, start)| approaching[*lane].push((index, *start)));
    }
    let signals = Signals::new(&map, 1);
    let view = View {
        signals: &signals,
        approach: approaching,
        granted: traffic.drivers.iter().map(|d| d.granted.clone()).collect(),
        waits_inside: vec![None; 2],
        stopped_by_signal: vec![false; 2],
    };
    traffic.must_stop(0, &paths[0], None, &view).granted.contains(&lane)
}

#[test]
fn who_has_waited_long_goes_where_others_slow_down_gently_only() {
    assert!(!goes(5.0, 70.0), "it waits for those who go first");
    assert!(goes(25.0, 70.0), "but not for ever");
    assert!(!goes(25.0, 20.0), "and never makes them brake hard");
}
