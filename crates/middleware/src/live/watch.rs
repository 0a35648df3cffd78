use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;

/// After news, for what belongs together to come together; and between two looks where the middleware has no news.
const SETTLING: Duration = Duration::from_secs(2);

/// Looks for ends that do not meet and tells each once, with both sides' settings.
pub(super) async fn watch(backend: Arc<dyn Backend>) {
    let mut told = BTreeSet::new();
    loop {
        if let Some(changed) = backend.changed() {
            changed.notified().await;
        }
        tokio::time::sleep(SETTLING).await;
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
