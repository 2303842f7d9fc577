//! `windlass-agent plan`: what the engine would do with manifests in files, decided by the engine's own functions, without a cluster.
//!
//! What a cluster would have to be asked is taken from the files: a kind is served where it is Kubernetes' own, where its CustomResourceDefinition is in
//! `--live`, or where none is given for it at all; an object of `--live` is the application's unless its marks name another owner; and it is as git says when
//! everything that git names stands in it.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use windlass_domain::objects::{self, Located, NotObjects};
use windlass_domain::target::Selector;

mod print;
mod scope;
#[cfg(test)]
mod tests;
mod world;

use crate::inspect::manifests::{self, MAX_BYTES};
use world::World;

/// What to plan.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Manifests: YAML or JSON, several documents and Lists; `-` for standard input. May be given several times.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub manifests: Vec<String>,
    /// What the cluster has of the application, as `kubectl get -o yaml` prints it; nothing when not given.
    #[arg(long, value_name = "FILE")]
    pub live: Option<String>,
    /// How the plan is printed.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table, value_name = "FORMAT")]
    pub output: Output,
    /// Whether objects that are only in --live are deleted.
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub prune: bool,
    /// Namespace of objects that name none.
    #[arg(short = 'n', long, default_value = "default", value_name = "NAMESPACE")]
    pub namespace: String,
    /// Name of the application; otherwise that of the marks in --live.
    #[arg(long, value_name = "NAME")]
    pub application: Option<String>,
    /// A sync option of the application, as `PruneLast=true`. May be given several times.
    #[arg(long = "sync-option", value_name = "NAME=VALUE")]
    pub sync_options: Vec<String>,
    /// Only these objects, as `[!]GROUP:KIND:[NAMESPACE/]NAME`; no hooks then. May be given several times.
    #[arg(long = "resource", value_name = "SELECTOR")]
    pub resources: Vec<Selector>,
    /// No hooks.
    #[arg(long)]
    pub apply_only: bool,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// One object a line.
    Json,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A text has no objects.
    #[error("{file}: {source}")]
    Objects {
        /// The file.
        file: String,
        /// Where, and why.
        source: NotObjects,
    },
    /// An object cannot be applied.
    #[error("{file}: line {line}: {problem}")]
    Object {
        /// The file.
        file: String,
        /// Where its document begins.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// An argument cannot be read.
    #[error("{argument}: {problem}")]
    Argument {
        /// The argument.
        argument: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// An object of a file.
struct Given {
    file: String,
    object: Located,
}

impl Error {
    /// Never: the same files give the same error.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// Prints the plan to standard output, or what is wrong with the files to standard error: exit codes 0 and 1.
pub fn main(args: &PlanArgs) -> ExitCode {
    let printed = planned(args);
    match printed {
        Ok(text) => {
            // A reader that has seen enough closes the pipe.
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The printed plan.
///
/// # Errors
/// The file and line, and what is wrong there.
pub fn planned(args: &PlanArgs) -> Result<String, Error> {
    let mut desired = Vec::new();
    for file in &args.manifests {
        desired.extend(read(file)?);
    }
    let live = args.live.as_ref().map(|file| read(file)).transpose()?.unwrap_or_default();
    let world = World::of(args, &desired, live)?;
    let (_, plan) = world.plan(args);
    Ok(match args.output {
        Output::Json => print::json(&plan),
        Output::Table => print::table(&plan),
    })
}

fn read(file: &str) -> Result<Vec<Given>, Error> {
    let name = manifests::name_of(Path::new(file));
    let text = manifests::text_of(Path::new(file)).map_err(|source| Error::Read { file: name.clone(), source })?;
    let objects = objects::read(&text, MAX_BYTES).map_err(|source| Error::Objects { file: name.clone(), source })?;
    Ok(objects.into_iter().map(|object| Given { file: name.clone(), object }).collect())
}
