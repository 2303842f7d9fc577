//! Which application.

use clap::Args;
use windlass_domain::name::ApplicationName;

use crate::commands::parse;

#[derive(Args)]
pub(super) struct NameArgs {
    /// Name, or namespace/name.
    #[arg(value_name = "NAME", value_parser = parse::application)]
    pub(super) name: ApplicationName,
}

impl NameArgs {
    /// The application's path in the API.
    pub(super) fn path(&self) -> [&str; 3] {
        ["applications", &self.name.namespace, &self.name.name]
    }

    /// The path of something below it.
    pub(super) fn below<'a>(&'a self, what: &'a str) -> [&'a str; 4] {
        ["applications", &self.name.namespace, &self.name.name, what]
    }
}

impl NameArgs {
    /// The path of something that its cluster is asked.
    pub(super) fn live<'a>(&'a self, what: &'a str) -> [&'a str; 5] {
        ["applications", &self.name.namespace, &self.name.name, "live", what]
    }
}

impl std::fmt::Display for NameArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}
