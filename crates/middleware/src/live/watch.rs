use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;

const PERIOD: Duration = Duration::from_secs(2);

/// Looks for ends that do not meet and tells each once, with both sides' settings.
pub(super) async fn watch(backend: Arc<dyn Backend>) {
    let mut told = BTreeSet::new();
    loop {
        tokio::time::sleep(PERIOD).await;
        match backend.problems() {
            Ok(problems) => problems.into_iter().for_each(|problem| {
                if told.len() < 1000 && told.insert(problem.clone()) {
                    tracing::warn!("{problem}");
                }
            }),
            Err(error) => tracing::warn!("{error}"),
        }
    }
}
