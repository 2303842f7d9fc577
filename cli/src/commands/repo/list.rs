//! `windlass repo list`.

use clap::Args;

use crate::client::Client;
use crate::commands::listing::{self, ListArgs};
use crate::view::Repository;

/// List repositories.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass repo list")]
pub(crate) struct List {
    #[command(flatten)]
    list: ListArgs,
}

impl List {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let items = listing::read(client, &["repositories"], vec![], &self.list).await?;
        listing::print(
            &self.list,
            items,
            |repo: &Repository| repo.url.clone(),
            &["URL", "NAME", "CREDENTIALS", "CA", "PROXY"],
            row,
        )
    }
}

fn row(repo: &Repository) -> Vec<String> {
    let credentials = match (repo.has_credentials, repo.has_client_certificate) {
        (_, true) => "certificate",
        (true, false) => "yes",
        (false, false) => "no",
    };
    let ca = match &repo.ca_pem {
        _ if repo.insecure => "not checked",
        Some(_) => "own",
        None => "default",
    };
    let proxy = repo.proxy.clone().unwrap_or_default();
    vec![repo.url.clone(), repo.name.clone(), credentials.to_owned(), ca.to_owned(), proxy]
}
