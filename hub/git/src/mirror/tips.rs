//! The last seen tip of every ref that was asked for, and what we can tell a server that we have.

use git2::Oid;
use sha2::{Digest, Sha256};

use super::Handle;
use crate::error::Result;

const TIPS: &str = "refs/windlass/";
/// Names longer than this are hashed: a file name holds 255 bytes.
const LONGEST: usize = 200;
/// Tips that a negotiation starts from, and commits that it names. More would only help after a force push far back, which costs a full pack.
const NEGOTIATION_TIPS: usize = 64;
const NEGOTIATION_COMMITS: usize = 256;

// === impl Handle ===

impl Handle {
    /// Where the ref stood when it was last landed.
    pub(crate) fn tip(&self, name: &str) -> Option<Oid> {
        self.refname_to_id(&tip_name(name)).ok()
    }

    /// Moves the tip of a ref. Returns whether its history was rewritten: the old tip is not behind the new one.
    pub(crate) fn land(&self, name: &str, commit: Oid) -> Result<bool> {
        // Several revisions may name one ref (`main`, `HEAD`): libgit2 fails, rather than waits, where two write it at once.
        let _turn = self.mirror.landing.lock();
        let before = self.tip(name);
        if before == Some(commit) {
            return Ok(false);
        }
        let rewritten = match before {
            Some(before) => !self.is_ancestor(before, commit)?,
            None => false,
        };
        self.reference(&tip_name(name), commit, true, "").map_err(|error| self.mirror.error(&error))?;
        Ok(rewritten)
    }

    /// Remembers a commit that no ref led to, so that a later negotiation can name it.
    pub(crate) fn pin(&self, commit: Oid) -> Result<()> {
        self.land(&format!("commits/{commit}"), commit).map(drop)
    }

    /// Commits to tell a server that we have; those of `name` first.
    pub(crate) fn haves(&self, name: Option<&str>) -> Result<Vec<Oid>> {
        self.collect_haves(name).map_err(|error| self.mirror.error(&error))
    }

    fn collect_haves(&self, name: Option<&str>) -> Result<Vec<Oid>, git2::Error> {
        let own = name.and_then(|name| self.tip(name));
        let others = self.references_glob(&format!("{TIPS}*"))?.filter_map(|found| found.ok()?.target());
        let tips: Vec<Oid> = own.into_iter().chain(others).take(NEGOTIATION_TIPS).collect();
        let mut walk = self.revwalk()?;
        walk.set_sorting(git2::Sort::TIME)?;
        for tip in tips.iter().filter(|tip| self.find_commit(**tip).is_ok()) {
            walk.push(*tip)?;
        }
        walk.take(NEGOTIATION_COMMITS).collect()
    }
}

/// One flat level: a branch `a` that became `a/b` must not collide with its own old tip.
fn tip_name(name: &str) -> String {
    let (kind, rest) = ["refs/heads/", "refs/tags/", "commits/"]
        .into_iter()
        .find_map(|kind| Some((kind.trim_start_matches("refs/"), name.strip_prefix(kind)?)))
        .unwrap_or(("other/", name));
    let flat = rest.replace('%', "%25").replace('/', "%2F");
    if flat.len() <= LONGEST {
        return format!("{TIPS}{kind}{flat}");
    }
    let digest: String = Sha256::digest(rest).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{TIPS}{kind}%{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tips_never_collide() {
        assert_eq!(tip_name("refs/heads/main"), "refs/windlass/heads/main");
        assert_eq!(tip_name("refs/heads/a/b"), "refs/windlass/heads/a%2Fb");
        assert_eq!(tip_name("refs/heads/a%2Fb"), "refs/windlass/heads/a%252Fb");
        assert_eq!(tip_name("HEAD"), "refs/windlass/other/HEAD");
        let long = tip_name(&format!("refs/tags/{}", "x/".repeat(150)));
        assert!(git2::Reference::is_valid_name(&long) && long.len() < 100);
    }
}
