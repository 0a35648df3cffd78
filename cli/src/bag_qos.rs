//! Quality of service between recordings and the wire.

use std::time::Duration;

use bag::{QosDuration, QosProfile};
use dds::{Durability, History, Liveliness, Qos, Reliability};

/// How long a reliable writer waits for a subscriber that does not keep up.
const MAX_BLOCKING: Duration = Duration::from_secs(1);
/// Messages held for whoever is a moment late: the recorder's reader, or a subscriber whose network lost some.
const QUEUE: u32 = 1000;

fn to_recorded(duration: Option<Duration>) -> QosDuration {
    duration.map_or(QosDuration::UNLIMITED, |d| QosDuration { sec: d.as_secs(), nsec: d.subsec_nanos().into() })
}

/// ROS 2 means "no limit" by zero too.
fn to_wire(duration: QosDuration) -> Option<Duration> {
    let limit = Duration::from_secs(duration.sec).checked_add(Duration::from_nanos(duration.nsec))?;
    (duration != QosDuration::UNLIMITED && !limit.is_zero()).then_some(limit)
}

fn is_reliable(qos: &Qos) -> bool {
    matches!(qos.reliability, Reliability::Reliable { .. })
}

fn reliable() -> Reliability {
    Reliability::Reliable { max_blocking: MAX_BLOCKING }
}

/// What a publisher offers, as a recording keeps it.
pub(crate) fn recorded(offer: &Qos) -> QosProfile {
    let (history, depth) = match offer.history {
        History::KeepLast(depth) => ("keep_last", depth.into()),
        History::KeepAll => ("keep_all", 0),
    };
    let durability = if offer.durability >= Durability::TransientLocal { "transient_local" } else { "volatile" };
    let liveliness = match offer.liveliness {
        Liveliness::Automatic => "automatic",
        Liveliness::ManualByParticipant => "manual_by_node",
        Liveliness::ManualByTopic => "manual_by_topic",
    };
    QosProfile {
        history: history.into(),
        depth,
        reliability: if is_reliable(offer) { "reliable" } else { "best_effort" }.into(),
        durability: durability.into(),
        deadline: to_recorded(offer.deadline),
        lifespan: to_recorded(offer.lifespan),
        liveliness: liveliness.into(),
        liveliness_lease_duration: to_recorded(offer.lease),
        avoid_ros_namespace_conventions: false,
    }
}

/// A profile on the wire.
pub(crate) fn wire(profile: &QosProfile) -> Qos {
    let depth = u32::try_from(profile.depth).unwrap_or(u32::MAX).max(1);
    Qos {
        reliability: if profile.reliability == "best_effort" { Reliability::BestEffort } else { reliable() },
        durability: match profile.durability.as_str() {
            "transient_local" => Durability::TransientLocal,
            _ => Durability::Volatile,
        },
        history: if profile.history == "keep_all" { History::KeepAll } else { History::KeepLast(depth) },
        deadline: to_wire(profile.deadline),
        lifespan: to_wire(profile.lifespan),
        liveliness: match profile.liveliness.as_str() {
            "manual_by_topic" => Liveliness::ManualByTopic,
            _ => Liveliness::Automatic,
        },
        lease: to_wire(profile.liveliness_lease_duration),
        ..Qos::default()
    }
}

/// What a recorder asks for so that every publisher's offer meets it, and what to tell where that costs something.
pub(crate) fn request(offers: &[&Qos]) -> (Qos, Option<&'static str>) {
    let reliable_ones = offers.iter().filter(|offer| is_reliable(offer)).count();
    let kept_ones = offers.iter().filter(|offer| offer.durability >= Durability::TransientLocal).count();
    let warning = if reliable_ones > 0 && reliable_ones < offers.len() {
        Some("some publishers are best effort, so messages of the reliable ones may be lost as well")
    } else if kept_ones > 0 && kept_ones < offers.len() {
        Some("some publishers are volatile, so what the transient local ones sent before is not recorded")
    } else {
        None
    };
    let qos = Qos {
        reliability: if reliable_ones == offers.len() { reliable() } else { Reliability::BestEffort },
        durability: if kept_ones == offers.len() { Durability::TransientLocal } else { Durability::Volatile },
        history: History::KeepLast(QUEUE),
        ..Qos::default()
    };
    (qos, warning)
}

