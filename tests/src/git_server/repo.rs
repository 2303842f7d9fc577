//! A bare repository and the work area that fills it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

/// A bare repository (`FOLDER/NAME.git`) and a work area (`FOLDER/NAME.work`) whose branch is `main` at first.
///
/// Commits stay in the work area until they are pushed. Settings of the machine's or the user's git have no influence.
#[derive(Debug, Clone)]
pub struct Repo {
    bare: PathBuf,
    work: PathBuf,
}

impl Repo {
    /// A new, empty repository in `folder`.
    pub async fn create(folder: &Path, name: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("resolving {}", folder.display()))?;
        let bare = folder.join(format!("{name}.git"));
        let work = folder.join(format!("{name}.work"));
        let repo = Self { bare, work };
        run(&folder, &["init", "--quiet", "--bare", "--initial-branch=main", &repo.url()]).await?;
        for setting in ["http.receivepack", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
            run(&repo.bare, &["config", setting, "true"]).await?;
        }
        let work = repo.work.display().to_string();
        run(&folder, &["init", "--quiet", "--initial-branch=main", &work]).await?;
        repo.git(&["remote", "add", "origin", &repo.url()]).await?;
        Ok(repo)
    }

    /// The bare repository's path, which git takes as a URL.
    pub fn url(&self) -> String {
        self.bare.display().to_string()
    }

    /// The work area.
    pub fn work_area(&self) -> &Path {
        &self.work
    }

    /// Writes the files (`None` deletes, also whole folders) and commits everything; the commit may be empty. Returns
    /// the commit's full hash.
    pub async fn commit(&self, files: &[(&str, Option<&str>)], message: &str) -> Result<String> {
        for (path, content) in files {
            let file = self.work.join(path);
            match content {
                Some(content) => {
                    let folder = file.parent().context("a file of a repository has a name")?;
                    tokio::fs::create_dir_all(folder)
                        .await
                        .with_context(|| format!("creating {}", folder.display()))?;
                    tokio::fs::write(&file, content).await.with_context(|| format!("writing {}", file.display()))?;
                }
                None => {
                    self.git(&["rm", "-r", "--quiet", "--", path]).await?;
                }
            }
        }
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]).await?;
        self.head().await
    }

    /// [`Repo::commit`], then [`Repo::push`].
    pub async fn publish(&self, files: &[(&str, Option<&str>)], message: &str) -> Result<String> {
        let commit = self.commit(files, message).await?;
        self.push().await?;
        Ok(commit)
    }

    /// Pushes the current branch and all tags to the bare repository.
    pub async fn push(&self) -> Result<()> {
        self.git(&["push", "--quiet", "--tags", "origin", "HEAD"]).await.map(drop)
    }

    /// Pushes the current branch and all tags, also over what was there.
    pub async fn force_push(&self) -> Result<()> {
        self.git(&["push", "--quiet", "--tags", "--force", "origin", "HEAD"]).await.map(drop)
    }

    /// Makes the work area's branch end at `revision`, for a history that is rewritten.
    pub async fn reset(&self, revision: &str) -> Result<()> {
        self.git(&["reset", "--quiet", "--hard", revision]).await.map(drop)
    }

    /// Changes to a branch, making it from the current commit if there is none of that name.
    pub async fn switch(&self, branch: &str) -> Result<()> {
        let known = self.git(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]).await.is_ok();
        let arguments = if known { vec!["switch", "--quiet", branch] } else { vec!["switch", "--quiet", "-c", branch] };
        self.git(&arguments).await.map(drop)
    }

    /// Puts a tag with a message on the current commit, or moves it there.
    pub async fn tag(&self, name: &str) -> Result<()> {
        self.git(&["tag", "--annotate", "--force", "--message", name, name]).await.map(drop)
    }

    /// The current commit's full hash.
    pub async fn head(&self) -> Result<String> {
        self.git(&["rev-parse", "HEAD"]).await
    }

    /// Runs any git command in the work area and returns what it printed.
    pub async fn git(&self, arguments: &[&str]) -> Result<String> {
        run(&self.work, arguments).await
    }
}

async fn run(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Windlass Test").env(format!("GIT_{who}_EMAIL"), "test@windlass.test");
    }
    // Set by hooks that run tests; they would send every command to that repository.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let output = command.output().await.context("running git")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {} in {}: {}", arguments.join(" "), folder.display(), errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
