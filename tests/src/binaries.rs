//! Where the programs under test are.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// Names another folder to look in, such as `target/release` for benchmarks.
pub const VARIABLE: &str = "WINDLASS_BIN_DIR";

/// The path of one of Windlass's programs: in the folder that [`VARIABLE`] names, or else beside this program and one
/// folder above, which is where cargo puts them.
pub fn find(name: &str) -> Result<PathBuf> {
    let folders = match std::env::var_os(VARIABLE) {
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let itself = std::env::current_exe().context("finding this program")?;
            itself.ancestors().skip(1).take(2).map(PathBuf::from).collect()
        }
    };
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    let Some(path) = found else {
        let looked: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        bail!("{name} is not built: it is not in {}; run `make build`", looked.join(" nor in "));
    };
    path.canonicalize().with_context(|| format!("resolving {}", path.display()))
}
