//! From a target revision to a commit in the mirror.

use git2::Oid;
use windlass_domain::revision::Revision;

use super::fetch::{Fetched, Source};
use super::{References, Resolved};
use crate::error::{Error, Result};
use crate::mirror::{Handle, Held};
use crate::protocol::{Ask, RemoteRef};
use crate::similar::similar;
use crate::target::{Target, Versions};

// === impl Source ===

impl Source {
    pub(super) async fn resolve(&self, target: &Target) -> Result<Resolved> {
        let flight = self.entry.flights.get(self.fingerprint, target.text());
        flight.join(self.resolve_repairing(target)).await
    }

    /// A damaged mirror is thrown away and filled again, once.
    async fn resolve_repairing(&self, target: &Target) -> Result<Resolved> {
        if self.entry.mirror.is_damaged() {
            self.rebuild("a reader met damage").await?;
        }
        match self.resolve_once(target).await {
            Err(Error::Corrupt { cause, .. }) => {
                self.rebuild(&cause).await?;
                self.resolve_once(target).await
            }
            answer => answer,
        }
    }

    async fn rebuild(&self, cause: &str) -> Result<()> {
        tracing::warn!(repository = self.url(), cause, "the mirror is damaged and is rebuilt");
        self.evict().await
    }

    async fn resolve_once(&self, target: &Target) -> Result<Resolved> {
        if let Target::Commit(id) = target {
            return resolved(self.ensure_once(*id).await?);
        }
        if let Target::Versions(versions) = target {
            return self.resolve_versions(target, versions).await;
        }
        match self.first_of(target.candidates()).await? {
            Some(found) => self.land(target, found).await,
            None => self.resolve_abbreviated(target).await,
        }
    }

    /// The first of these refs that the remote has.
    async fn first_of(&self, names: Vec<String>) -> Result<Option<RemoteRef>> {
        let found = self.ask(Ask::Exact(&names)).await?;
        Ok(found.into_iter().min_by_key(|r| names.iter().position(|name| *name == r.name)))
    }

    async fn resolve_versions(&self, target: &Target, versions: &Versions) -> Result<Resolved> {
        let tags = self.ask(Ask::Under(&[versions.beginning()])).await?;
        if let Some(highest) = versions.highest(&tags) {
            return self.land(target, highest.clone()).await;
        }
        let names = target.candidates();
        let named = if names.is_empty() { None } else { self.first_of(names).await? };
        match named {
            Some(found) => self.land(target, found).await,
            None => Err(versions.none(self.url(), &tags)),
        }
    }

    /// Makes the commit of a ref present and moves our tip of it.
    async fn land(&self, target: &Target, found: RemoteRef) -> Result<Resolved> {
        if let Some(resolved) = self.try_land(target, &found).await? {
            return Ok(resolved);
        }
        let name = found.symref.clone().unwrap_or_else(|| found.name.clone());
        if let Fetched::Refused(words) = self.fetch(vec![found.id], Some(name)).await? {
            let cause = format!("it offered {} but does not give it out: {words}", found.id);
            return Err(Error::protocol(self.url(), cause));
        }
        let landed = self.try_land(target, &found).await?;
        landed.ok_or_else(|| {
            Error::protocol(self.url(), format!("its pack does not hold {}, which it offered", found.id))
        })
    }

    async fn try_land(&self, target: &Target, found: &RemoteRef) -> Result<Option<Resolved>> {
        let (revision, found) = (target.text(), found.clone());
        self.mirror(move |handle| land(&handle, revision, &found)).await
    }

    /// No branch or tag has the name: perhaps a commit id begins so.
    async fn resolve_abbreviated(&self, target: &Target) -> Result<Resolved> {
        let all = self.ask(Ask::All).await;
        if let Some(digits) = target.abbreviation() {
            let digits = digits.to_owned();
            let lookup = move |handle: Handle| handle.abbreviated(&digits);
            if let Some(id) = self.mirror(lookup.clone()).await? {
                return resolved(id);
            }
            self.fetch_all(all.as_deref().unwrap_or_default()).await?;
            if let Some(id) = self.mirror(lookup).await? {
                return resolved(id);
            }
        }
        Err(self.not_found(target, &all.unwrap_or_default()))
    }

