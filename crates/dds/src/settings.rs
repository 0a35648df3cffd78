use std::env::VarError;
use std::fmt::Write as _;

use crate::DdsError;

/// How far a participant looks for others (`ROS_AUTOMATIC_DISCOVERY_RANGE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// The network that multicast reaches.
    #[default]
    Subnet,
    /// This machine, without multicast.
    Localhost,
    /// Nobody; static peers are not asked either.
    Off,
    /// As Cyclone's own configuration says; static peers are not asked.
    SystemDefault,
}

/// Where on the network a participant is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Domain, 0..=232.
    pub domain: u32,
    /// How far it looks for others.
    pub range: Range,
    /// Only the loopback interface (`ROS_LOCALHOST_ONLY=1`), without multicast. Overrules `range`, and static peers are
    /// not asked.
    pub localhost_only: bool,
    /// Addresses asked directly.
    pub static_peers: Vec<String>,
    /// Cyclone's own configuration (`CYCLONEDDS_URI`): fragments or files, read last, so that they win.
    pub cyclone: Option<String>,
}

fn variable(name: &'static str) -> Result<Option<String>, DdsError> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(value)) => {
            Err(DdsError::Setting { name, value: value.to_string_lossy().into_owned(), expected: "UTF-8 text" })
        }
    }
}

impl Settings {
    /// Reads `ROS_DOMAIN_ID`, `ROS_AUTOMATIC_DISCOVERY_RANGE`, `ROS_LOCALHOST_ONLY`, `ROS_STATIC_PEERS` and
    /// `CYCLONEDDS_URI`, as ROS 2 does.
    ///
    /// # Errors
    /// [`DdsError::Setting`] naming the variable that cannot be followed.
    pub fn from_environment() -> Result<Self, DdsError> {
        Self::read(variable)
    }

    fn read(variable: impl Fn(&'static str) -> Result<Option<String>, DdsError>) -> Result<Self, DdsError> {
        let setting = |name, value: String, expected| DdsError::Setting { name, value, expected };
        let mut settings = Self::default();
        if let Some(value) = variable("ROS_DOMAIN_ID")? {
            let domain = value.trim().parse().ok().filter(|domain| *domain <= 232);
            settings.domain = domain.ok_or_else(|| setting("ROS_DOMAIN_ID", value, "a whole number, 0 to 232"))?;
        }
        if let Some(value) = variable("ROS_AUTOMATIC_DISCOVERY_RANGE")? {
            settings.range = match value.as_str() {
                "SUBNET" => Range::Subnet,
                "LOCALHOST" => Range::Localhost,
                "OFF" => Range::Off,
                "SYSTEM_DEFAULT" => Range::SystemDefault,
                _ => {
                    let expected = "SUBNET, LOCALHOST, OFF or SYSTEM_DEFAULT";
                    return Err(setting("ROS_AUTOMATIC_DISCOVERY_RANGE", value, expected));
                }
            };
        }
        settings.localhost_only = match variable("ROS_LOCALHOST_ONLY")?.as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(other) => return Err(setting("ROS_LOCALHOST_ONLY", other.into(), "0 or 1")),
        };
        if let Some(value) = variable("ROS_STATIC_PEERS")? {
            // They become XML: an address has none of its characters.
            let address = |c: char| c.is_ascii_alphanumeric() || ".:-_%[]".contains(c);
            settings.static_peers = value.split(';').map(str::trim).filter(|p| !p.is_empty()).map(Into::into).collect();
            if settings.static_peers.iter().any(|peer| !peer.chars().all(address)) {
                return Err(setting("ROS_STATIC_PEERS", value, "host names or addresses, separated by semicolons"));
            }
        }
        settings.cyclone = variable("CYCLONEDDS_URI")?;
        Ok(settings)
    }

