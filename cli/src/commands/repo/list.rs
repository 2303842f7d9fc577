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
            &["URL", "NAME", "CREDENTIALS", "CA"],
            row,
        )
    }
}

fn row(repo: &Repository) -> Vec<String> {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    vec![
        repo.url.clone(),
        repo.name.clone(),
        yes(repo.has_credentials),
        if repo.ca_pem.is_some() { "own" } else { "default" }.to_owned(),
    ]
}
