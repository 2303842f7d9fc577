//! Contents that an agent is known to need, sent with the change that needs them: it saves a round trip, and nothing depends on it.

use std::collections::{BTreeSet, HashMap};
use std::io::Read as _;

use uuid::Uuid;
use windlass_domain::bundle::Bundle;
use windlass_domain::desired_state::Delta;
use windlass_domain::digest::Digest;
use windlass_domain::target::{TargetRow, TargetSpec};
use windlass_store::Store;

/// The most bytes of contents that go ahead with one change.
const MAX_BYTES: usize = 64 << 10;
/// The most rows of one change for which it is worth looking.
const MAX_ROWS: usize = 32;
/// The most objects of one change: each has at least some hundred bytes.
const MAX_MEMBERS: usize = 400;
/// The most bytes of an uncompressed bundle that is read for this.
const MAX_BUNDLE_BYTES: u64 = 8 << 20;

/// What an agent was given in this session, by target.
#[derive(Default)]
pub(super) struct Ahead {
    given: HashMap<Uuid, Given>,
}

struct Given {
    bundle: Digest,
    settings: Digest,
    members: BTreeSet<Digest>,
}

/// An address and the compressed bytes there.
pub(super) type Content = (Digest, Vec<u8>);

// === impl Ahead ===

impl Ahead {
    /// The contents that `delta` needs and the agent presumably lacks; none when they are more than is worth it.
    pub(super) async fn contents(
        &mut self,
        store: &dyn Store,
        cluster: Uuid,
        delta: &Delta,
    ) -> windlass_store::Result<Vec<Content>> {
        for row in &delta.rows {
            if matches!(row, TargetRow::Removing(_)) {
                self.given.remove(&row.application());
            }
        }
        let changed: Vec<&TargetSpec> =
            delta.rows.iter().filter_map(present).filter(|spec| self.is_new(spec)).collect();
        if changed.is_empty() || changed.len() > MAX_ROWS {
            return Ok(Vec::new());
        }
        let mut contents = store.contents(cluster, &self.heads(&changed)).await?;
        let members = self.learn(&changed, &contents);
        if members.len() > MAX_MEMBERS || size(&contents) > MAX_BYTES {
            return Ok(Vec::new());
        }
        if !members.is_empty() {
            contents.extend(store.contents(cluster, &members).await?);
        }
        Ok(if size(&contents) > MAX_BYTES { Vec::new() } else { contents })
    }

    fn is_new(&self, spec: &TargetSpec) -> bool {
        let given = self.given.get(&spec.application);
        given.is_none_or(|given| given.bundle != spec.bundle || given.settings != spec.settings)
    }

    /// Bundles and settings, each once.
    fn heads(&self, changed: &[&TargetSpec]) -> Vec<Digest> {
        let mut heads = BTreeSet::new();
        for spec in changed {
            let given = self.given.get(&spec.application);
            if given.is_none_or(|given| given.bundle != spec.bundle) {
                heads.insert(spec.bundle);
            }
            if given.is_none_or(|given| given.settings != spec.settings) {
                heads.insert(spec.settings);
            }
        }
        heads.into_iter().collect()
    }

    /// Notes what the agent has from now on, and answers which objects it lacks.
    fn learn(&mut self, changed: &[&TargetSpec], heads: &[Content]) -> Vec<Digest> {
        let mut lacks = BTreeSet::new();
        for spec in changed {
            let before = self.given.remove(&spec.application);
            let bundle = heads.iter().find(|(digest, _)| *digest == spec.bundle);
            let members = match (bundle, before) {
                (Some((_, compressed)), before) => {
                    let members = members(compressed);
                    let had = before.map(|before| before.members).unwrap_or_default();
                    lacks.extend(members.difference(&had).copied());
                    members
                }
                (None, Some(before)) if before.bundle == spec.bundle => before.members,
                (None, _) => continue,
            };
            self.given.insert(spec.application, Given { bundle: spec.bundle, settings: spec.settings, members });
        }
        lacks.into_iter().collect()
    }
}

fn present(row: &TargetRow) -> Option<&TargetSpec> {
    match row {
        TargetRow::Present(spec) => Some(spec),
        TargetRow::Removing(_) => None,
    }
}

/// What a bundle lists. Of one that cannot be read nothing is sent ahead: the agent asks for what it lacks.
fn members(compressed: &[u8]) -> BTreeSet<Digest> {
    let mut bytes = Vec::new();
    let read = zstd::stream::read::Decoder::new(compressed)
        .and_then(|decoder| decoder.take(MAX_BUNDLE_BYTES).read_to_end(&mut bytes));
    let bundle = read.ok().and_then(|_| Bundle::from_bytes(&bytes).ok());
    bundle.map(|bundle| bundle.entries.into_iter().map(|entry| entry.digest).collect()).unwrap_or_default()
}

fn size(contents: &[Content]) -> usize {
    contents.iter().map(|(_, bytes)| bytes.len()).sum()
}
