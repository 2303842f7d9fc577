//! What a git server can do wrong: each is named on the application that it concerns, the last good state stays applied, others' commits arrive as
//! always, and what is mended is followed without anybody's help.

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use serde_json::json;
use windlass_tests::app::{App, DIRECTORY, Destination, Policy, has_condition, message_application, message_of};
use windlass_tests::fleet::Fleet;
use windlass_tests::git_server::{Credentials, GitServer};
use windlass_tests::objects::configmap;

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
    let faults: [(&str, &dyn Fn(), &str, &str); 5] = [
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
        server.set_credentials(credentials.clone());
        app.settles_at(&next).await.with_context(|| format!("after {name}"))?;
        good = next;
    }
    Ok(())
}
