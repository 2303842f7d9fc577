//! What a git server can do wrong: each is named on the application that it concerns, the last good state stays applied, others' commits arrive as
//! always, and what is mended is followed without anybody's help.

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use serde_json::json;
use windlass_tests::app::{App, DIRECTORY, Destination, Policy, SOON, has_condition, message_application, message_of};
use windlass_tests::cli::Cli;
use windlass_tests::connect_proxy::ConnectProxy;
use windlass_tests::control_plane::certificates::Authority;
use windlass_tests::fleet::Fleet;
use windlass_tests::folder::Folder;
use windlass_tests::git_server::{Credentials, GitServer, Packs};
use windlass_tests::hub::{Hub, HubOptions};
use windlass_tests::invariants;
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, shared};

const PASSWORD: &str = "canary-git-password";

/// An automated application whose repository is behind TLS and a password.
async fn application(fleet: &Fleet, server: &GitServer, name: &str) -> Result<(App, String)> {
    let (repo, url) = (server.create_repo(name).await?, server.https_url(name));
    let settings = json!({ "url": url, "username": "bot", "password": PASSWORD, "caPem": server.ca_pem() });
    fleet.api().put_repository(&settings).await?;
    let mut app = App::with_repo(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated, repo, &url);
    let good = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&good).await?;
    Ok((app, good))
}

/// The condition is there, the commit and its objects too.
async fn stays(fleet: &Fleet, app: &App, good: &str, kind: &str, words: &str) -> Result<()> {
    let seen = app.wait_for_status(&format!("to say {words:?}"), |seen| has_condition(seen, kind, words)).await?;
    ensure!(!seen.to_string().contains(PASSWORD), "the password is shown: {seen}");
    ensure!(seen["source"]["revision"] == good, "{words}: {}", seen["source"]);
    ensure!(app.targets().await?[0]["revision"] == good, "{words}: it was taken for a good commit");
    let live = fleet.member(EU)?.objects.present(app.name(), configmap("message")).await?;
    ensure!(live.is_some(), "{words}: something was deleted");
    Ok(())
}

async fn arrives(neighbour: &mut App, message: &str) -> Result<()> {
    let commit = neighbour.commit(&[("configmap.yaml", message_of(message))]).await?;
    neighbour.settles_at(&commit).await.with_context(|| format!("the neighbour, while {message}"))
}

pub(crate) async fn what_a_repository_loses_is_named_and_stays_applied() -> Result<()> {
    let fleet = shared().await?;
    let credentials = Some(Credentials::new("bot", PASSWORD));
    let folder = fleet.folder().join("git-losses");
    let server = GitServer::start(&folder, credentials).await?;
    let (mut neighbour, _) = application(fleet, &server, "git-neighbour").await?;
    let (branch, branch_good) = application(fleet, &server, "git-branch-gone").await?;
    let (path, path_good) = application(fleet, &server, "git-path-gone").await?;
    let (whole, whole_good) = application(fleet, &server, "git-repository-gone").await?;
    let (mut rewritten, old) = application(fleet, &server, "git-rewritten").await?;
    let (objects, objects_good) = application(fleet, &server, "git-objects-lost").await?;

    let bare = |app: &App| std::path::PathBuf::from(app.repo().url());
    // The branch.
    std::fs::remove_file(bare(&branch).join("refs/heads/main"))?;
    // The directory.
    path.repo().git(&["mv", DIRECTORY, "elsewhere"]).await?;
    let without = path.repo().publish(&[], "moved").await?;
    // The repository.
    let (there, away) = (bare(&whole), folder.join("away"));
    std::fs::rename(&there, &away)?;
    // What the new tip is made of.
    let lost = objects.repo().publish(&[(&format!("{DIRECTORY}/new.txt"), Some("new"))], "half").await?;
    let loose = bare(&objects).join("objects").join(&lost[..2]).join(&lost[2..]);
    let kept = folder.join("kept");
    std::fs::rename(&loose, &kept).with_context(|| format!("hiding {}", loose.display()))?;
    // History.
    let newer = rewritten.commit(&[("configmap.yaml", message_of("to be undone"))]).await?;
    rewritten.settles_at(&newer).await?;
    rewritten.repo().reset(&old).await?;
    rewritten.repo().force_push().await?;

    stays(fleet, &branch, &branch_good, "ComparisonError", "no branch, tag or commit").await?;
    stays(fleet, &path, &path_good, "ComparisonError", "does not exist in the repository").await?;
    stays(fleet, &whole, &whole_good, "ComparisonError", "does not exist, or its credentials may not see it").await?;
    stays(fleet, &objects, &objects_good, "SourceStale", "git-objects-lost").await?;
    rewritten.settles_at(&old).await?;
    rewritten.wait_for_status("to say so", |seen| has_condition(seen, "HistoryRewritten", &newer)).await?;
    arrives(&mut neighbour, "others are broken").await?;

    // Mended, and nobody tells the hub.
    branch.repo().force_push().await?;
    std::fs::rename(&away, &there)?;
    std::fs::rename(&kept, &loose)?;
    path.repo().git(&["mv", "elsewhere", DIRECTORY]).await?;
    let back = path.repo().publish(&[], "back").await?;
    ensure!(back != without);
    for (app, commit) in [(&branch, &branch_good), (&whole, &whole_good), (&objects, &lost), (&path, &back)] {
        app.settles_at(commit).await?;
        app.wait_for_status("to be quiet again", |seen| {
            seen["status"]["conditions"].as_array().is_none_or(|conditions| conditions.is_empty())
        })
        .await?;
    }
    invariants::check(fleet, &[&branch, &path, &whole, &objects, &neighbour]).await?;
    Ok(())
}

