//! Project records.

use serde_json::json;
use windlass_domain::application::{ApplicationManifest, Origin};
use windlass_domain::project::{DEFAULT_PROJECT, ProjectManifest};
use windlass_store::{ChangeKind, Error, Expected, ListQuery, PutOutcome, Store};

use crate::contract;
use crate::fixture::{at, name};

fn project(name: &str, repository: &str) -> ProjectManifest {
    let manifest = ProjectManifest::parse(&json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": name, "labels": {"team": name}},
        "spec": {"sourceRepos": [repository], "destinations": [{"name": "eu-*", "namespace": "*"}], "roles": [{"name": "ci"}]},
    }));
    manifest.expect("a project")
}

async fn application(store: &dyn Store, app: &str, project: &str) {
    let manifest = ApplicationManifest::parse(&json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": app},
        "spec": {"project": project, "source": {"repoURL": "https://git.example/x"}, "destination": {"name": "eu-1"}},
    }));
    let manifest = manifest.expect("an application");
    store.put_application(&manifest, Origin::Api, None, at(0)).await.expect("stored");
}

contract! {
    async fn the_default_project_is_there_from_the_first_opening_on_and_stays(bed: Bed) {
        let default = bed.project(DEFAULT_PROJECT).await.expect("read").expect("there");
        assert_eq!((default.revision, &default.spec), (0, &ProjectManifest::permissive_default().spec));
        assert!(matches!(bed.delete_project(DEFAULT_PROJECT).await, Err(Error::Conflict { .. })));
        let narrow = project(DEFAULT_PROJECT, "https://git.example/*");
        let refused = bed.put_project(&narrow, Expected::Nothing, at(1)).await;
        assert!(matches!(refused, Err(Error::Conflict { .. })), "it is there, whatever its revision");
        let edited = bed.put_project(&narrow, Expected::Revision(0), at(1)).await.expect("stored");
        assert_eq!((edited.outcome, edited.value.uid), (PutOutcome::Changed, default.uid));
        let again = bed.again().await;
        assert_eq!(again.project(DEFAULT_PROJECT).await.expect("read"), Some(edited.value), "an edit is never undone");
    }

    async fn a_project_is_written_over_what_was_read_only(bed: Bed) {
        let first = bed.put_project(&project("shop", "https://a/*"), Expected::Anything, at(1)).await.expect("stored");
        assert_eq!(first.outcome, PutOutcome::Created);
        assert_eq!(bed.project("shop").await.expect("read").as_ref(), Some(&first.value));
        let same = bed.put_project(&project("shop", "https://a/*"), Expected::Revision(99), at(2)).await.expect("stored");
        assert_eq!((same.outcome, &same.value), (PutOutcome::Unchanged, &first.value));
        for expected in [Expected::Nothing, Expected::Revision(first.value.revision + 1)] {
            let refused = bed.put_project(&project("shop", "https://b/*"), expected, at(2)).await;
            assert!(matches!(refused, Err(Error::Conflict { .. })), "{expected:?}");
        }
        let seen = Expected::Revision(first.value.revision);
        let second = bed.put_project(&project("shop", "https://b/*"), seen, at(2)).await.expect("stored").value;
        assert!(second.revision > first.value.revision && second.uid == first.value.uid && second.created_at == at(1));
        assert!(matches!(bed.put_project(&project("new", "x"), Expected::Revision(1), at(2)).await, Err(Error::Conflict { .. })));
    }

    async fn a_project_that_is_used_is_not_deleted(bed: Bed) {
        bed.put_project(&project("shop", "https://a/*"), Expected::Nothing, at(1)).await.expect("stored");
        for app in ["a", "b", "c", "d"] {
            application(&*bed, app, "shop").await;
        }
        let refused = bed.delete_project("shop").await.expect_err("refused").to_string();
        assert!(refused.contains("argocd/a, argocd/b, argocd/c and 1 more"), "{refused}");
        for app in ["a", "b", "c", "d"] {
            bed.delete_application(&name(app), windlass_domain::application::Cascade::Orphan, "ann", at(2)).await.expect("deleted");
        }
        assert!(bed.delete_project("shop").await.expect("deleted"));
        assert!(!bed.delete_project("shop").await.expect("deleted"));
        assert_eq!(bed.project("shop").await.expect("read"), None);
    }

    async fn projects_are_in_the_feed(bed: Bed) {
        let start = *bed.newest().borrow();
        bed.put_project(&project("shop", "https://a/*"), Expected::Nothing, at(1)).await.expect("stored");
        bed.put_project(&project("team", "https://a/*"), Expected::Nothing, at(1)).await.expect("stored");
        let middle = *bed.newest().borrow();
        assert_eq!(bed.written(start).await.expect("read").projects, ["shop", "team"]);
        assert!(bed.delete_project("team").await.expect("deleted"));
        assert_eq!(bed.written(middle).await.expect("read").projects, ["team"]);
        let changes = bed.changes(start, 10).await.expect("changes");
        let seen: Vec<_> = changes.iter().map(|change| (change.kind, change.name.as_str(), change.deleted)).collect();
        assert_eq!(seen, [(ChangeKind::Project, "shop", false), (ChangeKind::Project, "team", true)]);
        bed.put_project(&project("team", "https://b/*"), Expected::Nothing, at(2)).await.expect("stored");
        let last = bed.changes(start, 10).await.expect("changes").pop().expect("a change");
        assert_eq!((last.name.as_str(), last.deleted), ("team", false), "made again");
    }

    async fn projects_are_listed_in_pages_by_name(bed: Bed) {
        for project_name in ["team-b", "team-a", "shop", "Zed".to_lowercase().as_str()] {
            bed.put_project(&project(project_name, "https://a/*"), Expected::Nothing, at(1)).await.expect("stored");
        }
        let query = |search: &str, after: Option<String>| ListQuery { search: search.into(), limit: 2, after };
        let first = bed.list_projects(&query("", None)).await.expect("a page");
        let names = |page: &windlass_store::Page<windlass_domain::project::AppProject>| {
            page.items.iter().map(|project| project.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!((names(&first), first.total), (vec!["default".to_owned(), "shop".to_owned()], 5));
        let second = bed.list_projects(&query("", first.next)).await.expect("a page");
        assert_eq!(names(&second), ["team-a", "team-b"]);
        assert_eq!(names(&bed.list_projects(&query("TEAM-", None)).await.expect("a page")), ["team-a", "team-b"]);
        assert_eq!(bed.projects().await.expect("read").len(), 5);
    }
}
