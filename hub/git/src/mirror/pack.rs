//! Taking objects into the mirror. libgit2 indexes a pack beside the others and renames it into place last: a broken pack changes nothing.

use std::io::{Read, Write};
use std::time::Instant;

use git2::Oid;

use super::screen::{Refusal, Screen};
use super::{Handle, Held};
use crate::error::{Error, Result};

const PIECE: usize = 128 << 10;
/// libgit2 makes a pack longer by one byte at its new end and fills the rest through a memory map: on a full disk that is a signal that kills the process,
/// unless no more than one page (4 KiB, where they are smallest) is given at a time.
const PAGE: usize = 4 << 10;

// === impl Handle ===

impl Handle {
    /// Indexes a pack and checks that it brought what was wanted; one that a stranger sent is screened as it passes. A thin pack is completed from what the mirror has.
    pub(crate) fn take_pack(
        &self,
        pack: &mut dyn Read,
        mut screen: Option<Screen>,
        wants: &[Oid],
        deadline: Instant,
    ) -> Result<()> {
        let odb = self.odb().map_err(|error| self.mirror.error(&error))?;
        let mut writer = odb.packwriter().map_err(|error| self.mirror.error(&error))?;
        // Asked once per object while deltas are resolved.
        writer.progress(move |_| Instant::now() < deadline);
        let mut piece = vec![0; PIECE];
        loop {
            let length = pack.read(&mut piece).map_err(|error| Error::disk(&self.mirror.url, &error))?;
            if length == 0 {
                break;
            }
            if Instant::now() > deadline {
                return Err(Error::protocol(
                    &self.mirror.url,
                    "indexing the pack took longer than the fetch's time limit",
                ));
            }
            if let Some(screen) = &mut screen {
                screen.feed(&piece[..length]).map_err(|refusal| self.refused(refusal))?;
            }
            // The writer hides libgit2's words behind "Write error".
            for page in piece[..length].chunks(PAGE) {
                writer.write_all(page).map_err(|_| self.bad_pack(&git2::Error::last_error(-1)))?;
            }
        }
        writer.commit().map_err(|error| self.bad_pack(&error))?;
        odb.refresh().map_err(|error| self.mirror.error(&error))?;
        wants.iter().try_for_each(|id| self.arrived(*id))
    }

    /// Copies objects one by one. The caller gives them with whatever they refer to first: should this end halfway, everything here is still whole.
    pub(crate) fn take_objects(&self, from: &git2::Repository, ids: impl Iterator<Item = Oid>) -> Result<()> {
        let copy = || {
            let (from, to) = (from.odb()?, self.odb()?);
            for id in ids {
                let object = from.read(id)?;
                to.write(object.kind(), object.data())?;
            }
            Ok(())
        };
        copy().map_err(|error: git2::Error| self.mirror.error(&error))
    }

    /// The commit and its root tree; everything below is read when it is needed, and its absence is damage.
    fn arrived(&self, id: Oid) -> Result<()> {
        let whole = match self.held(id)? {
            Held::Commit(id) => self.find_commit(id).and_then(|commit| commit.tree()).is_ok(),
            Held::Other(_) => true,
            Held::Nothing => false,
        };
        let missing = || Error::protocol(&self.mirror.url, format!("its pack does not hold {id}, which it offered"));
        if whole { Ok(()) } else { Err(missing()) }
    }

    fn refused(&self, refusal: Refusal) -> Error {
        let url = self.mirror.url.clone();
        match refusal {
            Refusal::Objects(limit) => Error::TooLarge { url, limit, unit: "objects in one fetch" },
            Refusal::Object(limit) => Error::TooLarge { url, limit, unit: "bytes in one object" },
            Refusal::Broken(words) => Error::Protocol { url, cause: format!("its pack is broken: {words}") },
        }
    }

    fn bad_pack(&self, error: &git2::Error) -> Error {
        match self.mirror.error(error) {
            // The damage is in what the server sent, not in the mirror.
            Error::Corrupt { url, cause } => Error::Protocol { url, cause: format!("its pack is broken: {cause}") },
            other => other,
        }
    }
}
