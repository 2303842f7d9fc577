//! `windlass context list|use|remove`.

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::context::Contexts;
use crate::output::{self, table};

#[derive(Subcommand)]
pub(crate) enum Context {
    /// List the saved contexts.
    #[command(visible_alias = "ls", after_help = "Example:\n  windlass context list")]
    List,
    /// Make a context the current one.
    #[command(after_help = "Example:\n  windlass context use hub.example")]
    Use(Named),
    /// Forget a context and its token.
    #[command(visible_alias = "rm", after_help = "Example:\n  windlass context remove hub.example")]
    Remove(Named),
}

#[derive(Args)]
pub(crate) struct Named {
    /// Name of the context, as `context list` shows it.
    name: String,
}

impl Context {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut contexts = Contexts::load()?;
        match self {
            Self::List => return list(&contexts),
            Self::Use(Named { name }) => {
                known(&contexts, &name)?;
                contexts.current = name;
            }
            Self::Remove(Named { name }) => {
                known(&contexts, &name)?;
                contexts.contexts.remove(&name);
                if contexts.current == name {
                    contexts.current.clear();
                }
            }
        }
        contexts.save()?;
        output::note("done");
        Ok(())
    }
}

fn list(contexts: &Contexts) -> anyhow::Result<()> {
    let rows = contexts.contexts.iter().map(|(name, saved)| {
        let current = if *name == contexts.current { "*" } else { "" };
        let trust = if saved.ca_pem.is_some() { "own CA" } else { "this machine's" };
        vec![current.to_owned(), name.clone(), saved.server.clone(), trust.to_owned()]
    });
    table::print(&["CURRENT", "NAME", "SERVER", "TRUST"], rows.collect())
}

fn known(contexts: &Contexts, name: &str) -> anyhow::Result<()> {
    if contexts.contexts.contains_key(name) {
        return Ok(());
    }
    bail!("context {name:?}: is not saved; `windlass context list` shows those that are")
}