    /// Cyclone's configuration that follows.
    pub(crate) fn config(&self) -> String {
        let (range, localhost_only) = (self.range, self.localhost_only);
        let alone = range == Range::Off && !localhost_only;
        let multicast = match range {
            _ if localhost_only => Some("false"),
            // Data by multicast would load the network for readers on this very machine.
            Range::Subnet => Some("spdp"),
            Range::Localhost | Range::Off => Some("false"),
            Range::SystemDefault => None,
        };
        let mut xml = String::from("<CycloneDDS><Domain><General>");
        if localhost_only {
            xml += "<Interfaces><NetworkInterface address=\"127.0.0.1\" multicast=\"false\"/></Interfaces>";
        } else if range == Range::Localhost {
            // ROS 2 asks 127.0.0.1 as well, and Fast DDS wants to be answered from there; static peers are further away, and
            // are asked through the interface of the highest priority: by default the loopback's is 2.
            xml += "<Interfaces><NetworkInterface autodetermine=\"true\" priority=\"3\"/>\
                    <NetworkInterface address=\"127.0.0.1\" multicast=\"false\"/></Interfaces>";
        }
        if let Some(multicast) = multicast {
            let _ = write!(xml, "<AllowMulticast>{multicast}</AllowMulticast>");
        }
        // Large datagrams: a point cloud in 1400-byte pieces overruns default socket buffers.
        xml += "<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize></General>";
        // By bytes, so that one unacknowledged image does not halt its writer, and a keep-all burst still waits.
        xml += "<Internal><Watermarks><WhcHigh>16MB</WhcHigh><WhcHighInit>16MB</WhcHighInit>\
                <WhcLow>4MB</WhcLow><WhcAdaptive>false</WhcAdaptive></Watermarks></Internal>";
        // Each receiving thread fills one of these before it takes the next: at the default of 1 MB a quiet process grows
        // for an hour until it has touched all of them.
        xml += "<Sizing><ReceiveBufferSize>256KiB</ReceiveBufferSize></Sizing>";
        xml += "<Discovery>";
        if alone {
            // With a tag of its own it is heard by nobody.
            let tag = std::process::id();
            let _ = write!(xml, "<ParticipantIndex>none</ParticipantIndex><Tag>ferrodrive_alone_{tag}</Tag>");
        } else if range != Range::SystemDefault || localhost_only {
            xml += "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>";
            let local = (range == Range::Localhost || localhost_only).then_some("<Peer address=\"127.0.0.1\"/>");
            // Whoever is named may come at any time, and need not name us: by default the core forgets it after 30 s and
            // asks but once until then.
            let named = self.static_peers.iter().filter(|_| !localhost_only);
            let named: String = named.map(|peer| format!("<Peer address=\"{peer}\" PruneDelay=\"inf\"/>")).collect();
            if !named.is_empty() {
                xml += "<SPDPInterval>8s</SPDPInterval>";
            }
            if local.is_some() || !named.is_empty() {
                let _ = write!(xml, "<Peers>{}{named}</Peers>", local.unwrap_or_default());
            }
        }
        xml += "</Discovery></Domain></CycloneDDS>";
        match &self.cyclone {
            Some(own) => format!("{xml},{own}"),
            None => xml,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, DdsError> {
        Settings::read(|name| Ok(pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())))
    }

    #[test]
    fn nothing_set_means_domain_zero_and_the_subnet() {
        assert_eq!(read(&[]).unwrap(), Settings::default());
    }

    #[test]
    fn variables_that_cannot_be_followed_are_named() {
        for (name, value) in [
            ("ROS_DOMAIN_ID", "233"),
            ("ROS_DOMAIN_ID", "-1"),
            ("ROS_AUTOMATIC_DISCOVERY_RANGE", "far"),
            ("ROS_LOCALHOST_ONLY", "yes"),
            ("ROS_STATIC_PEERS", "10.0.0.1;<x>"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn on_this_machine_the_loopback_interface_is_used() {
        for (settings, interfaces) in [
            (Settings { range: Range::Localhost, ..Settings::default() }, 2),
            (Settings { localhost_only: true, ..Settings::default() }, 1),
            (Settings::default(), 0),
        ] {
            let config = settings.config();
            assert_eq!(config.matches("<NetworkInterface ").count(), interfaces);
            assert_eq!(config.contains("<NetworkInterface address=\"127.0.0.1\""), interfaces > 0);
        }
    }

    #[test]
    fn peers_are_asked_but_not_when_discovery_is_off_or_local() {
        let settings = read(&[("ROS_STATIC_PEERS", "10.0.0.1; robot.local")]).unwrap();
        assert!(settings.config().contains("<Peer address=\"robot.local\" PruneDelay=\"inf\"/>"));
        let local = Settings { localhost_only: true, ..settings.clone() };
        assert!(!local.config().contains("robot.local") && local.config().contains("<Peer address=\"127.0.0.1\"/>"));
        let off = Settings { range: Range::Off, ..settings };
        assert!(!off.config().contains("Peer address") && off.config().contains("<Tag>"));
    }
}
