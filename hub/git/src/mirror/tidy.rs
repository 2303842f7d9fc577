//! What a process that was killed leaves in a mirror: lock files that would stop libgit2 for ever, and packs without an index.

use std::path::Path;

/// Removes them. Only before this process first opens the mirror, and one process owns it; failing is no harm beyond what was there.
pub(super) fn tidy(mirror: &Path) {
    let lock = |name: &str| name.ends_with(".lock");
    remove(mirror, lock);
    for kind in ["heads", "tags", "commits", "other"] {
        remove(&mirror.join("refs/windlass").join(kind), lock);
    }
    remove(&mirror.join("objects/pack"), |name| name.starts_with("pack_") || lock(name));
    remove(&mirror.join("objects"), |name| name.starts_with("tmp_"));
}

fn remove(directory: &Path, unfinished: impl Fn(&str) -> bool) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_file()
            && unfinished(name)
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(path = %path.display(), %error, "an unfinished file could not be removed");
        }
    }
}