/// The strongest of what was offered on a topic, so that every subscriber of the recorded publishers finds its match;
/// ROS 2's default where the recording does not tell.
pub(crate) fn offer(profiles: &[QosProfile]) -> Qos {
    let offers: Vec<Qos> = profiles.iter().map(wire).collect();
    if offers.is_empty() {
        return Qos { history: History::KeepLast(QUEUE), ..Qos::default() };
    }
    let kept = offers.iter().any(|offer| offer.durability == Durability::TransientLocal);
    let depth = |offer: &Qos| match offer.history {
        History::KeepLast(depth) => depth,
        History::KeepAll => QUEUE,
    };
    // One writer stands for all publishers: late joiners get what each of them would have kept. Where nothing is kept
    // for late joiners, a long history only helps those that the network loses something for.
    let keepers = offers.iter().filter(|offer| offer.durability == Durability::TransientLocal);
    let depth = if kept { keepers.map(depth).fold(0, u32::saturating_add) } else { QUEUE };
    let longest = |of: fn(&Qos) -> Option<Duration>| offers.iter().map(of).collect::<Option<Vec<_>>>();
    Qos {
        reliability: if offers.iter().any(is_reliable) { reliable() } else { Reliability::BestEffort },
        durability: if kept { Durability::TransientLocal } else { Durability::Volatile },
        history: History::KeepLast(depth),
        deadline: offers.iter().filter_map(|offer| offer.deadline).min(),
        lifespan: longest(|offer| offer.lifespan).and_then(|all| all.into_iter().max()),
        liveliness: offers.iter().map(|offer| offer.liveliness).max().unwrap_or(Liveliness::Automatic),
        lease: offers.iter().filter_map(|offer| offer.lease).min(),
        ..Qos::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lossy() -> Qos {
        Qos { reliability: Reliability::BestEffort, ..Qos::default() }
    }

    fn kept(depth: u32) -> Qos {
        Qos { durability: Durability::TransientLocal, history: History::KeepLast(depth), ..Qos::default() }
    }

    #[test]
    fn what_is_recorded_of_an_offer_is_offered_again() {
        let qos = Qos {
            deadline: Some(Duration::from_millis(1500)),
            lease: Some(Duration::from_secs(2)),
            liveliness: Liveliness::ManualByTopic,
            ..kept(7)
        };
        assert_eq!(offer(&[recorded(&qos)]), qos);
    }

    #[test]
    fn every_publisher_meets_what_the_recorder_asks_for() {
        for offers in [vec![lossy()], vec![kept(3)], vec![kept(1), lossy()], vec![Qos::default(), kept(1)]] {
            let (request, warning) = request(&offers.iter().collect::<Vec<_>>());
            for offer in &offers {
                assert_eq!(dds::mismatches(offer, &request), []);
            }
            assert_eq!(warning.is_some(), offers.len() > 1);
        }
        assert_eq!(request(&[&kept(3)]).0.durability, Durability::TransientLocal);
    }

    #[test]
    fn every_subscriber_of_the_recorded_publishers_meets_the_player() {
        let offers = [kept(3), lossy(), Qos { deadline: Some(Duration::from_secs(1)), ..kept(4) }];
        let played = offer(&offers.iter().map(recorded).collect::<Vec<_>>());
        for requested in &offers {
            assert_eq!(dds::mismatches(&played, requested), []);
        }
        assert_eq!((played.history, played.lifespan), (History::KeepLast(7), None));
    }
}
