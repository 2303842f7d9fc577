//! Questions about one object, answered by one GET.

use serde_json::Value;
use windlass_domain::discovery::ApiResource;
use windlass_domain::live::Observed;
use windlass_domain::manifest::ResourceKey;

use super::client::{Cluster, Error, JSON, METADATA};
use super::{path, slim};

/// Whether an object is there and whose it is: its metadata only, without drift and health. The one answer that makes it [`Observed::Absent`] is a
/// `NotFound` that names it; everything else that is not the object is [`Observed::Unknown`], with the reason.
pub async fn look(cluster: &Cluster, resource: &ApiResource, key: &ResourceKey) -> Observed {
    match ask(cluster, resource, key, METADATA).await {
        Ok(Some(object)) => Observed::Present(slim::metadata(&object)),
        Ok(None) => Observed::Absent,
        Err(error) => Observed::Unknown(error.to_string()),
    }
}

/// The whole object, with `managedFields`; `None` when it is proved not to be there.
pub async fn get(cluster: &Cluster, resource: &ApiResource, key: &ResourceKey) -> Result<Option<Value>, Error> {
    ask(cluster, resource, key, JSON).await
}

async fn ask(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    accept: &'static str,
) -> Result<Option<Value>, Error> {
    match cluster.get::<Value>(&path::object(resource, &key.namespace, &key.name), accept).await {
        Ok(object) if object.get("metadata").is_some_and(Value::is_object) => Ok(Some(object)),
        // Whatever answered, it was not asked for.
        Ok(_) => Err(Error::Malformed("it is no object with metadata".into())),
        Err(error) if error.refused().is_some_and(|refusal| refusal.proves_absence_of(&key.name)) => Ok(None),
        Err(error) => Err(error),
    }
}
