//! A commit in a private repository behind HTTPS becomes running objects on both clusters, as the command line shows.

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, message_application};
use windlass_tests::cli::Cli;
use windlass_tests::git_server::{Credentials, GitServer};
use windlass_tests::invariants;
use windlass_tests::objects::{configmap, deployment};

use super::stage::shared;

const NAME: &str = "two-clusters";
const PASSWORD: &str = "canary-git-password-48151623";

pub(crate) async fn commit_becomes_healthy_on_two_clusters() -> Result<()> {
    let fleet = shared().await?;
    fleet.api().ledger().never_show(PASSWORD);
    let server =
        GitServer::start(&fleet.folder().join("git-https"), Some(Credentials::new("reader", PASSWORD))).await?;
    let repo = server.create_repo(NAME).await?;
    let url = server.https_url(NAME);
    let settings = json!({ "url": url, "username": "reader", "password": PASSWORD, "caPem": server.ca_pem() });
    fleet.api().put_repository(&settings).await?;

    let mut app = App::with_repo(fleet, NAME, Destination::Everywhere, Policy::Automated, repo, &url);
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    for member in fleet.members() {
        let message = member.objects.get(NAME, configmap("message")).await?.expect("the message is there");
        ensure!(message["data"]["MESSAGE"] == "hello", "{message}");
        ensure!(message["metadata"]["labels"]["windlass.dev/managed"] == "true", "{message}");
        let tracking = &message["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"];
        ensure!(tracking == &json!(format!("{NAME}:/ConfigMap:{NAME}/message")), "{tracking}");
        let running = member.objects.get(NAME, deployment("message")).await?.expect("the deployment is there");
        ensure!(running["status"]["availableReplicas"] == 2, "{}", running["status"]);
    }

    let cli = Cli::logged_in(fleet.folder(), fleet.hub()).await?;
    let listed = cli.must(&["app", "list"]).await?;
    let row = listed.lines().find(|line| line.contains(NAME)).unwrap_or_default();
    ensure!(row.contains("Synced") && row.contains("Healthy") && row.contains(&commit[..7]), "{listed}");
    invariants::check(fleet, &[&app]).await
}
