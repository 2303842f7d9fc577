//! Contents come, and whoever waited for the last of its own looks at its bundle again.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use tracing::warn;
use uuid::Uuid;
use windlass_domain::digest::Digest;

use super::engine::Engine;

impl Engine {
    /// An answer to a fetch.
    pub(super) fn take_fetched(&mut self, asked: &[Digest], result: Result<Vec<(Digest, Bytes)>, String>) {
        for digest in asked {
            self.contents.fetching.remove(digest);
        }
        let waiting: BTreeSet<Uuid> =
            asked.iter().filter_map(|digest| self.awaited.get(digest)).flatten().copied().collect();
        let failed = match result {
            Ok(contents) => {
                let lacking = contents.len() < asked.len();
                for (digest, bytes) in contents {
                    self.stage(digest, bytes);
                    self.arrived(digest);
                }
                lacking.then(|| "the hub does not have some of them (any more)".to_owned())
            }
            Err(error) => Some(error),
        };
        let now = self.parts.clock.now();
        if let Some(error) = &failed {
            warn!(error, count = asked.len(), "contents could not be fetched; it is tried again");
        }
        for application in waiting {
            let Some(target) = self.targets.get_mut(&application) else { continue };
            if failed.is_some() && !target.lacks.is_empty() {
                target.fetches_failed = target.fetches_failed.saturating_add(1);
                let again = now + Duration::from_secs(2 << target.fetches_failed.min(5));
                target.fetch_at = Some(again);
                target.wake(again);
            } else {
                target.fetches_failed = 0;
                self.dirty.insert(application);
            }
        }
    }

    /// A target waits for these contents, and for no others.
    pub(super) fn awaits(&mut self, application: Uuid, digests: impl IntoIterator<Item = Digest>) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let before = std::mem::replace(&mut target.lacks, digests.into_iter().collect());
        for digest in before.difference(&target.lacks) {
            if let Some(waiting) = self.awaited.get_mut(digest) {
                waiting.remove(&application);
                if waiting.is_empty() {
                    self.awaited.remove(digest);
                }
            }
        }
        for digest in target.lacks.difference(&before) {
            self.awaited.entry(*digest).or_default().insert(application);
        }
    }

    /// A content came: whoever waited for nothing else looks at its bundle again.
    pub(super) fn arrived(&mut self, digest: Digest) {
        for application in self.awaited.remove(&digest).unwrap_or_default() {
            let Some(target) = self.targets.get_mut(&application) else { continue };
            target.lacks.remove(&digest);
            if target.lacks.is_empty() {
                self.dirty.insert(application);
            }
        }
    }

    /// Keeps a content until its bundle is complete; contents of bundles that newer ones took the place of make room.
    pub(super) fn stage(&mut self, digest: Digest, bytes: Bytes) {
        if !self.contents.stage(digest, bytes.clone()) {
            let keep = self.referenced();
            self.contents.retain(&keep);
            self.contents.stage(digest, bytes);
        }
    }
}