pub(crate) async fn what_a_git_server_refuses_is_named_and_stays_applied() -> Result<()> {
    let fleet = shared().await?;
    let credentials = Some(Credentials::new("bot", PASSWORD));
    let (sound, broken) = (fleet.folder().join("git-sound"), fleet.folder().join("git-broken"));
    let sound = GitServer::start(&sound, credentials.clone()).await?;
    let server = GitServer::start(&broken, credentials.clone()).await?;
    let (mut neighbour, _) = application(fleet, &sound, "git-sound-neighbour").await?;
    let (mut app, mut good) = application(fleet, &server, "git-refused").await?;
    let mark = fleet.member(EU)?.plane.audit_mark()?;
    let faults: [(&str, &dyn Fn(), &str, &str); 8] = [
        ("a pack that ends in its middle", &|| server.set_packs(Packs::Cut), "SourceStale", "git-refused"),
        ("a pack without anything", &|| server.set_packs(Packs::Empty), "SourceStale", "git-refused"),
        ("another certificate", &|| server.be_a_stranger(true), "ComparisonError", "TLS to repository"),
        ("403", &|| server.fail_with(Some(StatusCode::FORBIDDEN)), "ComparisonError", "may not read this repository"),
        ("404", &|| server.fail_with(Some(StatusCode::NOT_FOUND)), "ComparisonError", "does not exist, or its"),
        ("503", &|| server.fail_with(Some(StatusCode::SERVICE_UNAVAILABLE)), "SourceStale", "is unreachable"),
        (
            "another password",
            &|| server.set_credentials(Some(Credentials::new("bot", "another"))),
            "ComparisonError",
            "the credentials are wrong or expired",
        ),
        ("silence", &|| server.stall(true), "SourceStale", "did not finish within 30 s"),
    ];
    for (name, breaks, kind, words) in faults {
        breaks();
        let next = app.commit(&[("configmap.yaml", message_of(name))]).await?;
        stays(fleet, &app, &good, kind, words).await.with_context(|| name.to_owned())?;
        arrives(&mut neighbour, name).await?;
        server.fail_with(None);
        server.stall(false);
        server.set_packs(Packs::Whole);
        server.be_a_stranger(false);
        server.set_credentials(credentials.clone());
        app.settles_at(&next).await.with_context(|| format!("after {name}"))?;
        good = next;
    }
    let cluster = fleet.member(EU)?;
    let events = cluster.plane.audit_by_user(&cluster.user, mark)?;
    let deleted =
        events.iter().find(|event| event["verb"] == "delete" && event["objectRef"]["namespace"] == app.name());
    ensure!(deleted.is_none(), "something was deleted meanwhile: {deleted:?}");
    invariants::check(fleet, &[&app, &neighbour]).await
}

