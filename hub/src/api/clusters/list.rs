//! `GET /clusters` and `GET /clusters/{name}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use windlass_store::{ClusterView, ListQuery, Store};

use crate::api::caller::{Caller, Named};
use crate::api::error::Result;
use crate::api::input::Parameters;
use crate::api::listing::{self, Listing};
use crate::api::view::{CertificateView, ClusterObject, Page};
use crate::api::{Shared, route};

/// A page of clusters.
#[utoipa::path(get, path = "/api/v1/clusters", tag = "clusters",
    params(("search" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<ClusterObject>)))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<ClusterObject>>> {
    let query = parameters.only(&["search", "limit", "after"])?.list()?;
    let now = shared.state.clock.now();
    let freezes = shared.state.store.freezes().await?;
    let upgrade = super::upgrade::Newest::read(&shared).await?;
    let show = |view: ClusterView| {
        let upgrade = upgrade.of(view.cluster.uid);
        ClusterObject { upgrade, ..ClusterObject::of(view, now).frozen_by(&freezes) }
    };
    listing::visible(&caller, &Clusters(shared.state.store), query, show).await.map(Json)
}

struct Clusters(Arc<dyn Store>);

impl Listing for Clusters {
    type Item = ClusterView;
    const RESOURCE: &'static str = route::CLUSTERS;

    async fn fetch(&self, query: &ListQuery) -> Result<windlass_store::Page<ClusterView>> {
        Ok(self.0.list_clusters(query).await?)
    }

    async fn object(&self, view: &ClusterView) -> Result<String> {
        Ok(view.cluster.name.clone())
    }
}

/// One cluster with its session.
#[utoipa::path(get, path = "/api/v1/clusters/{name}", tag = "clusters", params(("name" = String, Path)),
    responses((status = 200, body = ClusterObject), (status = 404, body = crate::api::error::Problem)))]
pub(crate) async fn get(State(shared): State<Shared>, Named(view): Named<ClusterView>) -> Result<Json<ClusterObject>> {
    let (store, authority, clock) = (&shared.state.store, &shared.state.authority, &shared.state.clock);
    // The one in use; before its first use, the newest.
    let used = match &view.identity.current {
        Some(serial) => store.certificate(serial).await?,
        None => store.newest_certificate(view.cluster.uid).await?,
    };
    let now = clock.now();
    let certificate = used.map(|newest| CertificateView::of(newest, authority.trust_domain(), now));
    let freezes = store.freezes().await?;
    let frozen_targets = shared.state.registry.frozen_on(view.cluster.uid).into_iter().map(Into::into).collect();
    let upgrade = super::upgrade::of_cluster(&shared, view.cluster.uid).await?;
    Ok(Json(ClusterObject { certificate, frozen_targets, upgrade, ..ClusterObject::of(view, now).frozen_by(&freezes) }))
}
