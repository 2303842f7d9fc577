//! Which application.

use clap::Args;
use windlass_domain::name::ApplicationName;

use crate::commands::parse;

#[derive(Args)]
pub(super) struct NameArgs {
    /// Name, or namespace/name.
    #[arg(value_name = "NAME", value_parser = parse::application)]
    name: ApplicationName,
    /// Namespace of the application, where the name says none.
    #[arg(short = 'N', long, value_name = "NAMESPACE")]
    app_namespace: Option<String>,
}

impl NameArgs {
    /// Of an application that is known.
    pub(super) fn of(name: ApplicationName) -> Self {
        Self { name, app_namespace: None }
    }

    /// The application's path in the API.
    pub(super) fn path(&self) -> [&str; 3] {
        ["applications", self.namespace(), &self.name.name]
    }

    /// The path of something below it.
    pub(super) fn below<'a>(&'a self, what: &'a str) -> [&'a str; 4] {
        ["applications", self.namespace(), &self.name.name, what]
    }

    /// The path of something that its cluster is asked.
    pub(super) fn live<'a>(&'a self, what: &'a str) -> [&'a str; 5] {
        ["applications", self.namespace(), &self.name.name, "live", what]
    }

    fn namespace(&self) -> &str {
        self.app_namespace.as_deref().unwrap_or(&self.name.namespace)
    }
}

impl std::fmt::Display for NameArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.app_namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name.name),
            None => self.name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        name: NameArgs,
    }

    #[test]
    fn the_namespace_is_in_the_name_or_in_its_flag() {
        for (line, path, printed) in [
            (&["x", "web"][..], ["applications", "argocd", "web"], "argocd/web"),
            (&["x", "team/web"], ["applications", "team", "web"], "team/web"),
            (&["x", "web", "-N", "team"], ["applications", "team", "web"], "team/web"),
        ] {
            let parsed = Line::parse_from(line).name;
            assert_eq!((parsed.path(), parsed.to_string().as_str()), (path, printed), "{line:?}");
        }
    }
}
