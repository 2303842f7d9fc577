//! A real repository on disk that tests commit to.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A work tree on the branch `main`.
pub(crate) struct WorkTree(PathBuf);

impl WorkTree {
    pub(crate) fn init(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).expect("a folder");
        git(&path, &["init", "--quiet", "--initial-branch=main"]);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Commits these files, and returns the commit.
    pub(crate) fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (file, text) in files {
            let path = self.0.join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// What a git command says.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.0, args)
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(folder).args(identity).args(args).output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The manifest of a ConfigMap with one value.
pub(crate) fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  k: \"{value}\"\n")
}
