//! Deleting an application deletes its objects and nothing else, and then the application is gone; orphaned objects stay.

use anyhow::{Result, ensure};
use windlass_tests::app::{App, Destination, Policy, SOON, message_application};
use windlass_tests::invariants;
use windlass_tests::manifest;
use windlass_tests::objects::{configmap, deployment, namespace};
use windlass_tests::wait::wait_for;

use super::stage::{EU, shared};

pub(crate) async fn application_is_deleted_with_its_objects() -> Result<()> {
    let fleet = shared().await?;
    let new = |name: &'static str| App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated);
    let (mut cascaded, mut orphaned) = (new("cascaded").await?, new("orphaned").await?);
    for app in [&mut cascaded, &mut orphaned] {
        let commit = app.commit(&message_application("hello")).await?;
        app.create().await?;
        app.settles_at(&commit).await?;
    }
    let objects = &fleet.member(EU)?.objects;
    let theirs = manifest::configmap("theirs", &[("a", "b")]).in_namespace(cascaded.name());
    objects.apply(&theirs, "somebody").await?;

    fleet.api().delete_application(cascaded.name(), "foreground").await?;
    fleet.api().delete_application(orphaned.name(), "orphan").await?;
    for app in [&cascaded, &orphaned] {
        let look = || fleet.api().application(app.name());
        let what = format!("application {} to be gone", app.name());
        wait_for(&what, SOON, look, |found| found.is_none().then_some(())).await?;
    }
    for kind in [configmap("message"), deployment("message"), ("v1", "Service", "message")] {
        ensure!(objects.get(cascaded.name(), kind).await?.is_none(), "{kind:?} outlived its application");
        ensure!(objects.present(orphaned.name(), kind).await?.is_some(), "{kind:?} was to be left");
    }
    ensure!(objects.present(cascaded.name(), configmap("theirs")).await?.is_some(), "somebody else's object is gone");
    ensure!(objects.present("", namespace(cascaded.name())).await?.is_some(), "the namespace was nobody's to delete");
    invariants::check(fleet, &[]).await
}