    /// The commit under an id, which is fetched if it is not here.
    pub(super) async fn ensure(&self, id: Oid) -> Result<Oid> {
        if self.entry.mirror.is_damaged() {
            self.rebuild("a reader met damage").await?;
        }
        match self.ensure_once(id).await {
            Err(Error::Corrupt { cause, .. }) => {
                self.rebuild(&cause).await?;
                self.ensure_once(id).await
            }
            answer => answer,
        }
    }

    async fn ensure_once(&self, id: Oid) -> Result<Oid> {
        if let Some(commit) = self.held_commit(id).await? {
            return Ok(commit);
        }
        if let Fetched::Refused(words) = self.fetch(vec![id], None).await? {
            // An older server gives out tips only: the commit may be behind one.
            tracing::debug!(repository = self.url(), %id, words, "not given out by id; fetching every branch and tag");
            let all = self.ask(Ask::All).await?;
            self.fetch_all(&all).await?;
        }
        let commit = self.held_commit(id).await?.ok_or_else(|| self.not_found(&Target::Commit(id), &[]))?;
        self.mirror(move |handle| handle.pin(commit)).await?;
        Ok(commit)
    }

    async fn held_commit(&self, id: Oid) -> Result<Option<Oid>> {
        let held = self.mirror(move |handle| handle.held(id)).await?;
        match held {
            Held::Commit(commit) => Ok(Some(commit)),
            Held::Nothing => Ok(None),
            Held::Other(what) => Err(no_commit(self.url(), id.to_string(), what)),
        }
    }

    async fn fetch_all(&self, refs: &[RemoteRef]) -> Result<()> {
        let wants = refs.iter().map(|r| r.id).collect();
        match self.fetch(wants, None).await? {
            Fetched::Done => Ok(()),
            Fetched::Refused(words) => Err(Error::protocol(self.url(), words)),
        }
    }

    pub(super) async fn references(&self) -> Result<References> {
        let all = self.ask(Ask::All).await?;
        let under = |prefix: &str| {
            let mut names: Vec<String> =
                all.iter().filter_map(|r| r.name.strip_prefix(prefix)).map(str::to_owned).collect();
            names.sort_unstable();
            names
        };
        Ok(References { branches: under("refs/heads/"), tags: under("refs/tags/") })
    }

    fn not_found(&self, target: &Target, all: &[RemoteRef]) -> Error {
        let name = target.text();
        let short = all.iter().filter_map(|r| r.name.splitn(3, '/').nth(2));
        let available = similar(&name, short);
        Error::RefNotFound { url: self.url().to_owned(), name, available }
    }
}

/// Moves our tip of a ref, if its commit is here.
fn land(handle: &Handle, revision: String, found: &RemoteRef) -> Result<Option<Resolved>> {
    let commit = match handle.held(found.peeled.unwrap_or(found.id))? {
        Held::Commit(commit) => commit,
        Held::Nothing => return Ok(None),
        Held::Other(what) => return Err(no_commit(handle.mirror().url(), revision, what)),
    };
    let detached = found.symref.is_none() && found.name == "HEAD";
    let name = found.symref.as_ref().unwrap_or(&found.name);
    let rewritten = handle.land(name, commit)?;
    let ref_name = (!detached).then(|| name.clone());
    Ok(Some(Resolved { ref_name, rewritten, ..resolved(commit)? }))
}

fn resolved(commit: Oid) -> Result<Resolved> {
    let text = commit.to_string();
    let revision =
        Revision::parse(&text).map_err(|error| Error::InvalidRevision { revision: text, cause: error.to_string() })?;
    Ok(Resolved { revision, ref_name: None, rewritten: false })
}

fn no_commit(url: &str, name: String, what: &'static str) -> Error {
    Error::NotACommit { url: url.to_owned(), name, what }
}
