//! What a program of this machine is linked with, as its loader would find it (`ldd`).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// The shared libraries of a program and the loader itself, as absolute paths; none of a static program.
///
/// # Errors
/// A library that is not found, or an `ldd` that does not run.
pub fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).env("LC_ALL", "C").output().context("running ldd")?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if text.contains("not a dynamic executable") || text.contains("statically linked") {
        return Ok(Vec::new());
    }
    ensure!(output.status.success(), "ldd {}: {}", program.display(), text.trim());
    parse(&text).with_context(|| format!("what {} is linked with", program.display()))
}

/// Lines as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)` and, for what the
/// kernel provides, `linux-vdso.so.1 (0x…)`.
fn parse(text: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let place = line.split_once(" => ").map_or(line, |(_, place)| place);
        let place = place.split(" (0x").next().unwrap_or(place).trim();
        if place.starts_with('/') {
            found.push(PathBuf::from(place));
        } else if line.contains("not found") {
            bail!("{line}");
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_loader_are_found_and_the_kernels_is_not_looked_for() {
        let text = "\tlinux-vdso.so.1 (0x00007f0)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x7f1)\n\t/lib64/ld.so.2 (0x7f2)\n";
        assert_eq!(parse(text).unwrap(), ["/lib/x/libc.so.6", "/lib64/ld.so.2"].map(PathBuf::from));
        assert!(parse("\tlibz.so.1 => not found\n").unwrap_err().to_string().contains("libz.so.1"));
    }

    #[test]
    fn this_test_is_linked_with_its_loader() {
        let found = libraries(&std::env::current_exe().unwrap()).unwrap();
        assert!(found.is_empty() || found.iter().any(|path| path.to_string_lossy().contains("/ld-")), "{found:?}");
        assert!(found.iter().all(|path| path.exists()));
    }
}
