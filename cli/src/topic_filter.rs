//! Which topics a recording is made of.

use regex::Regex;

/// Topics by name and pattern, as `ros2 bag` chooses them.
#[derive(Debug, Clone, Default)]
pub struct TopicFilter {
    /// Every topic but those excluded.
    pub all: bool,
    /// Full names.
    pub topics: Vec<String>,
    /// Topics in whose names this is found.
    pub regex: Option<Regex>,
    /// Types, `std_msgs/msg/String`.
    pub types: Vec<String>,
    /// Not topics in whose names this is found.
    pub exclude_regex: Option<Regex>,
    /// Not these topics.
    pub exclude_topics: Vec<String>,
    /// Hidden topics as well: those with a part that begins with an underscore.
    pub hidden: bool,
}

impl TopicFilter {
    /// Whether a topic of this type is taken. One that is named is, hidden or not.
    pub fn takes(&self, topic: &str, type_name: &str) -> bool {
        let is = |name: &String| name == topic;
        if self.exclude_topics.iter().any(is) || self.exclude_regex.as_ref().is_some_and(|regex| regex.is_match(topic))
        {
            return false;
        }
        if self.topics.iter().any(is) {
            return true;
        }
        let is_hidden = topic.split('/').any(|part| part.starts_with('_'));
        let chosen = self.all
            || self.types.iter().any(|name| name == type_name)
            || self.regex.as_ref().is_some_and(|regex| regex.is_match(topic));
        chosen && (self.hidden || !is_hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusion_wins_over_names_and_patterns() {
        let filter = TopicFilter {
            topics: vec!["/a".into(), "/b".into()],
            regex: Some(Regex::new("^/sensing/").unwrap()),
            exclude_regex: Some(Regex::new("camera|/b").unwrap()),
            ..TopicFilter::default()
        };
        let takes = |topic| filter.takes(topic, "std_msgs/msg/String");
        assert!(takes("/a") && takes("/sensing/lidar"));
        assert!(!takes("/b") && !takes("/sensing/camera/image") && !takes("/x/sensing/lidar"));
    }

    #[test]
    fn hidden_topics_are_taken_where_asked_for() {
        let all = TopicFilter { all: true, exclude_topics: vec!["/c".into()], ..TopicFilter::default() };
        let takes = |filter: &TopicFilter, topic| filter.takes(topic, "");
        assert!(takes(&all, "/a") && !takes(&all, "/a/_action/status") && !takes(&all, "/c"));
        assert!(takes(&TopicFilter { hidden: true, ..all }, "/a/_action/status"));
        let types = TopicFilter { types: vec!["a/msg/B".into()], ..TopicFilter::default() };
        assert!(types.takes("/x", "a/msg/B") && !types.takes("/x", "a/msg/C"));
    }
}
