//! Lists: filters, orders, pages.

use windlass_domain::application::Origin;
use windlass_domain::health::HealthStatus;
use windlass_domain::status::SyncStatus;
use windlass_store::{ApplicationQuery, ApplicationSort, Error, ListQuery, NewRepository, Store};

use crate::contract;
use crate::fixture::{application, at, cluster, deployed, manifest, report, session, summary};

/// Names whose order differs between collations.
const NAMES: [&str; 7] = ["a.b", "a-b", "ab", "a", "a0", "b/z", "b/a-1"];

fn query(sort: ApplicationSort, limit: u32, after: Option<String>) -> ApplicationQuery {
    ApplicationQuery { list: ListQuery { limit, after, ..ListQuery::default() }, sort, ..ApplicationQuery::default() }
}

/// Every name of a list, page by page.
async fn names(store: &dyn Store, of: ApplicationQuery) -> Vec<String> {
    let mut of = of;
    let mut names = Vec::new();
    loop {
        assert!(names.len() < 1000, "the list does not end");
        let page = store.list_applications(&of).await.expect("a page");
        names.extend(page.items.iter().map(|view| view.application.name.to_string()));
        if page.next.is_none() {
            return names;
        }
        of.list.after = page.next;
    }
}

contract! {
    async fn pages_of_any_size_make_the_same_list(bed: Bed) {
        for name in NAMES {
            application(&*bed, name).await;
        }
        let mut sorted: Vec<_> = NAMES.iter().map(|name| crate::fixture::name(name)).collect();
        sorted.sort_unstable();
        let sorted: Vec<_> = sorted.iter().map(ToString::to_string).collect();
        for limit in [1, 2, 3, 100] {
            assert_eq!(names(&*bed, query(ApplicationSort::Name, limit, None)).await, sorted);
            assert_eq!(names(&*bed, query(ApplicationSort::Attention, limit, None)).await, sorted, "all alike: by name");
        }
        let mut newest_first: Vec<_> = NAMES.iter().map(|name| crate::fixture::name(name).to_string()).collect();
        newest_first.reverse();
        assert_eq!(names(&*bed, query(ApplicationSort::Changed, 3, None)).await, newest_first);
        let page = bed.list_applications(&query(ApplicationSort::Name, 3, None)).await.expect("a page");
        assert_eq!((page.total, page.items.len(), page.revision), (7, 3, *bed.newest().borrow()));
        let elsewhere = bed.list_applications(&query(ApplicationSort::Changed, 3, page.next)).await;
        assert!(matches!(elsewhere, Err(Error::Invalid(_))), "a token of another order");
    }

    async fn pages_stay_put_while_things_are_added(bed: Bed) {
        for index in (0..20).step_by(2) {
            application(&*bed, &format!("app-{index:02}")).await;
        }
        let first = bed.list_applications(&query(ApplicationSort::Name, 5, None)).await.expect("a page");
        for index in (1..20).step_by(2) {
            application(&*bed, &format!("app-{index:02}")).await;
        }
        let rest = names(&*bed, query(ApplicationSort::Name, 5, first.next)).await;
        let seen: Vec<_> = first.items.iter().map(|view| view.application.name.to_string()).chain(rest).collect();
        for index in (0..20).step_by(2) {
            assert_eq!(seen.iter().filter(|name| **name == format!("argocd/app-{index:02}")).count(), 1);
        }
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
    }

    async fn filters_are_the_databases_work(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (well, _) = deployed(&*bed, "well", &eu).await;
        let (ill, _) = deployed(&*bed, "team/ill-1", &us).await;
        let mut labelled = manifest("labelled");
        labelled.metadata.labels = [("team".into(), "shop".into()), ("tier".into(), "web".into())].into();
        labelled.spec.project = "shop".into();
        bed.put_application(&labelled, Origin::Api, None, at(1)).await.expect("stored");
        let eu_session = session(&*bed, &eu).await;
        let us_session = session(&*bed, &us).await;
        let healthy = report(&well, summary(SyncStatus::Synced, HealthStatus::Healthy), &[]);
        let degraded = report(&ill, summary(SyncStatus::OutOfSync, HealthStatus::Degraded), &[]);
        bed.apply_status(eu_session, &[healthy.delta_from(None)], at(2)).await.expect("applied");
        bed.apply_status(us_session, &[degraded.delta_from(None)], at(2)).await.expect("applied");

        let all = ApplicationQuery::default;
        let search = |text: &str| ApplicationQuery { list: ListQuery { search: text.into(), ..ListQuery::default() }, ..all() };
        let labels = |pairs: &[(&str, &str)]| ApplicationQuery {
            labels: pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..all()
        };
        for (asked, want) in [
            (ApplicationQuery { project: Some("shop".into()), ..all() }, vec!["argocd/labelled"]),
            (ApplicationQuery { namespace: Some("team".into()), ..all() }, vec!["team/ill-1"]),
            (ApplicationQuery { cluster: Some("eu-1".into()), ..all() }, vec!["argocd/well"]),
            (ApplicationQuery { sync: Some(SyncStatus::OutOfSync), ..all() }, vec!["team/ill-1"]),
            (ApplicationQuery { health: Some(HealthStatus::Healthy), ..all() }, vec!["argocd/well"]),
            (ApplicationQuery { sync: Some(SyncStatus::Synced), health: Some(HealthStatus::Degraded), ..all() }, vec![]),
            (labels(&[("team", "shop"), ("tier", "web")]), vec!["argocd/labelled"]),
            (labels(&[("team", "shop"), ("tier", "other")]), vec![]),
            (search("LL"), vec!["argocd/labelled", "argocd/well", "team/ill-1"]),
            (search("team/"), vec!["team/ill-1"]),
            (search("i_l"), vec![]),
            (search("%"), vec![]),
            (ApplicationQuery { sort: ApplicationSort::Attention, ..all() }, vec!["argocd/labelled", "team/ill-1", "argocd/well"]),
        ] {
            let page = bed.list_applications(&asked).await.expect("a page");
            let found: Vec<_> = page.items.iter().map(|view| view.application.name.to_string()).collect();
            let found: Vec<_> = found.iter().map(String::as_str).collect();
            assert_eq!((page.total as usize, &found), (want.len(), &want), "{asked:?}");
        }
        let page = bed.list_applications(&all()).await.expect("a page");
        let clusters: Vec<_> = page.items.iter().map(|view| view.targets.iter().map(|target| target.cluster_name.as_str()).collect::<Vec<_>>()).collect();
        assert_eq!(clusters, [vec![], vec!["eu-1"], vec!["us-1"]]);
    }

    async fn every_list_is_paged(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        for name in ["eu-2", "eu.0", "us-1"] {
            cluster(&*bed, name).await;
        }
        for url in ["https://git.example/b", "https://git.example/B", "https://git.example/a"] {
            let new = NewRepository { url: url.into(), name: String::new(), credentials: None, ca_pem: None, settings: Default::default() };
            bed.put_repository(new, at(0)).await.expect("stored");
        }
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let report = report(&web, summary(SyncStatus::Synced, HealthStatus::Healthy), &["a", "b", "c", "d", "e"]);
        bed.apply_status(session, &[report.delta_from(None)], at(1)).await.expect("applied");

        let two = |after| ListQuery { limit: 2, after, ..ListQuery::default() };
        let (mut clusters, mut repositories, mut objects) = (vec![], vec![], vec![]);
        let (mut after_cluster, mut after_repository, mut after_object) = (None, None, None);
        for _ in 0..2 {
            let page = bed.list_clusters(&two(after_cluster)).await.expect("a page");
            assert_eq!(page.total, 4);
            clusters.extend(page.items.into_iter().map(|view| view.cluster.name));
            after_cluster = page.next;
        }
        for _ in 0..2 {
            let page = bed.list_repositories(&two(after_repository)).await.expect("a page");
            assert_eq!(page.total, 3);
            repositories.extend(page.items.into_iter().map(|record| record.url));
            after_repository = page.next;
        }
        for _ in 0..3 {
            let page = bed.list_resources(web.uid, None, &two(after_object)).await.expect("a page");
            assert_eq!(page.total, 5);
            objects.extend(page.items.into_iter().map(|(_, status)| status.key.name));
            after_object = page.next;
        }
        assert_eq!(clusters, ["eu-1", "eu-2", "eu.0", "us-1"]);
        assert_eq!(repositories, ["https://git.example/B", "https://git.example/a", "https://git.example/b"]);
        assert_eq!(objects, ["a", "b", "c", "d", "e"]);
        assert_eq!((after_cluster, after_repository, after_object), (None, None, None));
    }

    async fn a_list_holds_counts_and_the_worst_targets(bed: Bed) {
        let web = crate::fixture::application(&*bed, "web").await;
        let mut clusters = Vec::new();
        for index in 0..30 {
            clusters.push(cluster(&*bed, &format!("c-{index:02}")).await);
        }
        let uids: Vec<_> = clusters.iter().map(|cluster| cluster.uid).collect();
        bed.commit_desired(crate::fixture::commit(&web, &crate::fixture::rendered("a"), &uids), crate::fixture::at(1)).await.expect("committed");
        for cluster in &clusters[..28] {
            let session = crate::fixture::session(&*bed, cluster).await;
            bed.apply_status(session, &[crate::fixture::healthy(&web).delta_from(None)], crate::fixture::at(2)).await.expect("applied");
        }
        let page = bed.list_applications(&Default::default()).await.expect("a page");
        let item = bed.application_item(&web.name).await.expect("read").expect("there");
        assert_eq!(page.items[0], item, "a watch tells the same");
        let names = |targets: &[windlass_store::TargetView]| targets.iter().map(|target| target.cluster_name.clone()).collect::<Vec<_>>();
        assert_eq!(item.groups.iter().map(|group| group.count).collect::<Vec<_>>(), [2, 28]);
        assert_eq!(names(&item.targets).len(), 20);
        assert_eq!(names(&item.targets)[..3], ["c-28", "c-29", "c-00"], "what has not reported is worst");
        let mut listed = Vec::new();
        let mut query = ListQuery { limit: 7, ..ListQuery::default() };
        loop {
            let page = bed.list_targets(web.uid, &query).await.expect("a page");
            assert_eq!(page.total, 30);
            listed.extend(names(&page.items));
            query.after = page.next;
            if query.after.is_none() { break }
        }
        assert_eq!((listed.len(), &listed[..3]), (30, &names(&item.targets)[..3]));
        assert_eq!(bed.application_view(&web.name).await.expect("read").expect("there").targets.len(), 30);
    }
}
