//! Process-wide settings of libgit2, the only `unsafe` of this crate.

use std::sync::OnceLock;

/// Sets libgit2 up, once per process, before this crate first uses it: it reads no configuration but a repository's own, and does not mind whose
/// uid a repository belongs to.
pub(crate) fn set_up() -> Result<(), git2::Error> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| set_options().map_err(|error| error.message().to_owned()))
        .clone()
        .map_err(|message| git2::Error::from_str(&message))
}

#[allow(unsafe_code)]
fn set_options() -> Result<(), git2::Error> {
    use git2::ConfigLevel::{Global, ProgramData, System, XDG};
    // A gitconfig of the machine or user could rewrite URLs (`insteadOf`), or change how objects are written.
    for level in [ProgramData, System, XDG, Global] {
        // SAFETY: setting a search path writes a global of libgit2 without a lock, so nothing else may read or write it meanwhile. The caller's
        // `OnceLock` runs this once, and every use of libgit2 in this crate comes after `GitCache::open`, which waits for it. No other crate of the
        // hub links libgit2.
        unsafe { git2::opts::set_search_path(level, "")? };
    }
    // SAFETY: as above, a plain global that is written once before any repository is opened. Switching the check off is sound here: it guards
    // users who wander into a stranger's repository whose configuration runs programs; libgit2 runs none, mirrors are our own, and local
    // repositories (mounted under another uid as a rule) are only opened where the operator allowed them.
    unsafe { git2::opts::set_verify_owner_validation(false) }
}
