//! Contents by digest, only what the caller's own targets lead to.

use tokio::sync::mpsc;
use tonic::Status;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_proto::contents::{self, MAX_DIGESTS};
use windlass_proto::v1;
use windlass_store::Store;

/// Parts on their way to one caller; they are at most 64 KiB.
pub(super) const PARTS_AHEAD: usize = 8;
/// Contents that are read from the store at once; each is at most some 1.5 MiB before it is compressed.
const AT_ONCE: usize = 16;

/// The digests of a request.
pub(super) fn digests(request: &v1::FetchRequest) -> Result<Vec<Digest>, Status> {
    if request.digests.len() > MAX_DIGESTS {
        return Err(Status::invalid_argument(format!("{} digests; the limit is {MAX_DIGESTS}", request.digests.len())));
    }
    let read = |bytes| windlass_proto::convert::digest("digests", bytes);
    let digests: Result<Vec<Digest>, _> = request.digests.iter().map(|bytes| read(bytes)).collect();
    digests.map_err(|invalid| Status::invalid_argument(invalid.to_string()))
}

/// Sends contents in the order asked for, until the caller no longer listens.
pub(super) async fn send(
    store: &dyn Store,
    cluster: Uuid,
    digests: &[Digest],
    parts: &mpsc::Sender<Result<v1::FetchPart, Status>>,
) {
    for wanted in digests.chunks(AT_ONCE) {
        let mut found = match store.contents(cluster, wanted).await {
            Ok(found) => found.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            Err(error) => {
                tracing::warn!(%cluster, %error, "contents could not be read");
                // Who no longer listens needs no answer.
                let _ = parts.send(Err(Status::unavailable("the hub's store does not answer"))).await;
                return;
            }
        };
        for digest in wanted {
            let Some(compressed) = found.remove(digest) else {
                tracing::warn!(%cluster, %digest, "a content was asked for that the cluster's targets do not lead to");
                if parts.send(Ok(contents::not_found(*digest))).await.is_err() {
                    return;
                }
                continue;
            };
            for part in contents::parts(*digest, compressed.into()) {
                if parts.send(Ok(part)).await.is_err() {
                    return;
                }
            }
        }
    }
}