/// A git server that demands a client certificate and a password, behind a proxy that demands another: as people add it, and as it goes wrong.
pub(crate) async fn client_certificate_and_proxy_lead_to_a_repository() -> Result<()> {
    const PROXY_PASSWORD: &str = "canary-proxy-password";
    let fleet = shared().await?;
    let folder = fleet.folder().join("git-demanding");
    let clients = Authority::new("clients of a git server")?;
    let server = GitServer::start_for(&folder, Some(Credentials::new("bot", PASSWORD)), Some(&clients.pem())).await?;
    let proxy = ConnectProxy::start(Some(("us", PROXY_PASSWORD))).await?;
    let (repo, url) = (server.create_repo("git-demanding").await?, server.https_url("git-demanding"));
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::with_repo(fleet, "git-demanding", to, Policy::Automated, repo, &url);
    let first = app.commit(&message_application("hello")).await?;
    let cli = Cli::logged_in(&folder, fleet.hub()).await?;
    let certified = clients.client("windlass-hub", &[])?;
    let files = [
        ("ca.pem", server.ca_pem()),
        ("password", PASSWORD),
        ("proxy-password", PROXY_PASSWORD),
        ("client.pem", &certified.certificate),
        ("client.key", &certified.key),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).with_context(|| format!("writing {name}"))?;
    }

    // Without the certificate it is not even asked for the password.
    let through = ["--proxy", &proxy.url(), "--proxy-username", "us", "--proxy-password-file", "proxy-password"];
    let known = ["repo", "add", &url, "--username", "bot", "--password-file", "password", "--ca-file", "ca.pem"];
    cli.must(&[&known[..], &through[..]].concat()).await?;
    app.create().await?;
    let refused = app.wait_for_status("to say that it is not let in", |seen| seen.to_string().contains(&url)).await?;
    ensure!(refused["source"]["revision"].is_null() && server.requests().is_empty(), "{refused}");

    let shown = ["--tls-client-cert-path", "client.pem", "--tls-client-cert-key-path", "client.key"];
    cli.must(&[&known[..], &through[..], &shown[..]].concat()).await?;
    app.settles_at(&first).await?;
    let heads = proxy.take();
    ensure!(!heads.is_empty(), "the proxy was not used");
    let talks = |head: &Vec<String>| {
        let words = head.join("\n").to_lowercase();
        !words.starts_with("connect ") || words.contains("\nauthorization:")
    };
    ensure!(!heads.iter().any(talks), "the proxy was told more than where to go: {heads:?}");
    let listed = cli.must(&["repo", "list", "-o", "json"]).await?;
    ensure!(listed.contains(&proxy.url()), "{listed}");
    for secret in [PASSWORD, PROXY_PASSWORD, "PRIVATE KEY"] {
        ensure!(!listed.contains(secret), "a secret is listed");
    }

    // The proxy wants another password: the last commit stays, and what is mended is followed.
    proxy.set_user(("us", "another"));
    let next = app.commit(&[("configmap.yaml", message_of("through the proxy"))]).await?;
    stays(fleet, &app, &first, "ComparisonError", "HTTP 407").await?;
    proxy.set_user(("us", PROXY_PASSWORD));
    app.settles_at(&next).await?;

    // Hosts of --no-proxy are reached directly.
    cli.must(&[&known[..], &through[..], &shown[..], &["--no-proxy", "127.0.0.1"]].concat()).await?;
    let last = app.commit(&[("configmap.yaml", message_of("directly"))]).await?;
    app.settles_at(&last).await?;
    proxy.take();
    app.refresh().await?;
    ensure!(proxy.take().is_empty(), "a host of --no-proxy was reached through the proxy");
    Ok(())
}

/// `HTTPS_PROXY` and `NO_PROXY` of the hub count for repositories that have no proxy of their own.
pub(crate) async fn proxy_of_the_environment_counts_where_a_repository_has_none() -> Result<()> {
    let folder = Folder::create("git-environment-proxy")?;
    let [everybody, own] = [ConnectProxy::start(None).await?, ConnectProxy::start(None).await?];
    let environment = vec![("HTTPS_PROXY", everybody.url()), ("NO_PROXY", "localhost".to_owned())];
    let hub = Hub::start(&folder.path().join("hub"), HubOptions { environment, ..HubOptions::default() }).await?;
    hub.api().create_cluster(EU, &[]).await?;
    let server = GitServer::start(&folder.path().join("git"), None).await?;
    let mut found = Vec::new();
    for (name, host, proxy) in [
        ("by-environment", "127.0.0.1", None),
        ("not-by-it", "localhost", None),
        ("by-its-own", "localhost", Some(own.url())),
    ] {
        let repo = server.create_repo(name).await?;
        let configmap = windlass_tests::manifest::configmap("message", &[("a", "b")]).to_yaml();
        let commit = repo.publish(&[(&format!("{DIRECTORY}/a.yaml"), Some(&configmap))], "a").await?;
        let url = server.https_url(name).replace("127.0.0.1", host);
        let mut settings = json!({ "url": url, "caPem": server.ca_pem() });
        if let Some(proxy) = proxy {
            settings["proxy"] = json!(proxy);
        }
        hub.api().put_repository(&settings).await?;
        let application = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": { "name": name },
            "spec": {
                "source": { "repoURL": url, "path": DIRECTORY }, "destination": { "name": EU, "namespace": name },
            },
        });
        let before = (everybody.take().len(), own.take().len());
        ensure!(before.1 == 0, "another repository's proxy was used");
        hub.api().put_application(&application).await?;
        let look = || hub.api().application(name);
        wait_for(&format!("{name} to be read"), SOON, look, |seen| {
            (seen.as_ref()?["source"]["revision"] == commit.as_str()).then_some(())
        })
        .await?;
        // The first goes on to be polled through its proxy: tunnels to other ports than its own do not exist here, so hosts are told apart.
        let to = |heads: Vec<Vec<String>>| heads.iter().any(|head| head[0].starts_with(&format!("CONNECT {host}:")));
        found.push((name, to(everybody.take()), to(own.take())));
    }
    ensure!(
        found == [("by-environment", true, false), ("not-by-it", false, false), ("by-its-own", false, true)],
        "{found:?}"
    );
    let mut folder = folder;
    folder.succeed();
    Ok(())
}
