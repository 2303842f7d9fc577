//! Which objects a mirror lacks. It holds whatever an object of its own refers to, so the search ends at everything it has: a commit that touches
//! one file costs the trees above that file, whatever the size of the repository.

use std::collections::HashSet;
use std::time::Instant;

use git2::{ErrorCode, ObjectType, OdbLookupFlags, Oid, Repository};

/// A search for objects that a mirror lacks. Whatever refers to an object is found before it.
pub(super) struct Missing<'a> {
    from: &'a Repository,
    mirror: git2::Odb<'a>,
    deadline: Instant,
    seen: HashSet<Oid>,
    found: Vec<(Oid, Option<String>)>,
}

// === impl Missing ===

impl<'a> Missing<'a> {
    /// The objects, with their names where they have one: objects of one name make good deltas.
    pub(super) fn collect(
        from: &'a Repository,
        mirror: &'a Repository,
        wants: &[Oid],
        deadline: Instant,
    ) -> Result<Vec<(Oid, Option<String>)>, git2::Error> {
        let odb = mirror.odb()?;
        odb.refresh()?;
        let mut search = Self { from, mirror: odb, deadline, seen: HashSet::new(), found: Vec::new() };
        for want in wants {
            search.object(*want)?;
        }
        Ok(search.found)
    }

    /// Notes an object, unless it is known or the mirror has it; returns whether it was noted.
    fn note(&mut self, id: Oid, name: Option<&str>) -> bool {
        // Not refreshing: a miss would look through the pack directory again, for every object.
        let wanted = !self.mirror.exists_ext(id, OdbLookupFlags::NO_REFRESH) && self.seen.insert(id);
        if wanted {
            self.found.push((id, name.map(str::to_owned)));
        }
        wanted
    }

    fn object(&mut self, id: Oid) -> Result<(), git2::Error> {
        let object = self.from.find_object(id, None)?;
        match object.kind() {
            Some(ObjectType::Commit) => self.history(id),
            Some(ObjectType::Tree) => {
                if self.note(id, None) {
                    self.directory(id)?;
                }
                Ok(())
            }
            Some(ObjectType::Tag) => {
                self.note(id, None);
                let target = object.as_tag().map(git2::Tag::target_id);
                target.map_or(Ok(()), |target| self.object(target))
            }
            _ => {
                self.note(id, None);
                Ok(())
            }
        }
    }

    fn history(&mut self, tip: Oid) -> Result<(), git2::Error> {
        let mut next = vec![tip];
        while let Some(id) = next.pop() {
            let commit = match self.from.find_commit(id) {
                Ok(commit) => commit,
                // A shallow clone ends here; its commits are whole all the same.
                Err(error) if error.code() == ErrorCode::NotFound && id != tip => continue,
                Err(error) => return Err(error),
            };
            if !self.note(id, None) {
                continue;
            }
            if Instant::now() > self.deadline {
                return Err(git2::Error::from_str("the fetch's time limit has passed"));
            }
            if self.note(commit.tree_id(), None) {
                self.directory(commit.tree_id())?;
            }
            next.extend(commit.parent_ids());
        }
        Ok(())
    }

    fn directory(&mut self, tree: Oid) -> Result<(), git2::Error> {
        let mut next = vec![tree];
        while let Some(id) = next.pop() {
            for entry in &self.from.find_tree(id)? {
                let kind = entry.kind();
                // A submodule's commit is not of this repository.
                if kind != Some(ObjectType::Commit)
                    && self.note(entry.id(), entry.name().ok())
                    && kind == Some(ObjectType::Tree)
                {
                    next.push(entry.id());
                }
            }
        }
        Ok(())
    }
}
